"""Planning by a language model, over a real socket: what it is told, what is made of its answers, and its failures."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.errors import ProviderUnavailable, VendorFailed
from models.property import SET_A
from models.storyboard import CreativeBrief, Photo, PropertyFacts
from providers.planner.chat import ChatAccess, ChatModel
from providers.planner.chat_pairs import ChatPairPlanner
from providers.planner.chat_property import ChatPropertyPlanner
from providers.planner.json_answer import first_json_value
from providers.planner.property import PropertyWish
from tests.fakes.chat_server import ChatServer, chat_server, pairs_of, scene_pair, scenes_of

KEY = "sk-very-secret"
STRICT = PropertyWish("strict", 5.0)


@pytest.fixture
def fake() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
def model(fake: ChatServer) -> ChatModel:
    return ChatModel(ChatAccess("xai", fake.base_url, KEY, "grok-test"), timeout_s=5)


def photos(count: int, **facts: Any) -> list[Photo]:
    return [Photo(id=f"photo-{rank}", age_rank=rank, width=4, height=3, **facts) for rank in range(count)]


def pairs(planner: ChatPairPlanner, count: int = 6, wanted: int = 3) -> list[tuple[str, str]]:
    plan = planner.plan(photos(count), num_pairs=wanted, clip_duration_s=4)
    return [(scene.first_asset_id, scene.last_asset_id) for scene in plan.scenes]


def test_the_model_decides_pairs_and_words(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [pairs_of]
    plan = ChatPairPlanner(model, CreativeBrief()).plan(photos(6), num_pairs=2, clip_duration_s=4)
    assert [(scene.first_asset_id, scene.last_asset_id) for scene in plan.scenes] == [
        ("photo-5", "photo-4"),
        ("photo-3", "photo-2"),
    ]
    assert (plan.planner, plan.warnings, plan.scenes[0].prompt) == ("xai", [], "Prompt 1")
    assert (plan.scenes[0].title, plan.scenes[0].score) == ("Part 1", 0.9)
    assert plan.scenes[0].description


def test_the_request_is_that_of_the_contract(
    fake: ChatServer, model: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    fake.answers = [pairs_of]
    pairs(ChatPairPlanner(model, CreativeBrief()))
    (request,), (headers,) = fake.requests, fake.headers
    assert (request["model"], request["temperature"]) == ("grok-test", 0.7)
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert (request["response_format"]["type"], request["response_format"]["json_schema"]["strict"]) == (
        "json_schema",
        True,
    )
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "org-of-somebody" not in headers.values()


def test_only_metadata_goes_out(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [scenes_of]
    facts: dict[str, Any] = {
        "name": "Pool 1",
        "tags": ("pool", "https://cdn.test/a.jpg?token=abc"),
        "description": "see https://cdn.test/b.jpg or data:image/png;base64,iVBORw0KGgo=",
        "lighting": "dusk",
    }
    brief = CreativeBrief(
        brief={"text": "calm", "moodboard": ["http://intern.test/board"]},
        client_name="Rosa",
        property_facts=PropertyFacts(name="Villa", location="Garda"),
    )
    ChatPropertyPlanner(model, brief).plan(photos(14, **facts), STRICT._replace(style="modern"))
    (document,) = fake.documents()
    sent = json.dumps(fake.requests[0])
    assert not [word for word in ("://", "data:", "iVBOR", KEY, "perceptual_hash", "token=") if word in sent]
    assert (document["client"]["name"], document["property"]["location"], document["style"]) == (
        "Rosa",
        "Garda",
        "modern",
    )
    assert document["photos"][0].keys() == {
        "id", "filename", "group", "tags", "description", "width", "height", "lighting",
    }  # fmt: skip
    assert sum(document["weights"].values()) == pytest.approx(1)
    assert [scene["scene_type"] for scene in document["scenes"]] == [scene.scene_type for scene in SET_A]


def test_of_many_photos_all_groups_are_told(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [pairs_of]
    many = [
        Photo(id=str(rank), age_rank=rank, tags=("bath" if rank > 290 else "hall",), width=4, height=3)
        for rank in range(300)
    ]
    ChatPairPlanner(model, CreativeBrief()).plan(many, num_pairs=2, clip_duration_s=4)
    told = fake.documents()[0]["photos"]
    assert len(told) == 200
    assert sum(row["group"] == "bath" for row in told) == 9


@pytest.mark.parametrize("answer", [500, 429, "", "I cannot do that.", '{"pairs": []}', '{"pairs": [{"image1'])
def test_an_answer_of_no_use_is_asked_for_once_more(fake: ChatServer, model: ChatModel, answer: Any) -> None:
    fake.answers = [answer, pairs_of]
    if answer == '{"pairs": []}':  # it is a usable answer that proposes nothing
        with pytest.raises(ProviderUnavailable, match="no pairs"):
            pairs(ChatPairPlanner(model, CreativeBrief()))
        return
    assert pairs(ChatPairPlanner(model, CreativeBrief()))[0] == ("photo-5", "photo-4")
    assert len(fake.requests) == 2


def test_two_tries_are_all(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [500]
    with pytest.raises(ProviderUnavailable, match="HTTP 500"):
        pairs(ChatPairPlanner(model, CreativeBrief()))
    assert len(fake.requests) == 2


def test_a_refusal_is_not_repeated(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [401]
    with pytest.raises(VendorFailed, match="HTTP 401") as refused:
        pairs(ChatPairPlanner(model, CreativeBrief()))
    assert len(fake.requests) == 1
    assert KEY not in str(refused.value)


def test_silence_is_waited_for_no_longer_than_allowed(fake: ChatServer) -> None:
    fake.answers = [0]
    impatient = ChatModel(ChatAccess("openai", fake.base_url, KEY, "m"), timeout_s=0.5)
    with pytest.raises(ProviderUnavailable, match="in time"):
        impatient.ask({}, {}, "nothing")
    assert len(fake.requests) == 2


def test_nobody_there() -> None:
    nowhere = ChatModel(ChatAccess("openai", "http://127.0.0.1:9/v1", KEY, "m"), timeout_s=5)
    with pytest.raises(ProviderUnavailable, match="could not be reached"):
        nowhere.ask({}, {}, "nothing")


VALUE = {"pairs": [{"image1_id": "a}", "image2_id": 'b"]'}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (json.dumps(VALUE), VALUE),
        (f"```json\n{json.dumps(VALUE, indent=2)}\n```", VALUE),
        (f"Gladly! {{so}} be it [1]: {json.dumps(VALUE)} Anything {{else}}? {{}}", VALUE),
        (json.dumps(VALUE["pairs"]), VALUE["pairs"]),
        ("[" * 100_000, None),
        ('{"pairs": NaN', None),
        ("", None),
        ("[1, 2]", None),
    ],
)
def test_the_first_complete_value_is_found(text: str, value: Any) -> None:
    assert first_json_value(text) == value


def test_a_bare_array_counts_as_the_pairs(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [lambda document: "Here:\n```\n" + json.dumps(pairs_of(document)["pairs"]) + "\n```"]
    assert pairs(ChatPairPlanner(model, CreativeBrief()))[0] == ("photo-5", "photo-4")


def test_what_cannot_be_used_is_filled_in(fake: ChatServer, model: ChatModel) -> None:
    def careless(document: dict[str, Any]) -> Any:
        good = pairs_of(document)["pairs"][0]
        return {
            "pairs": [{**good, "image1_id": "unknown"}, {**good, "score": "x", "reasoning": None, "prompt": "\n"}, {}]
        }

    fake.answers = [careless]
    plan = ChatPairPlanner(model, CreativeBrief()).plan(photos(6), num_pairs=3, clip_duration_s=4)
    used = [used_id for scene in plan.scenes for used_id in (scene.first_asset_id, scene.last_asset_id)]
    assert (len(used), len(set(used)), used[:2]) == (6, 6, ["photo-5", "photo-4"])
    assert all(scene.prompt.strip() for scene in plan.scenes)
    assert plan.warnings


def careless_scenes(document: dict[str, Any]) -> Any:
    """Repeat images, skip a number, double another, name a wrong type and an unknown id."""
    ids = [photo["id"] for photo in document["photos"]]
    scenes = document["scenes"]
    return [
        scene_pair(scenes[0], ids[0], ids[1], confidence=6),
        scene_pair(scenes[0], ids[12], ids[13], confidence=9),
        scene_pair({**scenes[1], "scene_type": " refined   INTERIORS "}, ids[12], ids[2]),
        scene_pair({**scenes[2], "scene_type": "Grand Arrival"}, ids[3], ids[4]),
        scene_pair(scenes[3], ids[5], "unknown"),
        scene_pair(scenes[4], ids[6], ids[6]),
        scene_pair({**scenes[5], "scene_number": 70}, ids[7], ids[8]),
        {"scene_number": None, "first_image": 5, "transition_analysis": []},
    ]


@pytest.mark.parametrize("answer", [scenes_of, careless_scenes])
def test_strict_mode_gives_seven_scenes_whatever_the_model_says(
    fake: ChatServer, model: ChatModel, answer: Callable[..., Any]
) -> None:
    fake.answers = [answer]
    plan = ChatPropertyPlanner(model, CreativeBrief()).plan(photos(14), STRICT)
    assert [scene.scene_type for scene in plan.scenes] == [scene.scene_type for scene in SET_A]
    used = [used_id for scene in plan.scenes for used_id in (scene.first_asset_id, scene.last_asset_id)]
    assert len(set(used)) == 14
    assert all(scene.prompt and scene.title and scene.description for scene in plan.scenes)


def test_a_careless_answer_is_repaired_by_the_rules(fake: ChatServer, model: ChatModel) -> None:
    fake.answers = [careless_scenes]
    plan = ChatPropertyPlanner(model, CreativeBrief()).plan(photos(14), STRICT)
    first, second, third = plan.scenes[:3]
    assert (first.first_asset_id, first.last_asset_id, first.score) == ("photo-12", "photo-13", 0.9)
    assert (second.first_asset_id, second.last_asset_id) == ("photo-0", "photo-2"), "the earlier scene keeps its photo"
    assert (third.compositional_flow, third.quality_score, third.score) == ("fallback", 7.0, 0.7)
    assert "allback" in (third.selection_reasoning or "")
    assert plan.warnings == ["6 of 8 proposed scenes could not be used."]


def test_types_are_corrected_not_rejected(fake: ChatServer, model: ChatModel) -> None:
    def wrong_types(document: dict[str, Any]) -> Any:
        answer = scenes_of(document)
        for pair in answer["scene_pairs"]:
            pair["scene_type"] = "Something else"
        return answer

    fake.answers = [wrong_types]
    wish = PropertyWish("property_types", 5.0, types=["bedroom", "Wine Cellar"], num_scenes=3)
    plan = ChatPropertyPlanner(model, CreativeBrief()).plan(photos(6), wish)
    assert [scene.scene_type for scene in plan.scenes] == ["bedroom", "Wine Cellar", "bedroom"]
    assert [scene.scene_name for scene in plan.scenes] == ["Guest Room Sanctuary", None, "Guest Room Sanctuary"]
    assert plan.scenes[0].first_asset_id == "photo-5", "the model's choice was kept"
    assert (plan.selection_metadata or {})["selection_confidence"] == "high"
