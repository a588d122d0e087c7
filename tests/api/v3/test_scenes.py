"""Scenes over HTTP: shown, changed, moved, made anew, deleted."""

import threading
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from models.errors import InvalidMedia
from models.jobs import Job, JobStatus, Scene, SceneStatus
from storage.database import get_database

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def scene_path(made: dict[str, Any], number: int = 1) -> str:
    return f"/api/v3/jobs/{made['job_id']}/scenes/{made['storyboard']['scenes'][number - 1]['scene_id']}"


def put_status(scene_id: str, status: SceneStatus) -> None:
    with get_database().write() as session:
        scene = session.get_one(Scene, scene_id)
        scene.status = status
        session.add(scene)


def put_job_status(job_id: int, status: JobStatus) -> None:
    with get_database().write() as session:
        job = session.get_one(Job, job_id)
        job.status = status
        session.add(job)


def titles(client: httpx.Client, job_id: int) -> list[str]:
    scenes = client.get(f"/api/v3/jobs/{job_id}/scenes").json()["scenes"]
    assert [scene["scene_number"] for scene in scenes] == list(range(1, len(scenes) + 1))
    return [scene["title"] for scene in scenes]


@pytest.fixture
def titled(create: Any, client: httpx.Client) -> dict[str, Any]:
    """A pending job whose scenes are called A, B and C."""
    made = create(pictures=6)
    for number, title in enumerate("ABC", start=1):
        client.patch(scene_path(made, number), json={"title": title})
    return dict(made)


def test_list_and_show(create: Any, client: httpx.Client) -> None:
    made = create(pictures=6)
    listed = client.get(f"/api/v3/jobs/{made['job_id']}/scenes").json()
    assert {key: listed[key] for key in ("job_id", "total_scenes", "completed_scenes", "progress_percentage")} == {
        "job_id": made["job_id"], "total_scenes": 3, "completed_scenes": 0, "progress_percentage": 0.0,
    }  # fmt: skip
    assert set(listed["scenes"][0]) >= {
        "id", "status", "provider_id", "has_video", "inserted_at", "updated_at", "scene_number", "title", "prompt",
        "duration", "scene_type", "asset_ids", "error", "clip_url", "thumbnail_url",
    }  # fmt: skip
    shown = client.get(scene_path(made, 2)).json()
    assert (shown["job_id"], shown["job_status"]) == (made["job_id"], "pending")
    scene = shown["scene"]
    assert (scene["scene_number"], scene["job_id"], scene["video_blob_size"]) == (2, made["job_id"], 0)
    assert (scene["status"], scene["has_video"], scene["clip_url"], scene["thumbnail_url"]) == (
        "pending", False, None, None,
    )  # fmt: skip
    put_status(made["storyboard"]["scenes"][0]["scene_id"], SceneStatus.COMPLETED)
    assert client.get(f"/api/v3/jobs/{made['job_id']}/scenes").json()["progress_percentage"] == 33.33


def test_checks_come_in_order(create: Any, client: httpx.Client) -> None:
    made, other = create(), create()
    job_id, foreign = made["job_id"], other["storyboard"]["scenes"][0]["scene_id"]
    bad = {"status": "odd"}
    calls = [("GET", ""), ("PUT", ""), ("PATCH", ""), ("POST", "/regenerate"), ("DELETE", "")]
    for method, tail in calls:
        body = {"json": bad} if method in ("PUT", "PATCH") else {}

        def ask(job: Any, scene: str, method: str = method, tail: str = tail, body: Any = body) -> tuple[int, Any]:
            got = client.request(method, f"/api/v3/jobs/{job}/scenes/{scene}{tail}", **body)
            return got.status_code, got.json()

        assert ask(999999, foreign) == (404, {"error": "Job not found", "job_id": "999999"})
        assert ask("x", "y") == (404, {"error": "Job not found", "job_id": "x"})
        for unknown in (UNKNOWN, "y", foreign.upper()):
            assert ask(job_id, unknown) == (404, {"error": "Scene not found", "scene_id": unknown})
        assert ask(job_id, foreign) == (
            422,
            {"error": "Scene does not belong to this job", "scene_id": foreign, "job_id": job_id},
        )
    scene_id = made["storyboard"]["scenes"][0]["scene_id"]
    put_status(scene_id, SceneStatus.RUNNING)
    got = client.put(scene_path(made), json=bad)
    assert (got.status_code, got.json()) == (422, {"error": "Validation failed", "details": {"status": ["is invalid"]}})


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"title": " ", "prompt": None}, {"title": ["can't be blank"], "prompt": ["can't be blank"]}),
        ({"script": ""}, {"description": ["can't be blank"]}),
        ({"title": ["a"]}, {"title": ["is invalid"]}),
        ({"duration": 0}, {"duration": ["must be greater than 0"]}),
        ({"duration": "61"}, {"duration": ["must be less than or equal to 60"]}),
        ({"duration": None}, {"duration": ["is invalid"]}),
        ({"transition": "x" * 33}, {"transition": ["should be at most 32 character(s)"]}),
        ({"model": "crystal ball"}, {"model": ["is not supported"]}),
        ({"aspectRatio": "7:7"}, {"aspect_ratio": ["is not supported"]}),
        ({"asset_ids": "ab"}, {"asset_ids": ["must be an array of strings"]}),
        ({"assets": [1, 2]}, {"asset_ids": ["must be an array of strings"]}),
        ({"assets": [UNKNOWN]}, {"asset_ids": ["is invalid"]}),
        ({"assetIds": [UNKNOWN, "\0"]}, {"asset_ids": ["does not exist"]}),
        ({"first_asset_id": UNKNOWN}, {"first_asset_id": ["does not exist"]}),
        ({"last_asset_id": 7}, {"last_asset_id": ["is invalid"]}),
        ({"scene_number": 0}, {"scene_number": ["must be greater than 0"]}),
        ({"scene_number": 3}, {"scene_number": ["is invalid"]}),
    ],
)
def test_what_cannot_be_used_is_named(
    create: Any, client: httpx.Client, body: dict[str, Any], details: dict[str, Any]
) -> None:
    made = create(pictures=4)
    got = client.put(scene_path(made), json=body)
    assert (got.status_code, got.json()) == (422, {"error": "Validation failed", "details": details})
    assert client.get(f"/api/v3/jobs/{made['job_id']}").json()["storyboard"] == made["storyboard"]


def test_a_creative_edit_changes_the_storyboard(create: Any, client: httpx.Client, worker: Any) -> None:
    made = create(pictures=4)
    swapped = made["storyboard"]["scenes"][0]["asset_ids"][::-1]
    body = {
        "title": " New ", "script": "Said", "prompt": "Seen", "duration": "1.5", "transition": "cut",
        "scene_type": "pool", "model": "DRAFT", "aspect_ratio": "1:1", "assets": swapped, "unknown": 1,
    }  # fmt: skip
    got = client.patch(scene_path(made), json=body)
    assert (got.status_code, got.json()["message"]) == (200, "Scene updated successfully")
    assert got.json()["scene"]["asset_ids"] == swapped
    storyboard = client.get(f"/api/v3/jobs/{made['job_id']}").json()["storyboard"]
    entry = storyboard["scenes"][0]
    assert [entry[key] for key in ("title", "description", "prompt", "duration", "transition")] == [
        "New", "Said", "Seen", 1.5, "cut",
    ]  # fmt: skip
    assert [entry[key] for key in ("scene_type", "model", "aspect_ratio")] == ["pool", "draft", "1:1"]
    assert (entry["first_asset_id"], entry["last_asset_id"]) == tuple(swapped)
    assert (storyboard["scenes"][1]["time_start"], storyboard["total_duration"]) == (1.5, 1.9)
    back = client.patch(scene_path(made), json={"firstAssetId": swapped[1], "last_asset_id": swapped[0]}).json()
    assert back["scene"]["asset_ids"] == swapped[::-1]
    assert client.put(scene_path(made), content=b"").status_code == 200


def test_a_scene_being_rendered_cannot_be_edited(create: Any, client: httpx.Client) -> None:
    made = create(pictures=4)
    scene_id = made["storyboard"]["scenes"][0]["scene_id"]
    assert client.put(scene_path(made), json={"status": "processing", "provider_id": "p-1"}).status_code == 200
    for body in ({"title": "No"}, {"scene_number": 2}):
        got = client.put(scene_path(made), json=body)
        assert (got.status_code, got.json()) == (
            422,
            {"error": "Scene cannot be edited", "scene_id": scene_id, "reason": "Scene is currently processing"},
        )
    got = client.post(f"{scene_path(made)}/regenerate")
    assert (got.status_code, got.json()) == (
        422,
        {"error": "Scene cannot be regenerated", "scene_id": scene_id, "reason": "Scene is currently processing"},
    )


def test_setting_a_status_starts_nothing_and_counts(create: Any, client: httpx.Client, worker: Any) -> None:
    made = create(pictures=6)
    path = f"/api/v3/jobs/{made['job_id']}"
    told = []
    for number, status in ((1, "completed"), (2, "failed"), (3, "processing"), (2, "completed"), (3, "completed")):
        assert client.put(scene_path(made, number), json={"status": status}).json()["scene"]["status"] == status
        job = client.get(path).json()
        told.append((job["current_stage"], job["progress_percentage"], job["progress"]["failed_scenes"]))
    assert told == [
        ("pending", 33.33, 0), ("processing_with_errors", 33.33, 1), ("processing", 33.33, 1),
        ("processing", 66.67, 0), ("completed", 100.0, 0),
    ]  # fmt: skip
    assert job["status"] == "pending"
    with get_database().read() as session:
        assert session.get_one(Job, made["job_id"]).wanted_attempt == 1


def test_moving_keeps_a_permutation(titled: dict[str, Any], client: httpx.Client, worker: Any) -> None:
    job_id = titled["job_id"]
    worker.rendering = False
    got = client.patch(scene_path(titled, 1), json={"scene_number": 3})
    assert (got.status_code, got.json()["scene"]["scene_number"]) == (200, 3)
    assert titles(client, job_id) == ["B", "C", "A"]
    client.patch(scene_path(titled, 1), json={"sceneNumber": "1", "title": "Z"})
    assert titles(client, job_id) == ["Z", "B", "C"]
    client.patch(scene_path(titled, 2), json={"scene_number": 2})
    assert titles(client, job_id) == ["Z", "B", "C"]
    client.post(f"/api/v3/jobs/{job_id}/approve")
    refused = client.patch(scene_path(titled, 1), json={"scene_number": 2})
    assert (refused.status_code, refused.json()["error"]) == (422, "Scene cannot be edited")
    assert client.patch(scene_path(titled, 1), json={"title": "Y"}).status_code == 200
    assert titles(client, job_id) == ["Y", "B", "C"]


def test_delete_closes_the_gap(titled: dict[str, Any], client: httpx.Client, worker: Any) -> None:
    job_id, gone = titled["job_id"], titled["storyboard"]["scenes"][0]["scene_id"]
    got = client.delete(scene_path(titled, 1))
    assert (got.status_code, got.json()) == (
        200,
        {"message": "Scene deleted successfully", "scene_id": gone, "job_id": job_id},
    )
    assert client.delete(scene_path(titled, 1)).status_code == 404
    assert titles(client, job_id) == ["B", "C"]
    job = client.get(f"/api/v3/jobs/{job_id}").json()
    assert [scene["time_start"] for scene in job["storyboard"]["scenes"]] == [0.0, 0.4]
    assert (job["progress"]["total_scenes"], job["storyboard"]["total_duration"]) == (2, 0.8)
    worker.rendering = False
    client.post(f"/api/v3/jobs/{job_id}/approve")
    for status in (JobStatus.APPROVED, JobStatus.RUNNING):
        put_job_status(job_id, status)
        refused = client.delete(scene_path(titled, 2))
        assert (refused.status_code, refused.json()["reason"]) == (422, "Cannot delete scene while job is processing")
        assert refused.json()["error"] == "Scene cannot be deleted"


def test_regenerate_renders_one_scene_and_publishes_a_revision(
    film: Any, client: httpx.Client, worker: Any, engine: Any
) -> None:
    job_id = film(pictures=4)
    path = f"/api/v3/jobs/{job_id}"
    scenes = client.get(f"{path}/scenes").json()["scenes"]
    old = client.get(f"/api/v3/videos/{job_id}/combined")
    begun, go_on = threading.Event(), threading.Event()

    def wait(_shot: Any, _progress: Any) -> None:
        begun.set()
        assert go_on.wait(60)

    calls, engine.before = len(engine.calls), wait
    got = client.post(
        f"{path}/scenes/{scenes[0]['id']}/regenerate", json={"assets": scenes[1]["asset_ids"], "prompt": "Anew"}
    )
    assert (got.status_code, got.json()["message"]) == (200, "Scene marked for regeneration")
    scene = got.json()["scene"]
    assert (scene["status"], scene["provider_id"], scene["has_video"], scene["clip_url"]) == (
        "pending", None, False, None,
    )  # fmt: skip
    assert begun.wait(60)
    during = client.get(path).json()
    assert (during["status"], during["progress"]["run"], during["error"]) == ("processing", 2, None)
    assert during["result"]["revision"] == 1
    assert client.get(during["result"]["video_url"]).content == old.content
    assert client.get(f"/api/v3/videos/{job_id}/clips/{scenes[0]['id']}").json() == {"error": "Clip video not ready"}
    go_on.set()
    worker.settle()
    after = client.get(path).json()
    assert (after["status"], after["result"]["revision"], len(engine.calls) - calls) == ("completed", 2, 1)
    assert after["result"]["video_url"] == f"/api/v3/videos/{job_id}/combined?v=2"
    assert client.get(after["result"]["video_url"]).headers["etag"] != old.headers["etag"]
    now = client.get(f"{path}/scenes").json()["scenes"]
    assert [scene["id"] for scene in now] == [scene["id"] for scene in scenes]
    assert now[0]["clip_url"].endswith(f"clip_{scenes[0]['id']}.mp4?v=2")
    assert now[1]["clip_url"] == scenes[1]["clip_url"]
    assert client.get(path).json()["storyboard"]["scenes"][0]["prompt"] == "Anew"


def test_a_failed_take_leaves_what_is_published(film: Any, client: httpx.Client, worker: Any, engine: Any) -> None:
    job_id = film(pictures=4)
    path = f"/api/v3/jobs/{job_id}"
    scene_id = client.get(f"{path}/scenes").json()["scenes"][0]["id"]
    old = client.get(f"/api/v3/videos/{job_id}/combined").headers["etag"]

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("not again")

    engine.before = refuse
    client.post(f"{path}/scenes/{scene_id}/regenerate")
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["error"], job["result"]["revision"]) == ("completed", None, 1)
    assert client.get(f"/api/v3/videos/{job_id}/combined").headers["etag"] == old
    scene = client.get(f"{path}/scenes/{scene_id}").json()["scene"]
    assert (scene["status"], scene["error"]) == ("failed", "not again")

    assert client.post(f"{path}/retry").json()["retried_scenes"] == [scene_id]
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["result"]["revision"]) == ("completed", 1), "a retry that fails must not lose a scene"

    engine.before = lambda shot, progress: None
    client.post(f"{path}/retry")
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["result"]["partial"], job["progress"]["run"]) == ("completed", False, 4)


def test_delete_on_a_completed_job_stitches_again(film: Any, client: httpx.Client, worker: Any, engine: Any) -> None:
    job_id = film(pictures=4)
    path = f"/api/v3/jobs/{job_id}"
    scenes, calls = client.get(f"{path}/scenes").json()["scenes"], len(engine.calls)
    client.delete(f"{path}/scenes/{scenes[0]['id']}")
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["result"]["revision"], job["progress"]["run"]) == ("completed", 2, 1)
    assert job["result"]["duration"] == pytest.approx(0.4, abs=0.05)
    assert [clip["scene_id"] for clip in job["result"]["clips"]] == [scenes[1]["id"]]
    assert len(engine.calls) == calls, "deleting must not render"
    client.delete(f"{path}/scenes/{scenes[1]['id']}")
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["result"]["revision"]) == ("completed", 2)
    assert client.get(job["result"]["video_url"]).status_code == 200


def test_moving_on_a_completed_job_stitches_again(film: Any, client: httpx.Client, worker: Any, engine: Any) -> None:
    job_id = film(pictures=4)
    path = f"/api/v3/jobs/{job_id}"
    scenes, calls = client.get(f"{path}/scenes").json()["scenes"], len(engine.calls)
    client.patch(f"{path}/scenes/{scenes[0]['id']}", json={"scene_number": 2})
    worker.settle()
    job = client.get(path).json()
    assert (job["status"], job["result"]["revision"], len(engine.calls)) == ("completed", 2, calls)
    assert [clip["scene_id"] for clip in job["result"]["clips"]] == [scenes[1]["id"], scenes[0]["id"]]


def test_an_edit_of_a_finished_scene_renders_nothing(film: Any, client: httpx.Client, worker: Any, engine: Any) -> None:
    job_id = film(pictures=2)
    path = f"/api/v3/jobs/{job_id}"
    scene_id, calls = client.get(f"{path}/scenes").json()["scenes"][0]["id"], len(engine.calls)
    assert client.put(f"{path}/scenes/{scene_id}", json={"prompt": "Other"}).json()["scene"]["has_video"] is True
    worker.settle()
    assert (client.get(path).json()["status"], len(engine.calls)) == ("completed", calls)


@pytest.mark.parametrize(
    ("method", "tail", "error"),
    [
        ("PUT", "", "Failed to update scene"),
        ("POST", "/regenerate", "Failed to regenerate scene"),
        ("DELETE", "", "Failed to delete scene"),
    ],
)
def test_a_broken_database_is_said(
    create: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, method: str, tail: str, error: str
) -> None:
    made = create(pictures=2)

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("UPDATE secret", {}, Exception("disk"))

    for name in ("update_scene", "regenerate_scene", "delete_scene"):
        monkeypatch.setattr(f"storage.scene_edits.{name}", fail)
    got = client.request(method, f"{scene_path(made)}{tail}")
    assert (got.status_code, got.json()["error"]) == (500, error)
    assert "secret" not in got.text
