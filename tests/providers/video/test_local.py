"""The local engine as a whole: which technique it chooses, and what its clips look like."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from providers.video.base import Shot
from providers.video.local import generator
from providers.video.local.camera import ease
from providers.video.local.framing import frame_cover, load_photo


def test_a_zoom_into_a_detail_is_one_move(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    wide = paint(1280, 720, 1)
    detail = cv2.resize(wide[200:560, 500:1140], (1280, 720), interpolation=cv2.INTER_CUBIC)
    made = film(save(wide, "a.png"), save(detail, "b.png"), duration_s=1)
    assert made.clip.technique == "morph"
    assert len(made.frames) == 25
    # Half-way along a constant zoom from scale 1 to 2 the scale is √2, about the fixed point of the whole move.
    x, y = 500 / (1 - 640 / 1280), 200 / (1 - 360 / 720)
    zoom = 2**0.5
    middle = cv2.warpAffine(wide, np.array([[zoom, 0, x * (1 - zoom)], [0, zoom, y * (1 - zoom)]]), (1280, 720))
    assert psnr(made.frames[12], middle) > 28


def test_a_pan_shows_each_side_from_the_photo_that_has_it(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    scene = paint(1680, 720, 2)
    made = film(save(scene[:, :1280], "a.png"), save(scene[:, 400:], "b.png"), duration_s=1)
    assert made.clip.technique == "morph"
    assert psnr(made.frames[12], scene[:, 200:1480]) > 30


def test_a_diagonal_pan_shows_neither_black_nor_smear(paint: Any, save: Any, film: Any) -> None:
    grain = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 60, (880, 1480, 1)), (0, 0), 1.5)[..., None]
    scene = np.clip(paint(1480, 880, 3) + grain, 0, 255).astype(np.uint8)
    made = film(save(scene[:720, :1280], "a.png"), save(scene[160:, 200:], "b.png"), duration_s=1)
    assert made.clip.technique == "morph"
    for frame in made.frames[8:17]:
        for corner in (frame[:50, -50:].astype(int), frame[-50:, :50].astype(int)):
            # A repeated edge has no structure along one of the two directions; a black corner has none at all.
            assert min(float(np.abs(np.diff(corner, axis=axis)).mean()) for axis in (0, 1)) > 2


def test_unrelated_photos_are_never_morphed(paint: Any, save: Any, film: Any) -> None:
    made = film(save(paint(960, 540, 4), "a.png"), save(paint(960, 540, 5), "b.png"))
    assert made.clip.technique == "parallax"


def test_exposure_follows_from_one_photo_to_the_other(paint: Any, save: Any, film: Any) -> None:
    scene = paint(1480, 720, 6)
    darker = np.clip(scene[:, 200:] * 0.75, 0, 255).astype(np.uint8)
    made = film(save(scene[:, :1280], "a.png"), save(darker, "b.png"), duration_s=1)
    assert made.clip.technique == "morph"
    # Where both ends show the same part of the scene, light falls steadily and never pulses.
    light = np.array([frame.mean() for frame in made.frames])
    assert light[0] - light[-1] > 20
    assert np.all(np.diff(light) < 0.8)
    # What the first photo lacks comes from the darker one, early on, in the first one's light: no seam.
    at = round(200 * ease(8 / 24))
    parts = (slice(60, 500), slice(1280 - at + 20, 1280))
    kept, revealed = (made.frames[8][:, part].mean() / scene[:, at : at + 1280][:, part].mean() for part in parts)
    assert revealed == pytest.approx(kept, rel=0.03)


@pytest.mark.parametrize(("seeds", "shift"), [((7, 7), 90), ((7, 8), 0)])
def test_motion_is_smooth_and_rests_at_both_ends(paint: Any, save: Any, film: Any, seeds: Any, shift: int) -> None:
    a, b = paint(1370, 720, seeds[0])[:, :1280], paint(1370, 720, seeds[1])[:, shift : shift + 1280]
    made = film(save(a, "a.png"), save(b, "b.png"), duration_s=1.4)
    small = [cv2.resize(frame, (320, 180), interpolation=cv2.INTER_AREA).astype(np.float32) for frame in made.frames]
    change = np.array([np.abs(one - other).mean() for one, other in pairwise(small)])
    assert change[0] < 0.4
    assert change[-1] < 0.4
    assert change.max() > 0.8
    assert np.abs(np.diff(change)).max() < 0.35 * change.max()


def test_the_dissolve_keeps_to_the_middle_third(paint: Any, save: Any, film: Any) -> None:
    black, white = np.full((540, 960, 3), 30, np.uint8), np.full((540, 960, 3), 220, np.uint8)
    made = film(save(black, "a.png"), save(white, "b.png"), duration_s=1.2)
    light = np.array([frame.mean() for frame in made.frames])
    assert np.all(light[:10] < 32)
    assert np.all(light[-10:] > 218)
    assert np.all(np.diff(light) > -0.5)


def test_one_photo_twice_moves_and_comes_back(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    path = save(paint(1280, 720, 9), "a.png")
    made = film(path, path, duration_s=1)
    assert made.clip.technique == "parallax"
    assert psnr(made.frames[0], made.frames[-1]) > 38
    assert psnr(made.frames[0], made.frames[12]) < 30


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1", "4:5"])
@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_every_frame_is_filled(paint: Any, save: Any, film: Any, ratio: Any, fit: Any) -> None:
    a, b = np.maximum(paint(640, 427, 10), 60), np.maximum(paint(600, 800, 11), 60)
    made = film(save(a, "a.png"), save(b, "b.png"), duration_s=0.2, aspect_ratio=ratio, fit=fit)
    for frame in made.frames:
        border = np.concatenate([frame[:4].reshape(-1, 3), frame[-4:].reshape(-1, 3), frame[:, :4].reshape(-1, 3)])
        assert border.max(1).min() > 12  # contain dims its backdrop, but never to black


def test_contain_shows_the_whole_photo(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    photo = paint(720, 480, 12)
    path = save(photo, "a.png")
    made = film(path, path, aspect_ratio="9:16", fit="contain", duration_s=0.2)
    assert psnr(made.frames[0][400:880], photo) > 33


@pytest.mark.parametrize("duration_s", [0.001, 0.05])
def test_the_shortest_clip_has_both_ends(paint: Any, save: Any, film: Any, psnr: Any, duration_s: float) -> None:
    a, b = paint(1280, 720, 13), paint(1280, 720, 14)
    made = film(save(a, "a.png"), save(b, "b.png"), duration_s=duration_s)
    assert len(made.frames) == 2
    assert psnr(made.frames[0], a) > 33
    assert psnr(made.frames[-1], b) > 33


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (4000, 210), (210, 4000)])
@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_odd_photos_are_rendered(paint: Any, save: Any, film: Any, size: tuple[int, int], fit: Any) -> None:
    made = film(save(paint(*size, 15), "a.png"), save(paint(301, 203, 16), "b.png"), duration_s=0.1, fit=fit)
    assert [frame.shape for frame in made.frames] == [(720, 1280, 3)] * 2


def test_plain_photos_are_rendered(save: Any, film: Any) -> None:
    grey = np.full((90, 160, 3), 90, np.uint8)
    made = film(save(grey, "a.png"), save(grey + 40, "b.png"), duration_s=0.2)
    assert made.clip.technique == "parallax"
    assert np.abs(made.frames[0].astype(int) - 90).max() <= 2


def test_full_hd(paint: Any, save: Any, film: Any) -> None:
    first, last = save(paint(800, 450, 17), "a.png"), save(paint(800, 450, 18), "b.png")
    made = film(first, last, resolution="1080p", duration_s=0.1)
    assert {frame.shape for frame in made.frames} == {(1080, 1920, 3)}


def test_two_takes_from_one_spot_still_move(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    scene = paint(1280, 720, 22)
    made = film(save(scene, "a.png"), save(scene, "b.jpg", quality=85), duration_s=1)
    assert made.clip.technique == "morph"
    assert psnr(made.frames[12], scene) < 30
    assert psnr(made.frames[-1], scene) > 30


PAIRS = {
    "shelf-pan-a.jpg shelf-pan-b.jpg": "morph",
    "pier-a-wide.jpg pier-b-detail.jpg": "morph",
    "dandelion-a-wide.jpg dandelion-b-detail.jpg": "morph",
    "orange-a.jpg orange-b.jpg": "parallax",
    "../property/lythwood-01-bedroom.jpg ../property/lythwood-02-bed-close.jpg": "morph",
    "../property/lythwood-04-sitting-window.jpg ../property/lythwood-05-sitting-corner.jpg": "morph",
    "../property/lythwood-05-sitting-corner.jpg ../property/lythwood-06-fireplace-bed.jpg": "morph",
    "../property/villa-pool-front.jpg ../property/white-dining-kitchen.jpg": "parallax",
    "../property/lythwood-03-desk-bathroom-door.jpg ../property/lythwood-04-sitting-window.jpg": "parallax",
    "../property/lake-view-pier.jpg pier-a-wide.jpg": "parallax",
}


@pytest.mark.parametrize("pair", PAIRS)
def test_real_photos_get_the_technique_that_suits_them(test_data: Path, pair: str) -> None:
    first, last = (test_data / "media" / "campaign" / name for name in pair.split())
    technique, _ = generator._prepare(Shot(first_frame=first, last_frame=last, prompt="", duration_s=1))
    assert technique == PAIRS[pair]


@pytest.mark.parametrize("pair", list(PAIRS)[1:4])
def test_real_photos_are_reached_exactly(test_data: Path, film: Any, psnr: Any, pair: str) -> None:
    first, last = (test_data / "media" / "campaign" / name for name in pair.split())
    made = film(first, last, fit="contain", duration_s=0.2)
    for path, frame in ((first, made.frames[0]), (last, made.frames[-1])):
        with Image.open(path) as photo:
            scale = min(1280 / photo.width, 720 / photo.height)
            wide, high = round(photo.width * scale), round(photo.height * scale)
            wanted = np.asarray(photo.convert("RGB").resize((wide, high), Image.Resampling.LANCZOS))
        left, top = (1280 - wide) // 2, (720 - high) // 2
        assert psnr(frame[top : top + high, left : left + wide], wanted) > 35


def test_the_first_frame_is_the_framed_photo(paint: Any, save: Any, film: Any, psnr: Any) -> None:
    path = save(cv2.GaussianBlur(paint(1600, 900, 20), (0, 0), 1.5), "a.png")
    made = film(path, save(paint(640, 360, 21), "b.png"), duration_s=0.2)
    size = Shot(first_frame=path, last_frame=path, prompt="", duration_s=1).size
    photo = load_photo(path, size, "cover")
    assert psnr(made.frames[0], frame_cover(photo, (0, 0, 1600, 900), size).still) > 38
