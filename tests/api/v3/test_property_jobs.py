"""Property videos over HTTP: modes, inline photos, the campaign's own route, and planners with and without a key."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import select

from models.assets import Asset
from models.campaigns import Campaign
from models.jobs import Job
from models.property import DEFAULT_TYPES, SET_A
from storage.database import get_database
from tests.fakes.chat_server import ChatServer, chat_server, pairs_of, scenes_of

CREATE = "/api/v3/jobs/from-property-photos"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
KEY = "xai-very-secret"


@pytest.fixture
def campaign(make_campaign: Callable[..., str]) -> str:
    """A campaign with two pictures."""
    return make_campaign(pictures=2)


def grow(campaign_id: str, to: int, *, tag: str = "") -> None:
    """Give the campaign so many images, all of the same bytes: planning by words never looks at them."""
    with get_database().write() as session:
        have = session.exec(select(Asset).where(Asset.campaign_id == campaign_id)).all()
        for _ in range(to - len(have)):
            values = {"campaign_id": campaign_id, "object_sha256": have[0].object_sha256, "tags": [tag] if tag else []}
            session.add(Asset(type="image", width=4, height=3, **values))


def ids_used(made: dict[str, Any]) -> list[str]:
    return [used for scene in made["storyboard"]["scenes"] for used in scene["asset_ids"]]


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


# --- modes ------------------------------------------------------------------------------------------------------


def test_fourteen_images_make_the_seven_scenes(client: httpx.Client, worker: Any, campaign: str) -> None:
    grow(campaign, 14)
    job = made(client.post(CREATE, json={"campaignId": campaign, "parameters": {"note": [1]}, "clip_duration": 4}))
    assert [scene["scene_type"] for scene in job["storyboard"]["scenes"]] == [scene.scene_type for scene in SET_A]
    assert len(set(ids_used(job))) == 14
    assert (job["type"], job["selection_mode"], job["property_types"]) == (
        "property_photos",
        "strict",
        list(DEFAULT_TYPES),
    )
    assert (job["scene_count"], job["total_assets"], job["planner"], job["warnings"]) == (7, 14, "template", [])
    assert job["storyboard"]["total_duration"] == 28.0
    scene = job["storyboard"]["scenes"][0]
    assert (scene["music_energy"], scene["camera_movement"]) == ("medium-high", "dolly_forward")
    shown = client.get(f"/api/v3/jobs/{job['job_id']}").json()
    assert (shown["type"], shown["parameters"]["selection_mode"], shown["parameters"]["note"]) == (
        "property_photos",
        "strict",
        [1],
    )
    for word in ("property_photos", "property_video"):
        assert client.get("/api/v3/jobs", params={"type": word}).json()["meta"]["total"] == 1


def test_fewer_images_make_fewer_scenes_and_a_warning(client: httpx.Client, worker: Any, campaign: str) -> None:
    job = made(client.post(CREATE, json={"campaign_id": campaign}))
    assert (job["selection_mode"], job["scene_count"]) == ("reduced", 1)
    assert job["storyboard"]["scenes"][0]["scene_type"] == "Grand Arrival"
    (warning,) = job["warnings"]
    assert "14" in warning
    assert "2" in warning
    scene = job["storyboard"]["scenes"][0]
    assert all(scene[key] for key in ("title", "description", "prompt"))


@pytest.mark.parametrize("types", [["bedroom", "Sea View!"], "bedroom, Sea View!"])
def test_types_are_used_word_for_word(client: httpx.Client, worker: Any, campaign: str, types: Any) -> None:
    grow(campaign, 6)
    job = made(client.post(CREATE, json={"campaign_id": campaign, "property_types": types, "num_pairs": "3"}))
    scenes = job["storyboard"]["scenes"]
    assert [scene["scene_type"] for scene in scenes] == ["bedroom", "Sea View!", "bedroom"]
    assert [scene["scene_name"] for scene in scenes[:2]] == ["Guest Room Sanctuary", None]
    assert (job["selection_mode"], job["property_types"], job["num_pairs"]) == (
        "property_types",
        ["bedroom", "Sea View!"],
        3,
    )
    listed = client.get(f"/api/v3/jobs/{job['job_id']}/scenes").json()["scenes"]
    assert {scene["scene_type"] for scene in listed} <= {"bedroom", "Sea View!"}


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ({"campaign_id": None}, 400, {"error": "campaign_id is required"}),
        ({"campaign_id": UNKNOWN}, 404, {"error": "Campaign not found"}),
        ({"campaign_id": "1"}, 404, {"error": "Campaign not found"}),
        (
            {"property_types": ["bedroom", " ", 3]},
            400,
            {"error": "Scene types do not match allowed property types", "invalid_types": [" ", 3]},
        ),
        (
            {"property_types": ["bath"], "num_pairs": 0, "clip_duration": 61, "video_model": "crystal ball"},
            422,
            {
                "error": "Validation failed",
                "details": {
                    "num_pairs": ["must be greater than 0"],
                    "clip_duration": ["must be less than or equal to 60"],
                    "video_model": ["is not supported"],
                },
            },
        ),
        ({"property_info": 5}, 422, {"error": "Validation failed", "details": {"property_info": ["is invalid"]}}),
        ({"photos": 5}, 422, {"error": "Validation failed", "details": {"photos": ["is invalid"]}}),
        (
            {"photos": [{"url": "http://a.test/1.jpg"}] * 20},
            400,
            {"error": "Need at least 14 photos to select 7 pairs, got 1"},
        ),
        (
            {"photos": [{"url": "http://a.test/1.jpg"}], "property_types": ["bath"]},
            400,
            {"error": "Need at least 2 image assets to start the pipeline, found 1"},
        ),
    ],
)
def test_what_cannot_be_used_is_said(
    client: httpx.Client, worker: Any, campaign: str, body: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    got = client.post(CREATE, json={"campaign_id": campaign, **body})
    assert (got.status_code, got.json()) == (status, answer)
    assert client.get("/api/v3/jobs").json()["meta"]["total"] == 0


def test_parameters_of_any_kind_do_no_harm(client: httpx.Client, worker: Any, campaign: str) -> None:
    given = {"num_scenes": "many", "photo_ids": 5, "property_info": [], "name": 5, "style": {}, "job_id": "x"}
    job = made(client.post(CREATE, json={"campaign_id": campaign, "parameters": given}))
    assert job["scene_count"] == 1


# --- inline photos ----------------------------------------------------------------------------------------------


def inline(count: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"url": f"https://photos.test/pool-{number}.jpg?size=1", **facts} for number in range(count)]


def test_photos_may_come_with_the_request(client: httpx.Client, worker: Any, campaign: str) -> None:
    with get_database().read() as session:
        own = session.exec(select(Asset.id).where(Asset.campaign_id == campaign)).first()
    photos = [{"id": own}, *inline(13, tags=["pool", 5], resolution="1600x900", lighting="dusk")]
    job = made(client.post(CREATE, json={"campaign_id": campaign, "photos": photos, "propertyInfo": {"name": "Rosa"}}))
    assert (job["selection_mode"], job["total_assets"], job["clip_duration"]) == ("strict", 14, 6.0)
    assert len(set(ids_used(job))) == 14
    assert own in ids_used(job)
    with get_database().read() as session:
        added = session.exec(select(Asset).where(Asset.source_url == "https://photos.test/pool-3.jpg?size=1")).one()
    assert (added.tags, added.width, added.height, added.object_sha256) == (["pool"], 1600, 900, None)
    assert (added.extra["lighting"], added.extra["original_name"]) == ("dusk", "pool-3.jpg")


@pytest.mark.parametrize("url", ["ftp://a.test/1.jpg", "http://", "http://me:you@a.test/1.jpg", "1.jpg", "http://a:x/"])
def test_an_address_that_cannot_be_is_refused(client: httpx.Client, campaign: str, url: str) -> None:
    got = client.post(CREATE, json={"campaign_id": campaign, "photos": [*inline(14), {"url": url}]})
    assert (got.status_code, got.json()["details"]) == (422, {"photos": ["is invalid"]})


def test_photos_that_cannot_be_fetched_fail_their_scenes_only(
    prefect_test_server: None, client: httpx.Client, worker: Any, campaign: str
) -> None:
    """Addresses are syntax-checked when they are sent and guarded when they are fetched."""
    with get_database().read() as session:
        own = session.exec(select(Asset.id).where(Asset.campaign_id == campaign)).all()
    photos = [*({"id": photo_id} for photo_id in own), *({"url": f"http://127.0.0.1:9/{n}.jpg"} for n in range(2))]
    body = {"campaign_id": campaign, "photos": photos, "property_types": ["a", "b"], "clip_duration": 0.4}
    job = made(client.post(CREATE, json=body))
    assert job["scene_count"] == 2
    assert client.post(f"/api/v3/jobs/{job['job_id']}/approve").status_code == 200
    worker.settle()
    shown = client.get(f"/api/v3/jobs/{job['job_id']}").json()
    scenes = client.get(f"/api/v3/jobs/{job['job_id']}/scenes").json()["scenes"]
    assert (shown["status"], [scene["status"] for scene in scenes]) == ("completed", ["completed", "failed"])
    assert "URL host is not allowed" in scenes[1]["error"]
    assert (shown["result"]["partial"], len(shown["result"]["clips"])) == (True, 1)


# --- the campaign's own route -----------------------------------------------------------------------------------


def test_a_campaign_makes_a_job_of_nothing_but_itself(client: httpx.Client, worker: Any, campaign: str) -> None:
    grow(campaign, 8)
    answer = made(client.post(f"/api/v3/campaigns/{campaign}/create-job"))
    data = answer["data"]
    assert (data["type"], data["scene_count"], data["asset_count"], data["video_name"]) == (
        "property_photos",
        4,
        8,
        "Villa Rosa 1",
    )
    assert answer["links"] == {
        "self": f"/api/v3/jobs/{data['id']}",
        "approve": f"/api/v3/jobs/{data['id']}/approve",
        "status": f"/api/v3/jobs/{data['id']}",
    }
    assert (answer["job_id"], answer["status"], answer["storyboard"]) == (
        data["id"],
        data["status"],
        data["storyboard"],
    )
    assert data["storyboard"]["total_duration"] == 16.0
    assert len(set(ids_used(answer))) == 8
    expected = {
        "campaign_name": "Villa Rosa", "campaign_brief": None, "asset_count": 8, "num_scenes": 4, "clip_duration": 4.0,
        "style": "modern", "music_genre": "upbeat", "duration_seconds": 30.0, "estimated_cost": 0.0,
        "cost_currency": "USD", "video_name": "Villa Rosa 1", "campaign_id": campaign,
    }  # fmt: skip
    assert expected.items() <= data["parameters"].items()
    assert data["parameters"].keys() >= {"client_id", "video_model"}


@pytest.mark.parametrize(("wanted", "scenes"), [(99, 4), ("2", 2), (-5, 1), (None, 4)])
def test_the_number_of_scenes_is_clamped(
    client: httpx.Client, worker: Any, campaign: str, wanted: Any, scenes: int
) -> None:
    grow(campaign, 8)
    body = {"numScenes": wanted, "clipDuration": "2", "style": "calm"}
    data = made(client.post(f"/api/v3/campaigns/{campaign}/create-job", json=body))["data"]
    assert (data["scene_count"], data["storyboard"]["total_duration"]) == (scenes, 2.0 * scenes)
    assert "Style: calm." in data["storyboard"]["scenes"][0]["prompt"]


def test_the_campaigns_route_refuses_in_its_own_words(client: httpx.Client, campaign: str) -> None:
    def refused(campaign_id: str, **body: Any) -> tuple[int, Any]:
        got = client.post(f"/api/v3/campaigns/{campaign_id}/create-job", json=body)
        return got.status_code, got.json()["error"]

    assert refused(UNKNOWN) == (404, {"message": "Campaign not found", "code": "not_found"})
    assert refused("1")[0] == 404
    status, error = refused(campaign, clip_duration=0, num_scenes="x", video_model="crystal ball")
    assert (status, error["code"], set(error["details"])) == (422, "validation_failed", {"num_scenes", "video_model"})
    assert refused(campaign, clip_duration=0)[1]["details"] == {"clip_duration": ["must be greater than 0"]}
    with get_database().write() as session:
        one, other = session.exec(select(Asset).where(Asset.campaign_id == campaign)).all()
        session.delete(one)
        session.flush()
        assert other
    message = "Need at least 2 image assets to start the pipeline, found 1"
    assert refused(campaign) == (422, {"message": message, "code": "not_enough_assets"})
    with get_database().write() as session:
        session.delete(session.get_one(Asset, other.id))
    assert refused(campaign) == (422, {"message": "Campaign has no assets", "code": "no_assets"})


def test_the_same_request_makes_one_job(client: httpx.Client, worker: Any, campaign: str) -> None:
    for path in (f"/api/v3/campaigns/{campaign}/create-job", CREATE):
        answers = [client.post(path, json={"campaign_id": campaign}, headers={"Idempotency-Key": "k"}) for _ in (1, 2)]
        assert answers[0].status_code == 201
        assert answers[0].json() == answers[1].json()
    assert client.get("/api/v3/jobs").json()["meta"]["total"] == 2


def test_without_a_worker_the_answer_comes_all_the_same(client: httpx.Client, no_worker: None, campaign: str) -> None:
    assert made(client.post(CREATE, json={"campaign_id": campaign}))["storyboard_ready"] is False
    data = made(client.post(f"/api/v3/campaigns/{campaign}/create-job"))["data"]
    assert (data["storyboard_ready"], data["scene_count"], len(data["warnings"])) == (False, 0, 1)


# --- planners ---------------------------------------------------------------------------------------------------


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, home: Any) -> Iterator[ChatServer]:
    """A language model for both vendors' addresses, with xAI's key set."""
    from settings import get_settings

    with chat_server() as server:
        for vendor in ("XAI", "OPENAI"):
            monkeypatch.setenv(f"{vendor}_BASE_URL", server.base_url)
        monkeypatch.setenv("XAI_API_KEY", f"  {KEY} ")
        monkeypatch.setenv("PLANNER_TIMEOUT_SECONDS", "5")
        get_settings.cache_clear()
        yield server


def test_with_a_key_the_model_plans(fake: ChatServer, client: httpx.Client, worker: Any, campaign: str) -> None:
    with get_database().write() as session:
        session.get_one(Campaign, campaign).brief = {"tone": "calm"}
    fake.answers = [scenes_of]
    job = made(client.post(CREATE, json={"campaign_id": campaign, "propertyInfo": {"propertyType": "hotel"}}))
    assert (job["planner"], job["selection_metadata"]["selection_confidence"]) == ("xai", "high")
    assert job["storyboard"]["scenes"][0]["prompt"] == "Prompt of Grand Arrival"
    assert fake.headers[0]["authorization"] == f"Bearer {KEY}"
    (document,) = fake.documents()
    assert (document["brief"], document["property"]["property_type"]) == ({"tone": "calm"}, "hotel")
    fake.answers = [pairs_of]
    pairs = made(client.post("/api/v3/jobs/from-image-pairs", json={"campaign_id": campaign}))
    assert (pairs["planner"], pairs["storyboard"]["scenes"][0]["prompt"]) == ("xai", "Prompt 1")


def test_a_model_that_fails_is_replaced_by_the_rules(
    fake: ChatServer, client: httpx.Client, worker: Any, campaign: str
) -> None:
    fake.answers = [500]
    for path in (CREATE, "/api/v3/jobs/from-image-pairs"):
        job = made(client.post(path, json={"campaign_id": campaign}))
        assert (job["planner"], job["scene_count"]) == ("template", 1)
        assert any("xai answered with HTTP 500" in warning for warning in job["warnings"])
    assert len(fake.requests) == 4
    shown = client.get(f"/api/v3/jobs/{job['job_id']}").text
    assert KEY not in shown


def test_openai_plans_where_only_its_key_is_set(
    fake: ChatServer, client: httpx.Client, worker: Any, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from settings import get_settings

    monkeypatch.delenv("XAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    get_settings.cache_clear()
    fake.answers = [scenes_of]
    assert made(client.post(CREATE, json={"campaign_id": campaign}))["planner"] == "openai"
    assert fake.requests[0]["model"] == "gpt-4o-mini"


def test_looking_at_the_pictures_is_done_here(
    fake: ChatServer, client: httpx.Client, worker: Any, campaign: str
) -> None:
    body = {"campaign_id": campaign, "parameters": {"pairing": "visual"}}
    assert made(client.post(CREATE, json=body))["planner"] == "template"
    assert fake.requests == []
    with get_database().read() as session:
        assert all(asset.features for asset in session.exec(select(Asset).where(Asset.campaign_id == campaign)))
        assert session.exec(select(Job)).one().parameters["pairing"] == "visual"
