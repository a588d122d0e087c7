"""Jobs over HTTP: creation, lists, approval, cancelling, retrying."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from models.errors import InvalidMedia
from models.jobs import Job, JobStatus, Scene, SceneStatus
from storage.database import get_database
from storage.progress import scenes_of

CREATE = "/api/v3/jobs/from-image-pairs"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def events(job_id: int) -> list[Any]:
    from models.events import job_topic
    from storage.events import events_after

    with get_database().read() as session:
        return list(events_after(session, job_topic(job_id)))


# --- creation ---------------------------------------------------------------------------------------------------


def test_two_untagged_images_make_a_storyboard(create: Any, client: httpx.Client, worker: Any) -> None:
    made = create(pictures=2)
    scene = made["storyboard"]["scenes"][0]
    assert (made["status"], made["type"], made["message"]) == ("pending", "image_pairs", "Job created successfully")
    assert (made["scene_count"], len(made["storyboard"]["scenes"]), made["storyboard_ready"]) == (1, 1, True)
    assert (made["video_name"], made["planner"], made["total_assets"]) == ("Villa Rosa 1", "template", 2)
    assert (made["estimated_cost"], made["costs"]) == (0.0, {"estimated": 0.0, "currency": "USD"})
    assert (made["num_pairs"], made["clip_duration"]) == (10, 0.4)
    assert "client_id" not in made
    assert all(scene[key] for key in ("title", "description", "prompt", "scene_id"))
    assert scene["asset_ids"] == [scene["first_asset_id"], scene["last_asset_id"]]
    assert len(set(scene["asset_ids"])) == 2
    assert (scene["duration"], scene["time_start"], scene["time_end"]) == (0.4, 0.0, 0.4)
    assert made["storyboard"]["total_duration"] == 0.4


def test_names_count_up_and_parameters_survive(create: Any, client: httpx.Client, make_campaign: Any) -> None:
    campaign = make_campaign(pictures=6)
    given = {"note": {"deep": [1, None, "ä"]}, "fps": "24", "aspectRatio": "9:16", "transitions": "true"}
    first = create(campaign_id=campaign, parameters=given, client_id="whoever")
    second = create(campaign_id=campaign, num_pairs=1)
    assert [first["video_name"], second["video_name"]] == ["Villa Rosa 1", "Villa Rosa 2"]
    assert (first["scene_count"], second["scene_count"]) == (3, 1)
    assert first["client_id"] == "whoever"
    shown = client.get(f"/api/v3/jobs/{first['job_id']}").json()
    assert given.items() <= shown["parameters"].items()
    assert (shown["parameters"]["aspect_ratio"], shown["parameters"]["campaign_id"]) == ("9:16", campaign)
    assert (shown["parameters"]["estimated_cost"], shown["parameters"]["cost_currency"]) == (0.0, "USD")
    assert shown["client_id"] == "whoever"
    with get_database().read() as session:
        job = session.get_one(Job, first["job_id"])
    from models.runs import VideoParameters

    assert VideoParameters.model_validate(job.parameters).fps == 24


def test_every_image_is_used_once(create: Any) -> None:
    made = create(pictures=7, num_pairs="30")
    ids = [id for scene in made["storyboard"]["scenes"] for id in scene["asset_ids"]]
    assert (made["scene_count"], made["num_pairs"], len(set(ids))) == (3, 30, 6)


@pytest.mark.parametrize(
    ("body", "duration", "pairs"),
    [
        ({"clip_duration": "soon", "num_pairs": "many"}, 5.0, 10),
        ({"clip_duration": "2.5", "num_pairs": "2"}, 2.5, 2),
        ({"clipDuration": 3, "numPairs": 1}, 3.0, 1),
        ({"clip_duration": None, "num_pairs": None}, 5.0, 10),
        ({"clip_duration": [1], "num_pairs": {}}, 5.0, 10),
        ({"clip_duration": "nan", "num_pairs": True}, 5.0, 10),
        ({"clip_duration": 1, "clipDuration": 9, "num_pairs": 10**30}, 1.0, 10**30),
    ],
)
def test_numbers_are_read_generously(
    create: Any, make_campaign: Any, client: httpx.Client, body: dict[str, Any], duration: float, pairs: int
) -> None:
    made = client.post(CREATE, json={"campaignId": make_campaign(pictures=4), **body}).json()
    assert (made["clip_duration"], made["num_pairs"]) == (duration, pairs)
    assert all(scene["duration"] == duration for scene in made["storyboard"]["scenes"])


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"clip_duration": 0}, {"clip_duration": ["must be greater than 0"]}),
        ({"clip_duration": 60.5}, {"clip_duration": ["must be less than or equal to 60"]}),
        ({"clip_duration": 10**400}, {"clip_duration": ["must be less than or equal to 60"]}),
        ({"num_pairs": 0}, {"num_pairs": ["must be greater than 0"]}),
        ({"video_model": "crystal ball"}, {"video_model": ["is not supported"]}),
        ({"video_model": 7}, {"video_model": ["is not supported"]}),
        ({"model": "crystal ball"}, {"video_model": ["is not supported"]}),
        ({"parameters": {"video_model": "crystal ball"}}, {"video_model": ["is not supported"]}),
        ({"parameters": {"aspect_ratio": "5:5"}}, {"aspect_ratio": ["is not supported"]}),
        ({"parameters": {"fps": 31, "fit": []}}, {"fps": ["is not supported"], "fit": ["is not supported"]}),
        ({"parameters": {"transitions": "perhaps"}}, {"transitions": ["is invalid"]}),
        ({"parameters": []}, {"parameters": ["is invalid"]}),
        ({"client_id": 5}, {"client_id": ["is invalid"]}),
    ],
)
def test_what_cannot_be_used_is_named(
    client: httpx.Client, worker: Any, make_campaign: Any, body: dict[str, Any], details: dict[str, Any]
) -> None:
    answer = client.post(CREATE, json={"campaign_id": make_campaign(pictures=2), **body})
    assert (answer.status_code, answer.json()) == (422, {"error": "Validation failed", "details": details})
    assert client.get("/api/v3/jobs").json()["meta"]["total"] == 0


def test_the_strongest_model_name_wins(create: Any, client: httpx.Client) -> None:
    made = create(video_model="DRAFT", model="local", parameters={"video_model": "auto"})
    assert client.get(f"/api/v3/jobs/{made['job_id']}").json()["parameters"]["video_model"] == "draft"


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ({}, 400, {"error": "campaign_id is required"}),
        ({"campaign_id": "  "}, 400, {"error": "campaign_id is required"}),
        ({"campaign_id": UNKNOWN, "clip_duration": 0}, 404, {"error": "Campaign not found"}),
        ({"campaign_id": 1}, 404, {"error": "Campaign not found"}),
        ({"campaign_id": ["a"]}, 404, {"error": "Campaign not found"}),
        ({"campaign_id": "\0"}, 404, {"error": "Campaign not found"}),
    ],
)
def test_creation_needs_a_campaign(
    client: httpx.Client, body: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    got = client.post(CREATE, json=body)
    assert (got.status_code, got.json()) == (status, answer)


def test_creation_needs_images(client: httpx.Client, make_campaign: Any) -> None:
    from models.assets import Asset

    campaign = make_campaign(pictures=1)
    got = client.post(CREATE, json={"campaign_id": campaign})
    assert (got.status_code, got.json()["error"]) == (
        400,
        "Need at least 2 image assets to start the pipeline, found 1",
    )
    with get_database().write() as session:
        from sqlmodel import delete

        session.exec(delete(Asset))
    got = client.post(CREATE, json={"campaign_id": campaign})
    assert (got.status_code, got.json()) == (400, {"error": "Campaign has no assets"})


def test_without_a_worker_the_answer_comes_without_a_storyboard(
    client: httpx.Client, no_worker: None, make_campaign: Any
) -> None:
    answer = client.post(CREATE, json={"campaign_id": make_campaign(pictures=4)})
    made = answer.json()
    assert (answer.status_code, made["storyboard_ready"], made["scene_count"]) == (201, False, 0)
    assert made["storyboard"] == {"scenes": [], "total_duration": 0.0}
    assert len(made["warnings"]) == 1
    assert "planner" not in made
    refused = client.post(f"/api/v3/jobs/{made['job_id']}/approve")
    assert (refused.status_code, refused.json()["reason"]) == (422, "Storyboard is not ready")


def test_planning_that_fails_is_said(
    client: httpx.Client, worker: Any, make_campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise InvalidMedia("the planner is ill")

    monkeypatch.setattr("providers.planner.template.TemplatePlanner.plan", fail)
    answer = client.post(CREATE, json={"campaign_id": make_campaign(pictures=2)})
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": "Failed to generate scenes", "details": "the planner is ill"},
    )


def test_the_same_request_makes_one_job(client: httpx.Client, worker: Any, make_campaign: Any) -> None:
    campaign = make_campaign(pictures=4)
    headers = {"Idempotency-Key": "once"}
    first, second = (client.post(CREATE, json={"campaign_id": campaign}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = client.post(CREATE, json={"campaign_id": campaign, "num_pairs": 1}, headers=headers)
    assert other.status_code == 409
    assert client.get("/api/v3/jobs").json()["meta"]["total"] == 1


def test_fifty_at_once(client: httpx.Client, worker: Any, make_campaign: Any) -> None:
    campaign = make_campaign(pictures=4)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: client.post(CREATE, json={"campaign_id": campaign}), range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["video_name"] for answer in answers}) == 50
    assert all(answer.json()["scene_count"] == 2 for answer in answers)


# --- show, list -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", ["999999", "0", "-1", "007", "seven", "1.0", "9" * 40, "%00", "١"])
def test_no_such_job(client: httpx.Client, job_id: str) -> None:
    from urllib.parse import unquote

    expected = {"error": "Job not found", "job_id": unquote(job_id)}
    for method, path in (
        ("GET", ""), ("POST", "/approve"), ("POST", "/cancel"), ("POST", "/retry"), ("POST", "/actions"),
        ("GET", "/events"), ("GET", "/scenes"),
    ):  # fmt: skip
        got = client.request(method, f"/api/v3/jobs/{job_id}{path}")
        assert (got.status_code, got.json()) == (404, expected), path


def test_jobs_of_other_surfaces_are_not_shown(create: Any, client: httpx.Client) -> None:
    job_id = create()["job_id"]
    with get_database().write() as session:
        job = session.get_one(Job, job_id)
        job.workflow = "depth-layers"
        session.add(job)
    assert client.get(f"/api/v3/jobs/{job_id}").status_code == 404
    assert client.get("/api/v3/jobs").json()["data"] == []


def test_show(create: Any, client: httpx.Client) -> None:
    made = create(pictures=4)
    shown = client.get(f"/api/v3/jobs/{made['job_id']}").json()
    assert set(shown) >= {
        "job_id", "type", "status", "video_name", "estimated_cost", "costs", "progress_percentage", "current_stage",
        "parameters", "storyboard", "progress", "error", "result", "campaign_id", "client_id", "inserted_at",
        "updated_at",
    }  # fmt: skip
    assert shown["storyboard"] == made["storyboard"]
    assert (shown["progress_percentage"], shown["current_stage"], shown["error"]) == (0.0, "pending", None)
    assert (shown["result"], shown["progress"]["total_scenes"]) == (None, 2)
    assert "error" not in shown["progress"]
    assert len(shown["inserted_at"]) == len("2025-11-22T20:15:03")


def test_list_and_filters(create: Any, client: httpx.Client, make_campaign: Any) -> None:
    campaign = make_campaign(pictures=4, seed=900)
    ids = [create(campaign_id=campaign)["job_id"], create(client_id="whoever")["job_id"], create()["job_id"]]
    client.post(f"/api/v3/jobs/{ids[2]}/cancel")

    def listed(**query: Any) -> list[int]:
        answer = client.get("/api/v3/jobs", params=query).json()
        assert set(answer["meta"]) == {"total", "limit", "offset"}
        return [job["job_id"] for job in answer["data"]]

    assert listed() == ids[::-1]
    assert listed(status="pending") == [ids[1], ids[0]]
    assert listed(status="cancelled", type="image_pairs") == [ids[2]]
    assert listed(campaign_id=campaign) == listed(campaignId=campaign) == [ids[0]]
    assert listed(client_id="whoever") == [ids[1]]
    assert listed(limit=1, offset=1) == [ids[1]]
    for nothing in ({"status": "odd"}, {"type": "odd"}, {"type": "property_video"}, {"status": "rendering"}):
        assert listed(**nothing) == []
    assert listed(campaign_id="odd") == []
    meta = client.get("/api/v3/jobs", params={"limit": "many", "offset": "-5"}).json()["meta"]
    assert meta == {"total": 3, "limit": 25, "offset": 0}
    assert client.get("/api/v3/jobs", params={"limit": 1000}).json()["meta"]["limit"] == 100
    summary = client.get("/api/v3/jobs").json()["data"][0]
    assert set(summary) >= {
        "job_id", "type", "status", "video_name", "estimated_cost", "costs", "progress_percentage", "current_stage",
        "scene_count", "campaign_id", "client_id", "video_url", "error", "inserted_at", "updated_at",
    }  # fmt: skip
    assert (summary["scene_count"], summary["video_url"]) == (2, None)


# --- approve ----------------------------------------------------------------------------------------------------


def test_two_simultaneous_approvals(create: Any, client: httpx.Client, worker: Any) -> None:
    worker.rendering = False
    job_id = create()["job_id"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: client.post(f"/api/v3/jobs/{job_id}/approve"), range(2)))
    good, bad = sorted(answers, key=lambda answer: answer.status_code)
    assert (good.status_code, good.json()) == (
        200,
        {"message": "Job approved successfully", "job_id": job_id, "status": "approved"},
    )
    assert (bad.status_code, bad.json()) == (
        422,
        {
            "error": "Job cannot be approved",
            "job_id": job_id,
            "current_status": "approved",
            "reason": "Job must be in pending state to be approved",
        },
    )


def test_a_job_without_scenes_cannot_be_approved(create: Any, client: httpx.Client) -> None:
    made = create(pictures=2)
    scene_id = made["storyboard"]["scenes"][0]["scene_id"]
    assert client.delete(f"/api/v3/jobs/{made['job_id']}/scenes/{scene_id}").status_code == 200
    got = client.post(f"/api/v3/jobs/{made['job_id']}/approve")
    assert (got.status_code, got.json()["reason"]) == (422, "Job has no scenes")


def test_approval_may_name_the_storyboard(create: Any, client: httpx.Client, worker: Any) -> None:
    worker.rendering = False
    made = create()
    path = f"/api/v3/jobs/{made['job_id']}"
    seen = client.get(path).json()["plan_version"]
    scene_id = made["storyboard"]["scenes"][0]["scene_id"]
    client.patch(f"{path}/scenes/{scene_id}", json={"prompt": "Something else"})
    stale = client.post(f"{path}/approve", json={"plan_version": seen})
    assert stale.status_code == 409
    assert "storyboard has changed" in stale.json()["error"]
    assert client.post(f"{path}/approve", json={"plan_version": "x"}).status_code == 422
    assert client.post(f"{path}/approve", json={"planVersion": seen + 1}).status_code == 200


# --- cancel, retry ----------------------------------------------------------------------------------------------


def test_cancelled_before_approval_keeps_its_scenes_and_can_come_back(create: Any, client: httpx.Client) -> None:
    job_id = create()["job_id"]
    path = f"/api/v3/jobs/{job_id}"
    got = client.post(f"{path}/cancel")
    assert (got.status_code, got.json()) == (
        200,
        {"message": "Job cancelled successfully", "job_id": job_id, "status": "cancelled"},
    )
    assert {scene["status"] for scene in client.get(f"{path}/scenes").json()["scenes"]} == {"pending"}
    again = client.post(f"{path}/cancel")
    assert (again.status_code, again.json()) == (
        422,
        {
            "error": "Job cannot be cancelled",
            "job_id": job_id,
            "current_status": "cancelled",
            "reason": "Job has already finished",
        },
    )
    retried = client.post(f"{path}/retry").json()
    assert (retried["status"], retried["message"]) == ("pending", "Job retry started")
    shown = client.get(path).json()
    assert (shown["status"], shown["current_stage"], shown["progress"]["run"]) == ("pending", "pending", 2)


def test_cancelling_while_rendering_stops_it(
    prefect_test_server: None, create: Any, client: httpx.Client, worker: Any, engine: Any, until: Any
) -> None:
    job_id = create(pictures=4)["job_id"]
    path, begun, stopped = f"/api/v3/jobs/{job_id}", threading.Event(), threading.Event()

    def work_for_long(_shot: Any, progress: Callable[[float], None]) -> None:
        begun.set()
        try:
            for step in range(400):
                progress(step / 400)
                threading.Event().wait(0.05)
        finally:
            stopped.set()

    engine.before = work_for_long
    client.post(f"{path}/approve")
    assert begun.wait(60)
    assert client.post(f"{path}/cancel").status_code == 200
    assert stopped.wait(10), "the work went on"
    worker.settle()
    shown = client.get(path).json()
    assert (shown["status"], shown["current_stage"], shown["result"]) == ("cancelled", "cancelled", None)
    scenes = client.get(f"{path}/scenes").json()["scenes"]
    assert {(scene["status"], scene["error"]) for scene in scenes} == {("failed", "cancelled")}
    assert "error" not in shown["progress"]

    engine.before = lambda shot, progress: None
    retried = client.post(f"{path}/retry").json()
    assert (retried["status"], retried["retried_scenes"]) == ("approved", [scene["id"] for scene in scenes])
    worker.settle()
    shown = client.get(path).json()
    assert (shown["status"], shown["progress"]["run"], shown["result"]["revision"]) == ("completed", 2, 1)


def test_a_complete_job_has_nothing_to_retry_or_cancel(film: Any, client: httpx.Client) -> None:
    job_id = film()
    got = client.post(f"/api/v3/jobs/{job_id}/retry")
    assert (got.status_code, got.json()) == (
        422,
        {
            "error": "Job cannot be retried",
            "job_id": job_id,
            "current_status": "completed",
            "reason": "Job has no failed scenes to retry",
        },
    )
    assert client.post(f"/api/v3/jobs/{job_id}/cancel").status_code == 422
    assert client.post(f"/api/v3/jobs/{job_id}/approve").json()["current_status"] == "completed"
    assert client.post(f"/api/v3/jobs/{job_id}/retry", json={"model": "x"}).status_code == 422


def test_retry_of_a_partial_job_renders_what_failed(
    prefect_test_server: None, create: Any, client: httpx.Client, worker: Any, engine: Any
) -> None:
    made = create(pictures=6)
    path = f"/api/v3/jobs/{made['job_id']}"
    refused: list[Any] = []

    def refuse_one(shot: Any, _progress: Any) -> None:
        if not refused or refused[0] == shot.first_frame:
            refused[:] = [shot.first_frame]
            raise InvalidMedia("not this one")

    engine.before = refuse_one
    client.post(f"{path}/approve")
    worker.settle()
    shown = client.get(path).json()
    assert (shown["status"], shown["result"]["partial"], len(shown["result"]["clips"])) == ("completed", True, 2)
    failed = [scene for scene in client.get(f"{path}/scenes").json()["scenes"] if scene["status"] == "failed"]
    assert [scene["error"] for scene in failed] == ["not this one"]
    assert [scene["has_video"] for scene in failed] == [False]
    calls, engine.before = len(engine.calls), lambda shot, progress: None
    retried = client.post(f"{path}/retry", json={"model": "draft"}).json()
    assert retried["retried_scenes"] == [failed[0]["id"]]
    worker.settle()
    shown = client.get(path).json()
    assert (len(engine.calls) - calls, shown["progress"]["run"]) == (1, 2)
    assert (shown["result"]["partial"], shown["result"]["revision"]) == (False, 2)
    assert shown["result"]["video_url"] == f"/api/v3/videos/{made['job_id']}/combined?v=2"


# --- stages, result, actions ------------------------------------------------------------------------------------


def test_stages_come_in_order_and_the_result_is_measured(film: Any, client: httpx.Client) -> None:
    job_id = film(pictures=4)
    told = [event.payload for event in events(job_id) if event.type == "progress"]
    order = ["pending", "starting_render", "waiting_prediction", "downloading_video", "stitching", "completed"]
    places = [order.index(payload["stage"]) for payload in told]
    assert places == sorted(places)
    assert [payload["percentage"] for payload in told] == sorted(payload["percentage"] for payload in told)
    shown = client.get(f"/api/v3/jobs/{job_id}").json()
    result = shown["result"]
    assert (result["video_url"], result["thumbnail_url"]) == (
        f"/api/v3/videos/{job_id}/combined",
        f"/api/v3/videos/{job_id}/thumbnail",
    )
    assert result["duration"] == pytest.approx(0.8, abs=0.05)
    assert (result["width"], result["height"], result["fps"], result["revision"]) == (64, 36, 30.0, 1)
    assert (result["cost"], result["currency"], result["partial"], result["has_audio"]) == (0.0, "USD", False, False)
    assert [clip["scene_number"] for clip in result["clips"]] == [1, 2]
    for clip in result["clips"]:
        assert client.get(clip["url"]).status_code == 200
        assert client.get(clip["thumbnail_url"]).headers["content-type"] == "image/jpeg"
    assert int(client.head(result["video_url"]).headers["content-length"]) == result["size"]
    assert (shown["progress"]["successful"], shown["progress"]["costs"]["currency"]) == (2, "USD")


def test_actions_answer_like_the_dedicated_endpoints(create: Any, client: httpx.Client, worker: Any) -> None:
    worker.rendering = False
    made = create()
    path = f"/api/v3/jobs/{made['job_id']}/actions"
    scene_id = made["storyboard"]["scenes"][0]["scene_id"]
    odd = client.post(path, json={"action": "explode"})
    assert (odd.status_code, odd.json()) == (
        422,
        {"error": "Validation failed", "details": {"action": ["is not supported"]}},
    )
    assert client.post(path, json={"action": "approve", "payload": []}).json()["details"] == {"payload": ["is invalid"]}
    waiting = client.post(path, json={"action": "regenerate_scene", "payload": {"scene_id": scene_id}})
    assert (waiting.status_code, waiting.json()["reason"]) == (422, "Scene is currently pending")
    missing = client.post(path, json={"action": "regenerate_scene"})
    assert (missing.status_code, missing.json()) == (404, {"error": "Scene not found", "scene_id": ""})
    assert client.post(path, json={"action": "approve"}).json() == {
        "message": "Job approved successfully", "job_id": made["job_id"], "status": "approved",
    }  # fmt: skip
    assert client.post(path, json={"action": "approve"}).status_code == 422
    assert client.post(path, json={"action": "cancel"}).json()["status"] == "cancelled"
    assert set(client.post(path, json={"action": "retry"}).json()) == {"message", "job_id", "status", "retried_scenes"}
    with get_database().write() as session:
        scene = session.get_one(Scene, scene_id)
        scene.status = SceneStatus.FAILED
        session.add(scene)
    anew = client.post(path, json={"action": "regenerate_scene", "payload": {"sceneId": scene_id, "title": "New"}})
    assert (anew.status_code, anew.json()["message"]) == (200, "Scene marked for regeneration")
    assert (anew.json()["scene"]["title"], anew.json()["scene"]["video_blob_size"]) == ("New", 0)


def test_bodies_that_are_none(create: Any, client: httpx.Client) -> None:
    path = f"/api/v3/jobs/{create()['job_id']}"
    for broken in (b"{", b"\xff", b"[1"):
        got = client.post(f"{path}/approve", content=broken)
        assert (got.status_code, got.json()["error"]) == (400, "Malformed JSON")
    got = client.post(f"{path}/retry", content=b"[]")
    assert (got.status_code, got.json()) == (400, {"error": "Request body must be a JSON object"})


def test_a_failed_job_says_why(
    prefect_test_server: None, create: Any, client: httpx.Client, worker: Any, engine: Any
) -> None:
    made = create(pictures=2)
    path = f"/api/v3/jobs/{made['job_id']}"

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("nothing can be made of this")

    engine.before = refuse
    client.post(f"{path}/approve")
    worker.settle()
    shown = client.get(path).json()
    assert (shown["status"], shown["current_stage"]) == ("failed", "failed")
    assert "nothing can be made of this" in shown["error"]
    assert shown["progress"]["error"] == shown["error"]
    engine.before = lambda shot, progress: None
    assert client.post(f"{path}/retry").json()["status"] == "approved"
    assert "error" not in client.get(path).json()["progress"]
    worker.settle()
    with get_database().read() as session:
        job = session.get_one(Job, made["job_id"])
        assert (job.status, job.run, job.only_scenes) == (JobStatus.COMPLETED, 2, None)
        assert [scene.take for scene in scenes_of(session, made["job_id"])] == [1]
