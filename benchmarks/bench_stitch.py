"""Joining seven clips of 5 s at 1080p: hard cuts as a ratio to ``ffmpeg -c copy``, cross-fades to plain ``xfade``.

Run with ``python -m benchmarks.bench_stitch``. Each works on the same clips as its peer in turn, in the same run, with
the same flags and encoder settings; plain ``xfade`` encodes the whole film.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import ffmpeg
import numpy as np

from media.concat import stitch
from media.encode import Frame, encode_frames, h264_output
from media.ffmpeg import ffmpeg_executable, run_graph
from models.media import Fps, Size

_SIZE = Size(1920, 1080)
_FPS: Fps = 30
_CLIPS, _CLIP_S, _ROUNDS = 7, 5, 5
_WANTED_RATIO = 1.3
_FADE_S, _FADE_ROUNDS, _WANTED_FADE_RATIO = 0.5, 2, 0.4


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
        with encode_frames(path, _SIZE, _FPS, _CLIP_S * _FPS) as write:
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


def fade_with_ffmpeg(clips: list[Path], into: Path) -> None:
    """Cross-fade every join by a chain of ``xfade``, as the peer."""
    sources = [ffmpeg.input(str(clip)).video for clip in clips]
    film = sources[0]
    for number, source in enumerate(sources[1:], 1):
        offset = number * (_CLIP_S - _FADE_S)
        film = ffmpeg.filter((film, source), "xfade", transition="fade", duration=_FADE_S, offset=offset)
    run_graph(h264_output(film, into, _FPS), timeout_s=600)


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, peer: str, wanted: float) -> None:
    """Measure both in turn, print the medians and their ratio."""
    taken = [(seconds(theirs), seconds(ours)) for _ in range(rounds)]
    their_s, our_s = (median(column) for column in zip(*taken, strict=True))
    print(
        f"ours {our_s:.3f} s, {peer} {their_s:.3f} s, ratio {our_s / their_s:.2f} (aim ≤ {wanted}), of {rounds} rounds"
    )


def main() -> None:
    """Print how long hard cuts and cross-fades take, as ratios to their peers."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder)
        ours, peer = folder / "ours.mp4", folder / "peer.mp4"
        fades = ["fade"] * (_CLIPS - 1)
        total_mb = sum(clip.stat().st_size for clip in clips) / 1e6
        print(f"stitch, {_CLIPS} × {_CLIP_S} s 1080p ({total_mb:.0f} MB), medians:")
        compare(
            lambda: stitch(clips, ours, aspect_ratio="16:9"),
            lambda: join_with_ffmpeg(clips, peer),
            *(_ROUNDS, "ffmpeg -c copy", _WANTED_RATIO),
        )
        compare(
            lambda: stitch(clips, ours, aspect_ratio="16:9", transitions=fades),
            lambda: fade_with_ffmpeg(clips, peer),
            *(_FADE_ROUNDS, "xfade of everything", _WANTED_FADE_RATIO),
        )


if __name__ == "__main__":
    main()
