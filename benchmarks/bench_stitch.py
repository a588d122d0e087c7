"""Joining seven clips of 5 s at 1080p with hard cuts, as a ratio to ``ffmpeg -c copy`` with the same flags.

Run with ``python -m benchmarks.bench_stitch``. Both work on the same clips in turn, in the same run.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from media.concat import stitch
from media.encode import Frame, encode_frames
from media.ffmpeg import ffmpeg_executable
from models.media import Fps, Size

_SIZE = Size(1920, 1080)
_FPS: Fps = 30
_CLIPS, _CLIP_S, _ROUNDS = 7, 5, 5
_WANTED_RATIO = 1.3


def moving_picture(size: Size, number: int, seed: int) -> Frame:
    """Return frame ``number`` of a drifting pattern; ``seed`` gives each clip a look of its own."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.int32)
    waves = (
        x + 5 * number + 40 * seed,
        y + 3 * number,
        (x + y) // 2 + 70 * seed,
    )
    return np.stack([wave % 256 for wave in waves], axis=-1).astype(np.uint8)


def make_clips(folder: Path) -> list[Path]:
    """Encode the clips with the application's own encoder."""
    clips = [folder / f"clip{seed}.mp4" for seed in range(_CLIPS)]
    for seed, path in enumerate(clips):
        loop = [moving_picture(_SIZE, number, seed) for number in range(_FPS)]
        with encode_frames(path, _SIZE, _FPS) as write:
            for number in range(_CLIP_S * _FPS):
                write(loop[number % len(loop)])
    return clips


def join_with_ffmpeg(clips: list[Path], into: Path) -> None:
    """Join by the plain command, as the peer."""
    script = into.with_suffix(".txt")
    script.write_text("".join(f"file {clip.name}\n" for clip in clips))
    subprocess.run(
        [
            *(ffmpeg_executable(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"),
            *("-f", "concat", "-i", str(script), "-map", "0:v:0", "-c", "copy", "-map_metadata", "-1"),
            *("-movflags", "+faststart", "-video_track_timescale", "90000", str(into)),
        ],
        check=True,
    )


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure in turn, print both medians and the ratio."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(_ROUNDS):
            theirs.append(seconds(lambda: join_with_ffmpeg(clips, folder / "peer.mp4")))
            ours.append(seconds(lambda: stitch(clips, folder / "ours.mp4", aspect_ratio="16:9")))
        total_mb = sum(clip.stat().st_size for clip in clips) / 1e6
    ratio = median(ours) / median(theirs)
    print(f"stitch, {_CLIPS} × {_CLIP_S} s 1080p ({total_mb:.0f} MB), median of {_ROUNDS}:")
    print(
        f"ours {median(ours):.3f} s, ffmpeg -c copy {median(theirs):.3f} s, ratio {ratio:.2f} (aim ≤ {_WANTED_RATIO})"
    )


if __name__ == "__main__":
    main()
