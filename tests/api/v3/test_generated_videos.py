"""Finished videos across all jobs."""

from typing import Any

import httpx

from models.campaigns import Client
from models.jobs import Job
from storage.database import get_database


def test_only_published_videos_are_listed(film: Any, create: Any, client: httpx.Client) -> None:
    create()
    older, newer = film(pictures=2), film(pictures=4, client_id="whoever")
    answer = client.get("/api/v3/generated-videos").json()
    assert answer["meta"] == {"count": 2, "limit": 25, "offset": 0}
    assert [video["job_id"] for video in answer["data"]] == [newer, older]
    video = answer["data"][0]
    assert set(video) >= {
        "job_id", "video_name", "status", "type", "estimated_cost", "costs", "campaign_id", "client_id", "inserted_at",
        "updated_at", "storyboard", "total_duration", "video_url", "thumbnail_url",
    }  # fmt: skip
    shown = client.get(f"/api/v3/jobs/{newer}").json()
    assert (video["storyboard"], video["total_duration"]) == (shown["storyboard"], 0.8)
    assert (video["client_id"], video["status"], video["type"]) == ("whoever", "completed", "image_pairs")
    assert client.get(video["video_url"]).status_code == client.get(video["thumbnail_url"]).status_code == 200

    def ids(**query: Any) -> list[int]:
        return [video["job_id"] for video in client.get("/api/v3/generated-videos", params=query).json()["data"]]

    assert ids(job_id=older) == ids(jobId=older) == [older]
    assert ids(campaign_id=shown["campaign_id"]) == [newer]
    assert ids(client_id="whoever") == [newer]
    assert ids(campaign_id=shown["campaign_id"], job_id=older) == []
    assert ids(job_id="x") == ids(job_id="999999") == ids(client_id="nobody") == ids(campaign_id="%00") == []
    assert ids(limit=1) == [newer]
    assert ids(limit=1, offset=1) == [older]
    assert client.get("/api/v3/generated-videos?limit=0&offset=x").json()["meta"] == {
        "count": 1, "limit": 1, "offset": 0,
    }  # fmt: skip


def test_the_campaigns_client_counts_as_the_jobs(film: Any, client: httpx.Client) -> None:
    job_id = film(pictures=2)
    with get_database().write() as session:
        job = session.get_one(Job, job_id)
        owner, job.client_id = job.client_id, None
        other = Client(name="Other")
        session.add_all([job, other])
    listed = client.get("/api/v3/generated-videos", params={"client_id": owner}).json()["data"]
    assert [(video["job_id"], video["client_id"]) for video in listed] == [(job_id, owner)]
    assert client.get("/api/v3/generated-videos", params={"client_id": other.id}).json()["data"] == []
