"""Camera movements, measured in the pictures by optical flow."""

from typing import Any

import cv2
import numpy as np
import pytest

from models.media import CameraMovement, Size
from providers.video.local.camera import Spare, displacement, ease, there_and_back
from providers.video.local.framing import FramedPhoto, Photo, frame_cover
from providers.video.local.imaging import lattice
from providers.video.local.parallax import Orbit, Parallax
from providers.video.local.subjects import subject_map

SIZE = Size(480, 270)
M = CameraMovement


@pytest.fixture
def framed(paint: Any) -> Any:
    def frame(seed: int) -> FramedPhoto:
        pixels = paint(480, 270, seed)
        return frame_cover(Photo(pixels, subject_map(pixels)), (0, 0, 480, 270), SIZE)

    return frame


def flow(before: Any, after: Any) -> Any:
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = engine.calc(*(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after)), None)
    return found[40:-40, 60:-60]


def measured(renderer: Any, start: float, end: float) -> tuple[float, float, float]:
    """Return enlargement per pixel and mean slide to the right and down between two moments."""
    moved = flow(renderer.frame(start), renderer.frame(end))
    y, x = np.mgrid[-1 : 1 : moved.shape[0] * 1j, -1 : 1 : moved.shape[1] * 1j]
    growth = float((moved[..., 0] * x).mean() / (x * x).mean() + (moved[..., 1] * y).mean() / (y * y).mean())
    return growth, float(moved[..., 0].mean()), float(moved[..., 1].mean())


@pytest.mark.parametrize("half", [(0.0, 0.33), (0.67, 1.0)])
@pytest.mark.parametrize(
    ("movement", "grows", "slides"),
    [
        (M.DOLLY_FORWARD, 1, 0), (M.DOLLY_BACKWARD, -1, 0), (M.TRUCK_LATERAL, 0, -1),
        (M.TRUCK_LATERAL_OPPOSITE, 0, 1), (M.PAN_SWEEP, 0, -1),
    ],
)  # fmt: skip
def test_each_movement_goes_its_way_in_both_photos(
    framed: Any, movement: Any, grows: int, slides: int, half: tuple[float, float]
) -> None:
    renderer = Parallax(framed(1), framed(2), movement, 5, SIZE)
    growth, right, down = measured(renderer, *half)
    if grows:
        assert growth * grows > 3
        assert abs(right) < 2
    else:
        assert right * slides > 2
    assert abs(down) < 2


def test_a_float_is_seen_but_barely(framed: Any) -> None:
    renderer = Parallax(framed(1), framed(2), M.STATIC_FLOAT, 5, SIZE)
    amount = np.abs(flow(renderer.frame(0), renderer.frame(0.33))).max()
    assert 0.2 < amount < 5


def test_what_is_near_moves_more_than_what_is_far(framed: Any) -> None:
    moved = flow(*(Parallax(framed(1), framed(2), M.TRUCK_LATERAL, 5, SIZE).frame(time) for time in (0, 0.33)))
    assert np.abs(moved[-40:, :, 0]).mean() > 1.3 * np.abs(moved[:40, :, 0]).mean()


def test_an_orbit_obeys_the_movement_and_returns(framed: Any) -> None:
    renderer = Orbit(framed(3), M.TRUCK_LATERAL, 5, SIZE)
    assert measured(renderer, 0, 0.5)[1] < -2
    assert measured(renderer, 0.5, 1)[1] > 2
    assert np.array_equal(renderer.frame(0), renderer.frame(1))


@pytest.mark.parametrize("movement", list(M))
@pytest.mark.parametrize("advance", [-1.0, -0.4, 0.4, 1.0])
@pytest.mark.parametrize("room", [0.0, 0.05, 1.2])
def test_no_movement_looks_past_the_picture_or_folds_it(movement: Any, advance: float, room: float) -> None:
    points = lattice(Size(2, 2), Size(81, 61)) - 1
    near = np.linspace(0, 1, 61, dtype=np.float32)[:, None] * np.ones((1, 81), np.float32)
    seen = displacement(movement, advance, points, near, Spare(room, room, room, room))
    assert np.abs(seen).max() <= 1 + room + 1e-4
    assert np.diff(seen[..., 0], axis=1).min() > 0
    assert np.diff(seen[..., 1], axis=0).min() > 0


def test_time_is_eased() -> None:
    times = np.linspace(0, 1, 501)
    way = np.array([ease(float(time)) for time in times])
    speed = np.diff(way) * 500
    assert (way[0], way[250], way[-1]) == pytest.approx((0, 0.5, 1))
    assert np.all(speed >= 0)
    assert max(speed[0], speed[-1]) < 0.01
    assert speed.max() < 1.7
    assert np.abs(np.diff(speed)).max() < 0.05
    assert [there_and_back(time) for time in (0, 0.5, 1)] == pytest.approx([0, 1, 0])
