"""Planning that looks at the pictures: drawn ones with known moves, and real photos under meaningless names."""

import io
import os
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from models.media import CameraMovement
from models.storyboard import Photo, PhotoFeatures, Plan
from providers.planner.features import picture_features
from providers.planner.template import TemplatePlanner
from providers.planner.views import RELATED, ViewTable

MEDIA = Path(os.environ.get("ATELIER_TEST_DATA") or Path(__file__).parents[3].parent / "shared") / "media"
needs_photos = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no test photos at {MEDIA}; set ATELIER_TEST_DATA")

CAMPAIGN_PAIRS = {
    frozenset(("dandelion-a-wide.jpg", "dandelion-b-detail.jpg")),
    frozenset(("fruit-a.jpg", "fruit-b.jpg")),
    frozenset(("orange-a.jpg", "orange-b.jpg")),
    frozenset(("pier-a-wide.jpg", "pier-b-detail.jpg")),
    frozenset(("shelf-pan-a.jpg", "shelf-pan-b.jpg")),
}


@lru_cache
def world(seed: int) -> Image.Image:
    """A large drawn scene, every seed another place: big shapes in related colours, then smaller ones."""
    dice = random.Random(seed)
    ground = [dice.randrange(70, 190) for _ in range(3)]
    picture = Image.new("RGB", (1600, 1200), tuple(ground))
    draw = ImageDraw.Draw(picture)
    for number in range(28):
        x, y, size = dice.randrange(1600), dice.randrange(1200), 700 // (1 + number // 4) + 60
        light = dice.randrange(-70, 70)
        fill = tuple(max(0, min(255, part + light + dice.randrange(-25, 25))) for part in ground)
        shape = draw.ellipse if dice.random() < 0.5 else draw.rectangle
        shape((x - size // 2, y - size // 3, x + size // 2, y + size // 3), fill=fill)
    return picture


def view(seed: int, left: float = 0.1, top: float = 0.1, size: float = 0.6) -> Image.Image:
    """The part of ``world(seed)`` that starts at (left, top) and is ``size`` wide and high, as a photo of 800 × 600."""
    box = (left * 1600, top * 1200, (left + size) * 1600, (top + size) * 1200)
    return world(seed).resize((800, 600), Image.Resampling.LANCZOS, box)


def photo(rank: int, picture: Image.Image | None, tag: str = "") -> Photo:
    features = picture_features(picture) if picture else None
    return Photo(id=str(rank), age_rank=rank, tags=(tag,) if tag else (), width=800, height=600, features=features)


def planned(photos: list[Photo], num_pairs: int = 20) -> Plan:
    return TemplatePlanner("visual").plan(photos, num_pairs=num_pairs, clip_duration_s=5)


def pairs(plan: Plan) -> list[tuple[str, str]]:
    return [(scene.first_asset_id, scene.last_asset_id) for scene in plan.scenes]


def test_features_are_small_survive_json_and_repeat() -> None:
    features = picture_features(view(1))
    assert len(features.model_dump_json()) <= 2048
    assert PhotoFeatures.model_validate_json(features.model_dump_json()) == features == picture_features(view(1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (40, 600)])
def test_every_mode_and_size_has_features(mode: str, size: tuple[int, int]) -> None:
    features = picture_features(Image.new(mode, size))
    assert features.sharpness == 0.0
    assert ViewTable([features, features]).duplicates.all()


def test_flat_pictures_of_different_colours_are_not_duplicates() -> None:
    red, blue = (picture_features(Image.new("RGB", (80, 60), colour)) for colour in ("red", "blue"))
    assert not ViewTable([red, blue]).duplicates[0, 1]


def test_blur_lowers_sharpness_step_by_step() -> None:
    softer = [picture_features(view(2).filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4)]
    assert softer == sorted(softer, reverse=True)
    assert softer[0] - softer[-1] > 0.3


def test_sharp_subject_before_a_soft_ground_is_sharp() -> None:
    soft = view(2).filter(ImageFilter.GaussianBlur(6))
    mixed = soft.copy()
    mixed.paste(view(2).crop((250, 150, 550, 450)), (250, 150))
    assert picture_features(mixed).sharpness > picture_features(soft).sharpness + 0.2


def test_noise_on_a_plain_ground_does_not_make_a_soft_subject_sharp() -> None:
    picture = Image.new("RGB", (1024, 768), (150, 150, 150))
    picture.paste(view(2).crop((250, 150, 550, 450)), (60, 60))
    noise = np.random.default_rng(1).integers(0, 2, (768, 1024, 1))
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(6))) + noise
    assert picture_features(Image.fromarray(soft.astype(np.uint8))).sharpness < 0.7


@pytest.mark.parametrize("gain", [0.15, 3.0])
def test_bad_exposure_is_seen(gain: float) -> None:
    good, bad = picture_features(view(3)), picture_features(ImageEnhance.Brightness(view(3)).enhance(gain))
    assert good.exposure > 0.85
    assert bad.exposure < good.exposure - 0.2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("move", ["pan", "zoom"])
def test_moved_views_are_related_and_other_places_are_not(seed: int, move: str) -> None:
    moved = view(seed, left=0.28) if move == "pan" else view(seed, 0.25, 0.25, 0.33)
    table = ViewTable([picture_features(one) for one in (view(seed), moved, view(seed + 50), view(seed + 90))])
    assert table.similarity[0, 1] > RELATED
    assert table.similarity[0, 1] > 1.1 * max(table.similarity[0, 2], table.similarity[0, 3], table.similarity[1, 2])
    assert not table.duplicates[0, 1]
    overlap = table.overlap(0, 1)
    assert overlap.zoom == pytest.approx(1.0 if move == "pan" else 0.6 / 0.33, rel=0.25)
    assert overlap.shift[0] == pytest.approx(0.3 if move == "pan" else 0.02, abs=0.09)
    assert overlap.reversed() == table.overlap(1, 0)


def copies(picture: Image.Image) -> dict[str, Image.Image]:
    compressed = io.BytesIO()
    picture.save(compressed, "JPEG", quality=40)
    trimmed = picture.crop((round(picture.width * 0.02), 0, picture.width, picture.height))
    half = picture.resize((picture.width // 2, picture.height // 2))
    brighter = ImageEnhance.Brightness(picture).enhance(1.2)
    blurred = picture.filter(ImageFilter.GaussianBlur(2))
    return {"jpeg": Image.open(compressed), "trimmed": trimmed, "half": half, "brighter": brighter, "blurred": blurred}


@pytest.mark.parametrize("kind", ["jpeg", "trimmed", "half", "brighter", "blurred"])
def test_near_duplicates_are_recognised(kind: str) -> None:
    table = ViewTable([picture_features(view(4)), picture_features(copies(view(4))[kind])])
    assert table.duplicates[0, 1]
    assert not ViewTable([picture_features(view(4)), picture_features(ImageOps.mirror(view(4)))]).duplicates[0, 1]


def test_the_wide_view_comes_first_and_the_camera_moves_forward() -> None:
    plan = planned([photo(0, view(5, 0.25, 0.25, 0.33)), photo(1, view(5))])
    assert pairs(plan) == [("1", "0")]
    assert plan.scenes[0].camera_movement == CameraMovement.DOLLY_FORWARD


@pytest.mark.parametrize(
    ("older", "younger", "movement"),
    [(0.1, 0.3, CameraMovement.TRUCK_LATERAL), (0.3, 0.1, CameraMovement.TRUCK_LATERAL_OPPOSITE)],
)
def test_a_pan_keeps_its_age_order_and_names_its_direction(
    older: float, younger: float, movement: CameraMovement
) -> None:
    plan = planned([photo(0, view(6, left=older)), photo(1, view(6, left=younger))])
    assert pairs(plan) == [("0", "1")]
    assert plan.scenes[0].camera_movement == movement


def test_in_a_group_the_clear_change_wins_over_the_copy_and_the_stranger() -> None:
    here, copy, moved, stranger = view(7), copies(view(7))["trimmed"], view(7, left=0.28), view(77)
    plan = planned([photo(rank, one, "Hall") for rank, one in enumerate((here, copy, stranger, moved))], 1)
    assert pairs(plan) in ([("0", "3")], [("1", "3")])
    assert plan.scenes[0].title == "Hall Showcase"


@pytest.mark.parametrize("seed", range(3))
def test_a_clear_change_of_view_wins_over_a_slight_one(seed: int) -> None:
    photos = [photo(rank, view(seed, left=left), "Hall") for rank, left in enumerate((0.1, 0.15, 0.3))]
    first, slight, _ = (one.features for one in photos)
    assert first
    assert slight
    assert not ViewTable([first, slight]).duplicates[0, 1]
    assert pairs(planned(photos, 1)) == [("0", "2")]


@pytest.mark.parametrize("flaw", ["blurred", "bright"])
def test_of_two_near_duplicates_the_better_one_is_used(flaw: str) -> None:
    bad = copies(view(8))["blurred"] if flaw == "blurred" else ImageEnhance.Brightness(view(8)).enhance(1.35)
    plan = planned([photo(0, bad, "Hall"), photo(1, view(8), "Hall"), photo(2, view(8, left=0.3), "Hall")])
    assert pairs(plan) == [("1", "2")]


def test_near_duplicates_are_not_repeated_while_anything_else_is_left() -> None:
    pictures = [view(9), copies(view(9))["half"], view(10), copies(view(10))["jpeg"], view(11), view(12)]
    photos = [photo(rank, picture) for rank, picture in enumerate(pictures)]
    plan = planned(photos, 2)
    used = {used_id for pair in pairs(plan) for used_id in pair}
    assert len(used & {"0", "1"}) == len(used & {"2", "3"}) == 1
    assert {"4", "5"} <= used
    assert plan.warnings == []

    full = planned(photos, 3)
    assert not {("0", "1"), ("1", "0"), ("2", "3"), ("3", "2")} & set(pairs(full))
    assert full.warnings == ["There are too few different pictures: some scenes use near-duplicates of others."]


def test_where_duplicates_must_be_used_they_are_not_paired_with_each_other() -> None:
    pictures = [picture for seed in (9, 10) for picture in (view(seed), *list(copies(view(seed)).values())[:2])]
    found = pairs(planned([photo(rank, picture) for rank, picture in enumerate(pictures)]))
    assert len(found) == 3
    assert all((int(first) < 3) != (int(last) < 3) for first, last in found)


def test_photos_without_features_fall_back_one_by_one() -> None:
    photos = [photo(0, None, "Bar"), photo(1, view(13)), photo(2, None, "Bar"), photo(3, view(13, left=0.3))]
    plan = planned(photos)
    assert pairs(plan) == [("0", "2"), ("1", "3")]
    assert plan.warnings == ["2 photos could not be looked at and took part by group and age only."]


def test_without_any_features_the_plan_is_that_of_the_groups() -> None:
    photos = [photo(rank, None, tag) for rank, tag in enumerate(("A", "B", "A", "B", "C"))]
    plan = planned(photos)
    assert pairs(plan) == pairs(TemplatePlanner("groups").plan(photos, num_pairs=20, clip_duration_s=5))
    assert plan.warnings == ["The pictures could not be looked at; they are paired by group and age."]


@lru_cache
def real_photos(folder: str) -> dict[str, PhotoFeatures]:
    found = {}
    for path in sorted((MEDIA / folder).glob("*.jpg")):
        with Image.open(path) as picture:
            found[path.name] = picture_features(ImageOps.exif_transpose(picture))
    return found


def plan_shuffled(features: dict[str, PhotoFeatures], seed: int, num_pairs: int) -> list[tuple[str, str]]:
    """Plan real photos under camera names in random order; the answer speaks of the true names."""
    names = sorted(features)
    random.Random(seed).shuffle(names)
    photos = [
        Photo(id=str(i), age_rank=i, original_name=f"DSC_{i:04d}.JPG", width=4, height=3, features=features[name])
        for i, name in enumerate(names)
    ]
    return [(names[int(first)], names[int(last)]) for first, last in pairs(planned(photos, num_pairs))]


def crop(picture: Image.Image, left: float, top: float, size: float) -> PhotoFeatures:
    box = (left * picture.width, top * picture.height, (left + size) * picture.width, (top + size) * picture.height)
    return picture_features(picture.resize((640, 480), Image.Resampling.LANCZOS, box))


@needs_photos
@pytest.mark.parametrize("move", ["pan", "zoom"])
def test_moves_through_real_photos_are_recognised_among_all_of_them(move: str) -> None:
    dice, before, after = random.Random(11), list[PhotoFeatures](), list[PhotoFeatures]()
    for path in sorted((MEDIA / "depth").glob("*.jpg")) + sorted((MEDIA / "property").glob("[gosvw]*.jpg")):
        with Image.open(path) as picture:
            left, top, size = dice.uniform(0, 0.1), dice.uniform(0, 0.3), 0.65
            before.append(crop(picture.convert("RGB"), left, top, size))
            moved = (
                (left + dice.uniform(0.1, 0.25), top, size) if move == "pan" else (left + 0.1, top + 0.15, size / 1.7)
            )
            after.append(crop(picture.convert("RGB"), *moved))
    table, count = ViewTable(before + after), len(before)
    nearest = table.similarity[:count, count:].argmax(axis=1)
    assert np.mean(nearest == np.arange(count)) >= 0.9
    assert np.mean(table.similarity[:count, count:].diagonal() >= RELATED) >= 0.9


@needs_photos
@pytest.mark.parametrize("seed", range(5))
def test_the_pairs_of_a_real_campaign_are_found(seed: int) -> None:
    found = plan_shuffled(real_photos("campaign"), seed, 10)
    assert {frozenset(pair) for pair in found} == CAMPAIGN_PAIRS
    assert ("pier-a-wide.jpg", "pier-b-detail.jpg") in found
    assert ("dandelion-a-wide.jpg", "dandelion-b-detail.jpg") in found


@needs_photos
@pytest.mark.parametrize("seed", range(3))
def test_the_pairs_are_found_among_strangers_and_the_pier_is_not_shown_twice(seed: int) -> None:
    strangers = {**real_photos("property"), **real_photos("depth")}
    found = {frozenset(pair) for pair in plan_shuffled({**real_photos("campaign"), **strangers}, seed, 7)}
    sunset = {"pier-a-wide.jpg", "lake-view-pier.jpg"}
    assert {pair for pair in CAMPAIGN_PAIRS if not pair & sunset} < found
    # The lake view of the property set is the very photo of the pier: one of the two is used, and only once.
    assert len([pair for pair in found if pair & sunset]) == 1
    assert any("pier-b-detail.jpg" in pair and pair & sunset for pair in found)
    assert frozenset(("lythwood-01-bedroom.jpg", "lythwood-02-bed-close.jpg")) in found
    assert frozenset(("lythwood-04-sitting-window.jpg", "lythwood-05-sitting-corner.jpg")) in found


@needs_photos
def test_real_pictures_of_different_things_are_never_duplicates() -> None:
    features = {**real_photos("campaign"), **real_photos("property"), **real_photos("depth")}
    names = sorted(features)
    duplicates = np.argwhere(np.triu(ViewTable([features[name] for name in names]).duplicates, 1))
    assert [(names[one], names[other]) for one, other in duplicates.tolist()] == [
        ("lake-view-pier.jpg", "pier-a-wide.jpg")
    ]
