from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.encode import encode_frames
from media.thumbnail import write_thumbnail
from models.errors import InvalidMedia
from models.media import Size

ASSET, CLIP = Size(320, 240), Size(640, 360)


def read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert not picture.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & picture.info.keys()
        return picture


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("exif-rotated.jpg", (320, 240)), ("exif-gps.jpg", (240, 180)), ("animated.gif", (120, 90)),
        ("rotated-90.mp4", (135, 240)), ("one-frame.mp4", (320, 180)), ("mp4-renamed.jpg", (320, 180)),
    ],
)  # fmt: skip
def test_thumbnail_keeps_shape_and_is_never_enlarged(bad: Path, tmp_path: Path, name: str, size: Size) -> None:
    write_thumbnail(bad / name, tmp_path / "t.jpg", ASSET)
    assert read(tmp_path / "t.jpg").size == size
    write_thumbnail(bad / name, tmp_path / "l.jpg", CLIP, letterbox=True)
    assert read(tmp_path / "l.jpg").size == CLIP


def test_nothing_secret_gets_through(bad: Path, tmp_path: Path) -> None:
    write_thumbnail(bad / "exif-gps.jpg", tmp_path / "t.jpg", ASSET)
    assert b"Exif" not in (tmp_path / "t.jpg").read_bytes()
    write_thumbnail(bad / "trailing-html.jpg", tmp_path / "u.jpg", ASSET)
    assert b"html" not in (tmp_path / "u.jpg").read_bytes()


@pytest.mark.parametrize("name", ["audio-only.mp4", "silence.wav", "truncated-faststart.mp4", "script.svg"])
def test_nothing_to_show_is_refused_and_leaves_nothing(bad: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidMedia):
        write_thumbnail(bad / name, tmp_path / "t.jpg", ASSET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("frames", "shown"), [(96, 24), (24, 12)])
def test_film_shows_one_second_or_half(tmp_path: Path, frames: int, shown: int) -> None:
    with encode_frames(tmp_path / "a.mp4", Size(64, 64), 24) as write:
        for number in range(frames):
            write(np.full((64, 64, 3), 2 * number + 20, np.uint8))
    write_thumbnail(tmp_path / "a.mp4", tmp_path / "t.jpg", ASSET)
    assert np.asarray(read(tmp_path / "t.jpg")).mean() == pytest.approx(2 * shown + 20, abs=1.1)


def test_letterbox_has_black_bars_around_true_colours(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    write_thumbnail(make_clip("tall.mp4", (200, 40, 30), Size(72, 128)), tmp_path / "t.jpg", CLIP, letterbox=True)
    pixels = np.asarray(read(tmp_path / "t.jpg")).astype(int)
    assert pixels[:, :180].max() < 8
    assert np.abs(pixels[180, 320] - (200, 40, 30)).max() < 8
