"""The clip gallery over HTTP."""

from typing import Any

import httpx

from models.jobs import Scene, SceneStatus
from storage.database import get_database

TYPES = {
    "id": str, "jobId": int, "subJobNumber": int, "modelId": str, "videoUrl": str, "thumbnailUrl": str, "status": str,
    "durationSeconds": float, "progress": float, "createdAt": str, "prompt": str, "assetIds": list,
}  # fmt: skip


def listed(client: httpx.Client, **query: Any) -> tuple[list[dict[str, Any]], int]:
    answer = client.get("/api/v3/ai-videos", params=query)
    assert answer.status_code == 200
    body = answer.json()
    assert (body.keys(), body["error"], body["meta"].keys()) == ({"data", "error", "meta"}, None, {"timestamp"})
    for video in body["data"]["videos"]:
        assert {name: type(video[name]) for name in TYPES} == TYPES
        assert video.keys() == {*TYPES, "errorMessage", "completedAt"}
    return body["data"]["videos"], body["data"]["total"]


def test_every_clip_is_an_entry_of_its_own(film: Any, create: Any, client: httpx.Client) -> None:
    assert listed(client) == ([], 0)
    job_id = film(pictures=4)
    waiting = create(4)["job_id"]
    videos, total = listed(client)
    assert [(video["jobId"], video["subJobNumber"]) for video in videos] == [(job_id, 2), (job_id, 1)]
    assert total == 2
    newest = videos[0]
    assert (newest["status"], newest["progress"], newest["modelId"], newest["errorMessage"]) == (
        "completed", 100.0, "local", None,
    )  # fmt: skip
    assert newest["durationSeconds"] == 0.4
    assert newest["completedAt"] >= newest["createdAt"]
    assert client.get(newest["videoUrl"]).headers["content-type"] == "video/mp4"
    assert client.get(newest["thumbnailUrl"]).headers["content-type"] == "image/jpeg"
    everything, total = listed(client, status="all")
    assert [video["jobId"] for video in everything] == [waiting, waiting, job_id, job_id]
    assert total == 4
    unfinished = listed(client, status="pending")[0][0]
    assert (unfinished["videoUrl"], unfinished["thumbnailUrl"], unfinished["completedAt"]) == ("", "", None)
    assert listed(client, status="failed") == listed(client, status="unknown") == ([], 0)
    assert [video["id"] for video in listed(client, limit=1, offset=1)[0]] == [videos[1]["id"]]
    assert listed(client, limit="x", offset=20) == ([], 2)


def test_fields_keep_their_type_when_there_is_nothing_to_say(create: Any, client: httpx.Client) -> None:
    job_id = create(2)["job_id"]
    with get_database().write() as session:
        scene = session.get_one(Scene, listed(client, status="all")[0][0]["id"])
        scene.status, scene.error, scene.first_asset_id = SceneStatus.FAILED, "no luck", None
        scene.model, scene.duration_s = None, 4
    (failed,), total = listed(client, status="failed")
    assert (failed["jobId"], failed["modelId"], failed["errorMessage"], failed["assetIds"][0], total) == (
        job_id, "", "no luck", "", 1,
    )  # fmt: skip
    with get_database().write() as session:
        scene = session.get_one(Scene, failed["id"])
        scene.clip = {"engine": "replicate", "technique": "google/veo-3.1", "duration_s": 4}
    assert listed(client, status="failed")[0][0]["modelId"] == "google/veo-3.1"
