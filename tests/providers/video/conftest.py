"""Textured pictures, and clips read back frame by frame."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from providers.video.base import GeneratedClip, Shot
from providers.video.local import LocalVideoGenerator

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Film:
    clip: GeneratedClip
    path: Path
    frames: list[Picture]


def _paint(width: int, height: int, seed: int) -> Picture:
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for cells in (4, 9, 20, 45):
        noise = random.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * (38 - cells / 2)
    for _ in range(60):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        corner = (x + int(random.integers(8, 60)), y + int(random.integers(8, 60)))
        cv2.rectangle(picture, (x, y), corner, random.uniform(-90, 90, 3).tolist(), -1)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.0) + 128, 0, 255).astype(np.uint8)


@pytest.fixture
def paint() -> Callable[..., Picture]:
    """Paint a scene with texture at every scale and sharp-edged things in it; the same for the same seed."""
    return _paint


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def write(picture: Picture, name: str, **options: Any) -> Path:
        path = tmp_path / name
        Image.fromarray(picture).save(path, **options)
        return path

    return write


def read_frames(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Film]:
    """Render a shot with the local engine and read it back."""

    def render(first: Path, last: Path, **options: Any) -> Film:
        into = tmp_path / f"clip{len(list(tmp_path.glob('clip*.mp4')))}.mp4"
        shot = Shot(**{"first_frame": first, "last_frame": last, "prompt": "", "duration_s": 0.4, "fps": 25} | options)
        clip = LocalVideoGenerator().generate(shot, into, lambda share: None)
        return Film(clip, into, read_frames(into))

    return render


@pytest.fixture
def psnr() -> Callable[[Picture, Picture], float]:
    def measure(a: Picture, b: Picture) -> float:
        error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
        return float(10 * np.log10(255**2 / max(error, 1e-9)))

    return measure
