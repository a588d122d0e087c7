"""What Replicate's video models accept, and the films that they give."""

import tempfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from media.encode import encode_frames
from models.media import Size

_VEO: dict[str, Any] = {
    "prompt": str, "image": "url", "last_frame": "url", "duration": (4, 6, 8), "resolution": ("720p", "1080p"),
    "aspect_ratio": ("16:9", "9:16"), "generate_audio": bool, "negative_prompt": str, "seed": int,
}  # fmt: skip
_HAILUO: dict[str, Any] = {
    "prompt": str, "first_frame_image": "url", "last_frame_image": "url", "duration": (6, 10),
    "resolution": ("512p", "768p", "1080p"), "prompt_optimizer": bool,
}  # fmt: skip
_MODELS = {"google/veo-3.1": _VEO, "google/veo-3.1-fast": _VEO, "minimax/hailuo-02": _HAILUO}


def invalid_fields(model: str, given: dict[str, Any], has_file: Callable[[str], bool]) -> list[str]:
    """Return what the model would refuse of an input."""
    rules = _MODELS.get(model)
    if rules is None:
        return [f"version: {model} does not exist"]
    wrong = [f"input.{name}: is unknown" for name in given.keys() - rules.keys()]
    wrong += [
        f"input.{name}: {given[name]!r}"
        for name in given.keys() & rules.keys()
        if not _fits(given[name], rules[name], has_file)
    ]
    if not given.get("prompt"):
        wrong.append("input.prompt: is required")
    if rules is _HAILUO and given.get("duration") == 10 and given.get("resolution") == "1080p":
        wrong.append("input.resolution: 1080p is available for 6 seconds only")
    return wrong  # fmt: skip


def _fits(value: Any, rule: Any, has_file: Callable[[str], bool]) -> bool:
    if rule == "url":
        return isinstance(value, str) and has_file(value)
    return value in rule and not isinstance(value, bool) if isinstance(rule, tuple) else isinstance(value, rule)


def film(given: dict[str, Any]) -> bytes:
    """Return the MP4 that was ordered: its length and shape, one colour for each prompt."""
    return _film(int(given["duration"]), given.get("aspect_ratio", "16:9"), zlib.crc32(given["prompt"].encode()) % 200)


@lru_cache
def _film(seconds: int, aspect_ratio: str, colour: int) -> bytes:
    size = Size(36, 64) if aspect_ratio == "9:16" else Size(64, 36)
    frame = np.full((size.height, size.width, 3), (colour, 255 - colour, 90), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with encode_frames(path, size, 24) as write:
            for _ in range(seconds * 24):
                write(frame)
        return path.read_bytes()
