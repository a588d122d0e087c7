"""Homographies as moves, the relation of two photos, and the crop that keeps the subject."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.media import Size
from providers.video.local.alignment import relate
from providers.video.local.framing import FramedPhoto, Photo, crops, frame_cover
from providers.video.local.imaging import single
from providers.video.local.projective import apply, exp, log, scaling
from providers.video.local.residual import measure_residual
from providers.video.local.subjects import faces, subject_map


def turn(degrees: float, focal: float = 900.0) -> Any:
    """Return the homography of a camera that turns to the right in place; the picture is 1280 × 720."""
    angle = np.radians(degrees)
    inside = np.array([[focal, 0, 640], [0, focal, 360], [0, 0, 1]])
    turned = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    return inside @ turned @ np.linalg.inv(inside)


SLIDE = np.array([[1, 0, 900], [0, 1, -300], [0, 0, 1.0]])
TILT = np.array([[0.98, -0.17, 60], [0.17, 0.98, -40], [0, 0, 1.0]])


@pytest.mark.parametrize("matrix", [scaling(3.0, (500, 200)), scaling(0.4), SLIDE, TILT, turn(20), turn(70), np.eye(3)])
def test_the_logarithm_undoes_the_exponential(matrix: Any) -> None:
    points = single(np.array([[700.0, 300], [640, 100], [600, 700]]))
    assert apply(exp(log(matrix)), points) == pytest.approx(apply(matrix, points), abs=0.02)
    assert apply(exp(log(matrix) / 2) @ exp(log(matrix) / 2), points) == pytest.approx(apply(matrix, points), abs=0.02)


def test_half_a_zoom_keeps_its_centre_and_half_a_turn_is_a_turn() -> None:
    half = exp(log(scaling(4.0, (500, 200))) / 2)
    assert half / half[2, 2] == pytest.approx(scaling(2.0, (500, 200)), abs=1e-6)
    half = exp(log(turn(40)) / 2)
    assert half / half[2, 2] == pytest.approx(turn(20) / turn(20)[2, 2], abs=1e-4)


def test_a_mirror_image_is_no_move() -> None:
    with pytest.raises(ValueError, match="reflection"):
        log(np.diag([-1.0, 1, 1]))


@pytest.mark.parametrize("known", [scaling(1.7, (300, 400)), turn(12), TILT])
def test_a_known_relation_is_found(paint: Any, known: Any) -> None:
    a = paint(1280, 720, 1)
    b = cv2.warpPerspective(a, known, (1280, 720), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    found = relate(a, b)
    assert found is not None
    points = single(np.array([[500.0, 300], [700, 400], [600, 500]]))
    assert apply(found, points) == pytest.approx(apply(known, points), abs=1.5)


def test_no_relation_where_there_is_none(paint: Any) -> None:
    a = paint(640, 360, 1)
    assert relate(a, paint(640, 360, 2)) is None
    assert relate(a, np.ascontiguousarray(a[:, ::-1])) is None
    assert relate(a, np.full_like(a, 128)) is None


def framed(pixels: Any) -> FramedPhoto:
    return frame_cover(Photo(pixels, subject_map(pixels)), (0, 0, 640, 360), Size(640, 360))


def test_flow_that_agrees_with_itself_is_the_same_scene(paint: Any) -> None:
    scene = paint(660, 360, 3)
    residual = measure_residual(framed(scene[:, :640]), framed(scene[:, 8:648]), np.eye(3), Size(640, 360))
    assert residual.same_scene
    assert residual.consistent > 0.8
    assert np.median(residual.there[..., 0]) == pytest.approx(-8, abs=0.5)
    assert np.median(residual.back[..., 0]) == pytest.approx(8, abs=0.5)
    for doubt in ({"consistent": 0.49}, {"alike": 0.5}, {"common": 0.1}, {"folded": 0.05}):
        assert not replace(residual, **doubt).same_scene


def test_flow_between_strangers_is_not_believed(paint: Any) -> None:
    residual = measure_residual(framed(paint(640, 360, 3)), framed(paint(640, 360, 4)), np.eye(3), Size(640, 360))
    assert not residual.same_scene
    assert residual.consistent < 0.5
    assert residual.trust.mean() < 0.2


def spotted(left: int, top: int, width: int = 640, height: int = 360) -> Photo:
    pixels = np.full((height, width, 3), (120, 130, 125), np.uint8)
    noise = np.random.default_rng(1).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    pixels[top : top + 90, left : left + 90] = noise // 2 + np.array([120, 0, 0], np.uint8)
    return Photo(pixels, subject_map(pixels))


@pytest.mark.parametrize("left", [10, 275, 540])
def test_the_crop_keeps_the_subject(left: int) -> None:
    crop, _ = crops(spotted(left, 100), spotted(275, 100), None, Size(720, 1280))
    assert crop[2] / crop[3] == pytest.approx(720 / 1280)
    assert crop[0] <= left + 2
    assert crop[0] + crop[2] >= left + 88


def test_photos_of_one_scene_are_cropped_together() -> None:
    wide, detail = spotted(100, 100), spotted(275, 100)
    relation = scaling(2.0, (-75.0, 100.0))  # carries the spot's left edge from 100 to 275
    one, other = crops(wide, detail, relation, Size(720, 1280))
    centre = apply(relation, single(np.array([one[0] + one[2] / 2, one[1] + one[3] / 2])))
    assert abs(centre[0] - (other[0] + other[2] / 2)) < other[2]


def test_faces_are_found_only_where_they_are(test_data: Path) -> None:
    from media.decode import open_picture

    found = faces(np.asarray(open_picture(test_data / "media/depth/portrait-astronaut.jpg")))
    assert len(found) == 1
    assert found[0][:2] == pytest.approx((0.34, 0.13), abs=0.05)
    for name in ("campaign/fruit-a.jpg", "depth/dune-rider.jpg", "property/grey-living-room.jpg"):
        assert faces(np.asarray(open_picture(test_data / "media" / name))) == []
