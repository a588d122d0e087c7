"""The words, the rhythm and the order of a planned film."""

from itertools import pairwise

import pytest

from models.media import CameraMovement
from models.storyboard import Photo, ScenePlan
from providers.planner.template import TemplatePlanner
from providers.planner.wording import camera_movements


def scenes(*names: str, num_pairs: int = 20, description: str = "") -> list[ScenePlan]:
    photos = [
        Photo(id=str(rank), age_rank=rank, name=name, description=description, width=4, height=3)
        for rank, name in enumerate(names)
    ]
    return TemplatePlanner().plan(photos, num_pairs=num_pairs, clip_duration_s=5).scenes


def test_a_group_scene_is_named_after_its_group_and_others_are_numbered() -> None:
    first, second = scenes("Bedroom 1", "Hall", "Bedroom 2", "Pool")
    assert (first.title, first.group_name, first.transition) == ("Bedroom Showcase", "Bedroom", "fade")
    assert (second.title, second.group_name, second.transition) == ("Scene 2", None, "fade")
    assert first.score == second.score == 0.8


def test_prompts_name_the_subject_the_move_and_both_ends() -> None:
    first, second = scenes("Bedroom 1", "Hall", "Bedroom 2", "Pool", description="linen and morning sun")
    assert "Bedroom" in first.prompt
    assert "linen and morning sun" in first.prompt
    assert "from Hall to Pool" in second.prompt
    assert all("first frame" in scene.prompt and "last frame" in scene.prompt for scene in (first, second))


def test_scenes_of_one_group_are_not_told_in_the_same_words() -> None:
    planned = scenes(*["Pool"] * 16)
    assert len({scene.prompt for scene in planned}) == 8
    assert len({scene.description for scene in planned}) >= 6


@pytest.mark.parametrize(
    "unsafe", ["<script>", '"quoted"', "a\nb", "a\x00b", "{x}", "x" * 500, "back\\slash", "a\u202eb"]
)
def test_a_name_cannot_break_out_of_the_prompt(unsafe: str) -> None:
    (scene,) = scenes(unsafe, unsafe)
    assert not set(scene.prompt) & set('<>{}"\\\n\x00\u202e')
    assert len(scene.prompt) < 600


def test_letters_of_every_script_stay_in_the_prompt() -> None:
    assert "शयनकक्ष" in scenes("शयनकक्ष 1", "शयनकक्ष 2")[0].prompt
    assert "Küche" in scenes("Küche 1", "Küche 2")[0].prompt


def test_a_camera_counter_is_not_told_as_a_subject() -> None:
    (scene,) = scenes("IMG_0001.jpg", "IMG_0002.jpg")
    assert "IMG" not in scene.prompt + scene.description + scene.title


@pytest.mark.parametrize("count", range(1, 21))
def test_a_film_arrives_varies_and_leaves(count: int) -> None:
    movements = camera_movements([None] * count)
    assert movements[0] == CameraMovement.DOLLY_FORWARD
    assert count == 1 or movements[-1] == CameraMovement.DOLLY_BACKWARD
    assert all(one != other for one, other in pairwise(movements))
    assert len(set(movements)) >= min(count, len(CameraMovement))


def test_a_movement_seen_in_the_pictures_wins_and_its_neighbours_differ() -> None:
    truck = CameraMovement.TRUCK_LATERAL
    movements = camera_movements([truck, None, truck, None, None, truck])
    assert [movements[0], movements[2], movements[5]] == [truck] * 3
    assert truck not in (movements[1], movements[3], movements[4])
