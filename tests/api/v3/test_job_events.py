"""A job's live events over a real socket."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import api.app
import api.v3.job_events
from api.events import event_hub
from models.events import job_topic
from models.jobs import Job
from storage import jobs
from storage.database import get_database
from storage.events import append_event, events_after


def stream(client: httpx.Client, job_id: int, last_id: int | str | None = None) -> Iterator[tuple[int, str, Any]]:
    """Yield the events of a stream as (id, type, data)."""
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    with client.stream("GET", f"/api/v3/jobs/{job_id}/events", headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


def test_a_job_is_followed_from_storyboard_to_film(
    prefect_test_server: None, create: Any, client: httpx.Client, worker: Any
) -> None:
    job_id = create(pictures=4)["job_id"]
    told: list[tuple[int, str, Any]] = []
    begun = threading.Event()

    def follow() -> None:
        for event in stream(client, job_id):
            told.append(event)
            begun.set()

    follower = threading.Thread(target=follow)
    follower.start()
    assert begun.wait(30)
    client.post(f"/api/v3/jobs/{job_id}/approve")
    worker.settle()
    follower.join(30)
    assert not follower.is_alive(), "the stream must end with the job"
    ids = [id for id, _, _ in told]
    assert ids == sorted(set(ids))
    assert (told[0][1], told[0][2]["status"], told[0][2]["job_id"]) == ("snapshot", "pending", job_id)
    assert [data["status"] for _, type, data in told if type == "job"] == ["approved", "processing", "completed"]
    assert {type for _, type, _ in told} == {"snapshot", "job", "scene", "progress", "done"}
    assert told[-1][1] == "done"
    assert told[-1][2] == client.get(f"/api/v3/jobs/{job_id}").json()
    scenes = [data for _, type, data in told if type == "scene"]
    assert [scene["status"] for scene in scenes].count("completed") == 2
    assert scenes[0].keys() == client.get(f"/api/v3/jobs/{job_id}/scenes/{scenes[0]['id']}").json()["scene"].keys()
    percentages = [data["percentage"] for _, type, data in told if type == "progress"]
    assert percentages == sorted(percentages)

    missed = list(stream(client, job_id, told[1][0]))
    assert [(id, type) for id, type, _ in missed] == [(id, type) for id, type, _ in told[2:]]
    assert [data["status"] for _, type, data in missed if type == "job"] == ["processing", "completed"]

    for last in (told[-1][0], told[-1][0] + 1000, "nonsense", "9" * 30):
        again = list(stream(client, job_id, last))
        assert [type for _, type, _ in again] == ["snapshot", "done"]
        assert again[0][0] < again[1][0]
    assert [type for _, type, _ in stream(client, job_id)] == ["snapshot", "done"]


def test_reconnecting_gets_what_was_missed_and_goes_on(create: Any, client: httpx.Client, worker: Any) -> None:
    worker.rendering = False
    job_id = create()["job_id"]
    first = stream(client, job_id)
    last_id, type, _ = next(first)
    assert type == "snapshot"
    first.close()
    client.post(f"/api/v3/jobs/{job_id}/approve")
    again = stream(client, job_id, last_id)
    id, type, data = next(again)
    assert (id > last_id, type, data["status"]) == (True, "job", "approved")
    client.post(f"/api/v3/jobs/{job_id}/cancel")
    rest = list(again)
    assert [type for _, type, _ in rest][-2:] == ["job", "done"]
    assert rest[-1][2]["status"] == "cancelled"


def test_a_change_after_the_end_gives_a_fresh_snapshot(create: Any, client: httpx.Client) -> None:
    made = create(pictures=4)
    path = f"/api/v3/jobs/{made['job_id']}"
    client.post(f"{path}/cancel")
    done = list(stream(client, made["job_id"]))[-1][0]
    client.patch(f"{path}/scenes/{made['storyboard']['scenes'][0]['scene_id']}", json={"title": "After"})
    again = list(stream(client, made["job_id"], done))
    assert [type for _, type, _ in again] == ["snapshot", "done"]
    assert again[0][2]["storyboard"]["scenes"][0]["title"] == "After"
    assert again[-1][0] > done


def test_an_old_end_does_not_close_a_stream_that_goes_on(create: Any, client: httpx.Client) -> None:
    made = create(pictures=4)
    path = f"/api/v3/jobs/{made['job_id']}"
    client.post(f"{path}/cancel")
    client.post(f"{path}/retry")
    follow = stream(client, made["job_id"], 0)
    told = [next(follow)]
    while told[-1][2].get("progress", {}).get("run") != 2:
        told.append(next(follow))
    assert "done" not in [type for _, type, _ in told]
    client.post(f"{path}/cancel")
    assert [type for _, type, _ in follow][-1] == "done"


def test_an_end_that_arrives_after_a_retry_is_no_end(create: Any, client: httpx.Client) -> None:
    job_id = create()["job_id"]
    client.post(f"/api/v3/jobs/{job_id}/cancel")
    with get_database().read() as session:
        done = events_after(session, job_topic(job_id))[-1]
    assert done.type == "done"
    assert api.v3.job_events._tell(job_id, done)[1] is True
    client.post(f"/api/v3/jobs/{job_id}/retry")
    assert api.v3.job_events._tell(job_id, done) == (None, False)


def test_a_scene_that_is_gone_is_passed_over(create: Any, client: httpx.Client) -> None:
    made = create(pictures=4)
    path = f"/api/v3/jobs/{made['job_id']}"
    scene = f"{path}/scenes/{made['storyboard']['scenes'][0]['scene_id']}"
    client.patch(scene, json={"title": "Soon gone"})
    client.delete(scene)
    client.post(f"{path}/cancel")
    told = list(stream(client, made["job_id"], 0))
    assert [type for _, type, _ in told if type == "scene"] == []
    assert told[-1][1] == "done"


def test_too_much_missed_gives_a_snapshot(create: Any, client: httpx.Client) -> None:
    job_id = create()["job_id"]
    with get_database().write() as session:
        for _ in range(1001):
            append_event(session, job_topic(job_id), "progress", {"percentage": 1.0})
    client.post(f"/api/v3/jobs/{job_id}/cancel")
    assert [type for _, type, _ in stream(client, job_id, 1)] == ["snapshot", "done"]


def test_quiet_streams_say_so_and_leave_nothing(
    home: object, submitter: Any, listening: Any, make_campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.runs import ImagePairsRequest

    monkeypatch.setattr(api.v3.job_events, "KEEP_ALIVE_S", 0.05)
    campaign = make_campaign(pictures=2)
    with get_database().write() as session:
        job: Job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign))
    app = api.app.create_app()
    with listening(app) as client:
        for _ in range(3):
            with client.stream("GET", f"/api/v3/jobs/{job.id}/events") as answer:
                comments = (line for line in answer.iter_lines() if line.startswith(":"))
                assert [next(comments) for _ in range(2)] == [": still here"] * 2
        for _ in range(600):
            if event_hub(app).followers == 0:
                break
            threading.Event().wait(0.05)
        assert event_hub(app).followers == 0
        assert client.get("/api/v3/jobs").status_code == 200
