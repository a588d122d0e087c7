"""The storyboard's timeline."""

from typing import Any

import pytest

from models.jobs import Scene
from models.media import transitions_that_fit
from models.video_v3_scenes import storyboard_of


def scene(duration_s: float, transition: str) -> Scene:
    return Scene(
        job_id=1, scene_index=0, title="T", description="D", prompt="P", duration_s=duration_s, transition=transition
    )


def times(parameters: dict[str, Any], *scenes: Scene) -> list[tuple[float, float]]:
    return [(entry["time_start"], entry["time_end"]) for entry in storyboard_of(scenes, parameters).scenes]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [(0, 2), (2, 5), (5, 6), (6, 8)]),
        ({"transitions": True}, [(0, 2), (1.5, 4.5), (4.5, 5.5), (5.0, 7.0)]),
        ({"transitions": "true", "fps": "25"}, [(0, 2), (1.52, 4.52), (4.52, 5.52), (5.04, 7.04)]),
    ],
)
def test_scenes_start_as_they_first_show(parameters: dict[str, Any], expected: list[tuple[float, float]]) -> None:
    story = (scene(2, "fade"), scene(3, "Cut"), scene(1, "wipe"), scene(2, "slide"))
    assert times(parameters, *story) == expected
    assert storyboard_of(story, parameters).total_duration == 8


def test_scenes_too_short_for_a_transition_follow_each_other() -> None:
    assert times({"transitions": True}, scene(2, "fade"), scene(0.5, "fade"), scene(2, "fade")) == [
        (0, 2), (2, 2.5), (2.5, 4.5),
    ]  # fmt: skip


def test_no_scenes_take_no_time() -> None:
    assert storyboard_of((), {"transitions": True}).total_duration == 0


@pytest.mark.parametrize(
    ("words", "frames", "fits"),
    [
        (["fade", "fade"], [20, 25, 13], (True, True)),
        (["fade", "fade"], [20, 24, 13], (True, False)),
        (["cut", "fade"], [20, 24, 13], (False, True)),
        (["fade", "fade"], [12, 25, 12], (False, False)),
        (["fade"], [20, 20, 20], (True, False)),
        ([], [20], ()),
    ],
)
def test_each_scene_keeps_a_frame_for_itself(words: list[str], frames: list[int], fits: tuple[bool, ...]) -> None:
    assert transitions_that_fit(words, frames, 12) == fits
