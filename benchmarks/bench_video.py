"""A clip of 5 s at 720p and 30 fps from the local engine, as a ratio to ffmpeg's ``zoompan`` and to real time.

Run with ``python -m benchmarks.bench_video``. The peer makes a clip of the same length with the same encoder settings
from the first of the same pictures; all take turns, in the same run.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import ffmpeg
import skimage

from media.encode import H264_SETTINGS, as_bt709
from media.ffmpeg import run_graph
from providers.video.base import Shot
from providers.video.local import LocalVideoGenerator

_PICTURES = Path(skimage.__file__).parent / "data"
_PAIRS = {
    "morph": ("motorcycle_left.png", "motorcycle_right.png"),
    "parallax": ("chelsea.png", "coffee.png"),
}
_CLIP_S, _ROUNDS = 5.0, 3
_WANTED_SPEED = 1.5


def shot(technique: str) -> Shot:
    """Return the shot that the engine renders by that technique."""
    first, last = (_PICTURES / name for name in _PAIRS[technique])
    return Shot(first_frame=first, last_frame=last, prompt="", duration_s=_CLIP_S)


def render(technique: str, into: Path) -> None:
    """Render with the local engine, and make sure that it is the technique to be measured."""
    clip = LocalVideoGenerator().generate(shot(technique), into, lambda _: None)
    if clip.technique != technique:
        raise RuntimeError(f"{_PAIRS[technique]} was rendered by {clip.technique}, not {technique}")


def zoom_with_ffmpeg(technique: str, into: Path) -> None:
    """Zoom into the first picture by ffmpeg alone, as the peer."""
    wanted = shot(technique)
    zoomed = (
        ffmpeg.input(str(wanted.first_frame))
        .filter("scale", wanted.size.width, wanted.size.height, force_original_aspect_ratio="increase")
        .filter("crop", wanted.size.width, wanted.size.height)
        .filter(
            "zoompan", z="1+0.15*on/150", x="iw/2-iw/zoom/2", y="ih/2-ih/zoom/2", d=wanted.frame_count,
            s=f"{wanted.size.width}x{wanted.size.height}", fps=wanted.fps,
        )
    )  # fmt: skip
    run_graph(as_bt709(zoomed).output(str(into), r=wanted.fps, g=2 * wanted.fps, **H264_SETTINGS), timeout_s=600)


def seconds(work: Callable[[str, Path], None], technique: str, into: Path) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work(technique, into)
    return time.perf_counter() - start


def main() -> None:
    """Print, for each technique, its time as a multiple of the peer's and its speed as a multiple of real time."""
    with TemporaryDirectory() as folder:
        into = Path(folder) / "clip.mp4"
        for technique in _PAIRS:
            rounds = [
                (seconds(render, technique, into), seconds(zoom_with_ffmpeg, technique, into)) for _ in range(_ROUNDS)
            ]
            ours, peer = (median(column) for column in zip(*rounds, strict=True))
            print(
                f"{technique}: {ours:.2f} s, {ours / peer:.2f} times ffmpeg zoompan ({peer:.2f} s), "
                f"{_CLIP_S / ours:.2f} times real time (wanted: at least {_WANTED_SPEED})"
            )


if __name__ == "__main__":
    main()
