"""Property videos planned by rule: how photos are told to fit, which scenes there are, and which photos they get."""

import random
from typing import get_args

import pytest

from models.errors import InvalidInput
from models.property import SET_A
from models.storyboard import Pairing, Photo, PhotoFeatures, Plan
from providers.planner.property import PropertyWish, TemplatePropertyPlanner
from providers.planner.property_fit import described, fit, normalised, set_a_slots, typed_slots

STRICT = PropertyWish("strict", 5.0)
REDUCED = PropertyWish("reduced", 4.0)
PAIRINGS = get_args(Pairing)


def photo(rank: int, *tags: str, **facts: object) -> Photo:
    return Photo.model_validate({"id": f"p{rank}", "age_rank": rank, "tags": tags, "width": 4, "height": 3, **facts})


def planned(photos: list[Photo], wish: PropertyWish = STRICT, pairing: Pairing = "groups") -> Plan:
    return TemplatePropertyPlanner(pairing).plan(photos, wish)


def chosen(plan: Plan) -> dict[str, tuple[str, str]]:
    return {str(scene.scene_type): (scene.first_asset_id, scene.last_asset_id) for scene in plan.scenes}


# --- fit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "token"),
    [("Bedroom 1", "bedroom"), (" living-room ", "living_room"), ("Pool2", "pool"), ("wide  shot", "wide_shot")],
)
def test_tags_are_normalised(tag: str, token: str) -> None:
    assert normalised(tag) == token


@pytest.mark.parametrize(
    ("scene_type", "facts", "points"),
    [
        ("bedroom", {"tags": ("Bedroom 2",)}, 8 + 1),
        ("bedroom", {"tags": ("master_bedroom",)}, 8 + 5 + 1),
        ("bedroom", {"labels": ("hero bedroom",)}, 5 + 1),
        ("bedroom", {"original_name": "IMG-bed-suite.jpg"}, 3 + 2),
        ("bedroom", {"tags": ("bedroom",), "description": "A bedroom to sleep in"}, 8 + 3 + 1),
        ("bedroom", {"description": "bedrooms"}, 0),
        ("living_room", {"texts": ("the great-room",)}, 3 + 1),
        ("great room", {"name": "Great Room 3"}, 3 + 1),
        ("Wine Cellar", {"tags": ("wine-cellar",), "name": "wine cellar"}, 8 + 3 + 1),
        ("grand  ARRIVAL", {"tags": ("facade",)}, 8 + 1),
        ("Grand Arrival", {"tags": ("pool",), "name": "pool"}, 0),
        ("Grand Arrival", {"tags": ("aerial",), "name": "a view"}, 8 + 1),
        ("exterior", {"name": "a view"}, 3 + 1),
        ("interior", {"tags": ("lounge",), "name": "sofa"}, 8 + 1),
        ("Refined Interiors", {"tags": ("lounge",), "name": "sofa"}, 8 + 3 + 2),
        ("Wellness & Recreation", {"tags": ("pool",), "name": "pool"}, 8 + 3 + 1),
        ("Wellness & Recreation", {"tags": ("bathroom",)}, 0),
        ("hook", {"tags": ("pool",)}, 8 + 1),
        ("kitchen", {"tags": ("kitchen", "pantry", "kitchenette"), "name": "counter stove island"}, 8 + 3 + 5),
    ],
)
def test_a_photo_fits_by_tags_and_words(scene_type: str, facts: dict[str, object], points: int) -> None:
    (slot,) = typed_slots([scene_type], 1)
    assert fit(described(photo(1, **facts)), slot.vocabulary) == points


def test_set_a_asks_for_what_stands_for_it() -> None:
    by_name = {slot.scene_type: slot.vocabulary for slot in set_a_slots(range(1, 8))}
    assert "vanity" in by_name["Guest Room Sanctuary"].primary
    assert "kitchen" in by_name["Culinary Excellence"].primary
    assert "freestanding_tub" in by_name["Wellness & Recreation"].preferred


# --- which scenes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("seed", range(8))
def test_strict_mode_keeps_its_promises(pairing: Pairing, seed: int) -> None:
    dice = random.Random(seed)
    tags = [tag for scene in SET_A for tag in scene.ideal_tags]
    photos = [
        photo(rank, *dice.sample(tags, dice.randrange(3)), features=features(dice))
        for rank in range(dice.choice((14, 15, 40)))
    ]
    plan = planned(photos, pairing=pairing)
    assert [scene.scene_type for scene in plan.scenes] == [scene.scene_type for scene in SET_A]
    assert len({used for pair in chosen(plan).values() for used in pair}) == 14
    assert [scene.camera_movement for scene in plan.scenes] == [scene.camera_movement for scene in SET_A]
    assert plan == planned(photos, pairing=pairing)


def features(dice: random.Random) -> PhotoFeatures:
    from base64 import b64encode

    return PhotoFeatures(
        perceptual_hash=dice.randbytes(8).hex(),
        sharpness=dice.random(),
        exposure=dice.random(),
        view=b64encode(dice.randbytes(14 * 14 * 7)).decode(),
    )


def test_strict_mode_needs_fourteen_photos() -> None:
    with pytest.raises(InvalidInput, match="14 photos, got 13"):
        planned([photo(rank) for rank in range(13)])


@pytest.mark.parametrize(
    ("count", "tags", "numbers"),
    [
        (2, (), [1]),
        (4, (), [1, 7]),
        (6, (), [1, 3, 7]),
        (8, (), [1, 2, 3, 7]),
        (6, ("spa",) * 2, [1, 5, 7]),
        (8, ("spa",) * 2, [1, 3, 5, 7]),
        (8, ("spa", "wine", "wine", "beach"), [1, 4, 5, 7]),
        (13, (), [1, 2, 3, 4, 5, 7]),
    ],
)
def test_reduced_mode_takes_the_scenes_with_the_best_photos(
    count: int, tags: tuple[str, ...], numbers: list[int]
) -> None:
    photos = [photo(rank, *tags[rank : rank + 1]) for rank in range(count)]
    types = [SET_A[number - 1].scene_type for number in numbers]
    assert [scene.scene_type for scene in planned(photos, REDUCED).scenes] == types


def test_a_wished_number_bounds_reduced_mode() -> None:
    photos = [photo(rank) for rank in range(20)]
    assert len(planned(photos, REDUCED._replace(num_scenes=4)).scenes) == 4
    assert len(planned(photos, REDUCED).scenes) == 7


@pytest.mark.parametrize(("types", "wanted", "count"), [(["a"], None, 1), (["a", "b"], 5, 3), (["a"] * 9, None, 3)])
def test_types_mode_cycles_through_the_callers_words(types: list[str], wanted: int | None, count: int) -> None:
    wish = PropertyWish("property_types", 3.0, types=types, num_scenes=wanted)
    plan = planned([photo(rank) for rank in range(7)], wish)
    assert [scene.scene_type for scene in plan.scenes] == (types * 5)[:count]


def test_types_are_shown_fit_to_read() -> None:
    wish = PropertyWish("property_types", 3.0, types=["living_room", "Grand Arrival", "wine-cellar"])
    scenes = planned([photo(rank) for rank in range(6)], wish).scenes
    assert [scene.title for scene in scenes] == ["Living Room", "Grand Arrival", "Wine Cellar"]
    assert [scene.scene_name for scene in scenes] == ["Refined Interiors", "Grand Arrival", None]
    assert all(scene.duration_s == 3.0 for scene in scenes)


# --- which photos -----------------------------------------------------------------------------------------------


def test_what_fits_comes_before_what_is_left_over() -> None:
    photos = [photo(0), photo(1, "pool"), photo(2, "exterior"), photo(3), photo(4, "facade"), photo(5, "sunset")]
    plan = chosen(planned(photos, REDUCED))
    assert plan["Grand Arrival"] == ("p2", "p4")
    assert plan["Wellness & Recreation"] == ("p0", "p1")
    assert set(plan["Lasting Impression"]) == {"p3", "p5"}


def test_the_wide_view_comes_first_and_the_detail_last() -> None:
    near = photo(0, "exterior", name="door detail")
    assert chosen(planned([near, photo(1, "exterior")], REDUCED))["Grand Arrival"] == ("p1", "p0")
    wide = photo(1, "exterior", name="aerial")
    assert chosen(planned([photo(0, "exterior"), wide], REDUCED))["Grand Arrival"] == ("p1", "p0")


def test_the_pictures_decide_where_words_do_not() -> None:
    dice = random.Random(5)
    sharp = [features(dice).model_copy(update={"sharpness": 0.9, "exposure": 1.0}) for _ in range(2)]
    soft = features(dice).model_copy(update={"sharpness": 0.1, "exposure": 0.2})
    photos = [
        photo(0, "exterior", features=soft),
        photo(1, "exterior", features=sharp[0]),
        photo(2, "exterior", features=sharp[0]),
        photo(3, "exterior", features=sharp[1]),
    ]
    wish = REDUCED._replace(num_scenes=1)
    assert chosen(planned(photos, wish))["Grand Arrival"] == ("p0", "p1")
    seen = set(chosen(planned(photos, wish, "visual"))["Grand Arrival"])
    assert seen in ({"p1", "p3"}, {"p2", "p3"}), "a soft picture or a near-duplicate was taken"


def test_pictures_that_were_never_looked_at_are_planned_by_words() -> None:
    photos = [photo(rank, "exterior") for rank in range(4)]
    assert planned(photos, REDUCED, "visual").scenes == planned(photos, REDUCED).scenes


def test_real_photos_land_where_they_belong(test_data: object) -> None:
    """Fourteen photos under the names that people gave them."""
    from pathlib import Path

    names = sorted(path.name for path in (Path(str(test_data)) / "media" / "property").glob("*.jpg"))
    photos = [photo(rank, original_name=name) for rank, name in enumerate(names)]
    by_type = {kind: tuple(names[int(used[1:])] for used in pair) for kind, pair in chosen(planned(photos)).items()}
    assert by_type["Guest Room Sanctuary"] == ("lythwood-01-bedroom.jpg", "lythwood-02-bed-close.jpg")
    assert by_type["Wellness & Recreation"] == ("villa-pool-front.jpg", "villa-pool-terrace.jpg")
    assert "white-dining-kitchen.jpg" in by_type["Culinary Excellence"]
    assert "architect-roof-exterior.jpg" in by_type["Grand Arrival"]
    assert "living" in by_type["Refined Interiors"][0]
