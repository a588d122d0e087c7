from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.encode import encode_frames
from models.media import Fps, Size

MakeClip = Callable[..., Path]
_SMALL = Size(128, 72)


@pytest.fixture(scope="session")
def photos(test_data: Path) -> Path:
    return test_data / "media"


@pytest.fixture(scope="session")
def bad(photos: Path) -> Path:
    return photos / "bad"


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Encode a clip of one colour with a white bar that moves one step a frame."""

    def make(name: str, colour: tuple[int, int, int], size: Size = _SMALL, fps: Fps = 24, frames: int = 24) -> Path:
        path = tmp_path / name
        with encode_frames(path, size, fps) as write:
            for number in range(frames):
                frame = np.empty((size.height, size.width, 3), np.uint8)
                frame[...] = colour
                frame[:4, number * 2 : number * 2 + 4] = 255
                write(frame)
        return path

    return make
