"""What every planner must do, over every planner and mode, on many random sets of photos."""

import random
from base64 import b64encode
from collections.abc import Callable
from typing import get_args

import pytest

from models.errors import InvalidInput
from models.media import CameraMovement
from models.storyboard import Pairing, Photo, PhotoFeatures, Plan
from providers.planner.base import Planner
from providers.planner.template import TemplatePlanner

PLANNERS: dict[str, Callable[[], Planner]] = {
    f"template-{pairing}": lambda pairing=pairing: TemplatePlanner(pairing) for pairing in get_args(Pairing)
}
TEXTS = (
    "",
    " ",
    "Bedroom 1",
    "bedroom-2",
    "Pool",
    "Küche 3",
    "IMG_0042.jpg",
    "villa-a.jpg",
    "7",
    "\x00\n",
    "“{x}” <b> 100%",
    "d" * 300,
)


@pytest.fixture(params=PLANNERS, name="planner")
def _planner(request: pytest.FixtureRequest) -> Planner:
    return PLANNERS[request.param]()


def random_features(dice: random.Random) -> PhotoFeatures:
    return PhotoFeatures(
        perceptual_hash=dice.randbytes(8).hex(),
        sharpness=dice.random(),
        exposure=dice.random(),
        view=b64encode(dice.randbytes(14 * 14 * 7)).decode(),
    )


def random_photos(dice: random.Random, count: int) -> list[Photo]:
    pool = [random_features(dice) for _ in range(max(1, count // 2))]
    share = dice.choice((0.0, 0.5, 1.0))
    return [
        Photo(
            id=f"{rank:04d}-{dice.randrange(10**6)}",
            age_rank=rank,
            name=dice.choice(TEXTS),
            original_name=dice.choice(TEXTS),
            tags=tuple(dice.choices(TEXTS, k=dice.randrange(3))),
            description=dice.choice(TEXTS),
            width=dice.choice((800, 1200)),
            height=dice.choice((800, 1200)),
            # Drawn with repetition, so that exact duplicates occur.
            features=dice.choice(pool) if dice.random() < share else None,
        )
        for rank in range(count)
    ]


def plan(planner: Planner, photos: list[Photo], num_pairs: int) -> Plan:
    return planner.plan(photos, num_pairs=num_pairs, clip_duration_s=4.5)


@pytest.mark.parametrize("seed", range(40))
def test_any_photos_give_a_plan_that_keeps_the_promises(planner: Planner, seed: int) -> None:
    dice = random.Random(seed)
    photos = random_photos(dice, dice.randrange(2, 40))
    num_pairs = dice.randrange(1, 25)
    planned = plan(planner, photos, num_pairs)

    assert len(planned.scenes) == min(num_pairs, len(photos) // 2) >= 1
    used = [used_id for scene in planned.scenes for used_id in (scene.first_asset_id, scene.last_asset_id)]
    assert len(set(used)) == len(used) == 2 * len(planned.scenes)
    assert set(used) <= {photo.id for photo in photos}
    for scene in planned.scenes:
        assert scene.duration_s == 4.5
        assert scene.title.strip()
        assert scene.description.strip()
        assert 40 < len(scene.prompt) <= 2000
        assert scene.prompt == " ".join(scene.prompt.split())
        assert scene.prompt.isprintable()
        assert scene.camera_movement in CameraMovement
        assert scene.score is not None
        assert 0 <= scene.score <= 1
        assert scene.selection_reasoning


def test_the_same_photos_give_the_same_plan(planner: Planner) -> None:
    photos = random_photos(random.Random(7), 31)
    copies = [Photo.model_validate_json(photo.model_dump_json()) for photo in photos]
    assert plan(planner, photos, 9) == plan(planner, copies, 9)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_photos_are_refused(planner: Planner, count: int) -> None:
    with pytest.raises(InvalidInput, match=f"at least 2 photos, got {count}"):
        plan(planner, random_photos(random.Random(1), count), 1)


@pytest.mark.parametrize("num_pairs", [0, -3])
def test_fewer_than_one_pair_is_refused(planner: Planner, num_pairs: int) -> None:
    with pytest.raises(InvalidInput, match="num_pairs"):
        plan(planner, random_photos(random.Random(1), 4), num_pairs)


def test_only_duplicates_still_give_every_scene(planner: Planner) -> None:
    features = random_features(random.Random(3))
    photos = [Photo(id=str(rank), age_rank=rank, width=4, height=3, features=features) for rank in range(7)]
    assert len(plan(planner, photos, 20).scenes) == 3


def test_a_template_plan_says_who_made_it() -> None:
    assert plan(TemplatePlanner(), random_photos(random.Random(1), 4), 1).planner == "template"
