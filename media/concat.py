"""Joining clips into one film with hard cuts, copying whatever can be copied."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from media.clip_format import Clip, agreed_rate, read_clip
from media.ffmpeg import run_graph, written_whole
from media.film import measure, open_film, video_track
from media.normalise import canvas, normalise
from models.errors import InvalidInput, InvalidMedia, ProcessingFailed, StorageFull
from models.media import AspectRatio, Size

_LEAST_FREE_BYTES = 100 * 1000**2
_LENGTH_TOLERANCE_S = 0.5


@dataclass(frozen=True)
class StitchResult:
    """A joined film as measured on the finished file; ``normalised`` holds the positions of re-encoded clips."""

    size: Size
    duration_s: float
    fps: float
    frame_count: int
    size_bytes: int
    normalised: tuple[int, ...]


def stitch(clips: Sequence[Path], into: Path, *, aspect_ratio: AspectRatio, timeout_s: float = 600.0) -> StitchResult:
    """Join ``clips`` in the given order into the MP4 ``into``: hard cuts, no sound, index in front.

    Clips that agree in every respect are joined by copying their packets. Otherwise those that are not yet in the
    canvas's format are normalised first: H.264, 1920×1080 (or the shape of ``aspect_ratio`` with a short side of
    1080), fitted and padded in black, at the most frequent frame rate among them.

    Working files lie in a private directory beside ``into`` and are gone afterwards; ``into`` appears only when the
    film has been checked. Raises InvalidInput without clips, InvalidMedia for a clip that cannot be used,
    StorageFull with less than 100 MB free, and ProcessingFailed when joining fails or takes more than ``timeout_s``.
    """
    if not clips:
        raise InvalidInput("there are no clips to join")
    if shutil.disk_usage(into.parent).free < _LEAST_FREE_BYTES:
        raise StorageFull("less than 100 MB are free on the disk; free some and run the job again")
    deadline = time.monotonic() + timeout_s
    with TemporaryDirectory(prefix=".stitch-", dir=into.parent) as folder:
        sources = [_read(path, number, Path(folder)) for number, path in enumerate(clips)]
        parts, normalised = _uniform(sources, aspect_ratio, Path(folder), deadline)
        with written_whole(into) as partial:
            _join(parts, partial, Path(folder), deadline)
            return _checked(partial, sources, parts, normalised)


def _read(path: Path, number: int, folder: Path) -> Clip:
    """Read a clip through a link with a plain name, which needs no quoting in lists or commands."""
    link = folder / f"clip-{number:04d}"
    try:
        link.symlink_to(path.absolute())
        return read_clip(link)
    except InvalidMedia as exc:
        raise InvalidMedia(f"clip {number + 1} ({path.name!r}): {exc}") from exc


def _uniform(
    sources: Sequence[Clip], aspect_ratio: AspectRatio, folder: Path, deadline: float
) -> tuple[list[Clip], tuple[int, ...]]:
    """Return clips that can be joined by copy, and which of them had to be made.

    A clip that has the canvas's size and rate is kept if it is encoded just like the ones that are made.
    """
    first = sources[0]
    if first.copyable and all(clip.copyable and clip.format == first.format for clip in sources):
        return list(sources), ()
    size, rate = canvas(aspect_ratio), agreed_rate(sources)
    made: dict[int, Clip] = {}

    def make(number: int) -> None:
        target = folder / f"normal-{number:04d}.mp4"
        normalise(sources[number], target, size, rate, timeout_s=_left(deadline))
        made[number] = read_clip(target)

    candidates = [n for n, clip in enumerate(sources) if clip.copyable and clip.format.fits(size, rate)]
    for number in range(len(sources)):
        if number not in candidates:
            make(number)
    if not made:
        make(candidates[0])
    pattern = next(iter(made.values())).format
    for number in candidates:
        if number not in made and sources[number].format != pattern:
            make(number)
    return [made.get(number, clip) for number, clip in enumerate(sources)], tuple(sorted(made))


def _join(parts: Sequence[Clip], into: Path, folder: Path, deadline: float) -> None:
    """Copy the packets of ``parts`` into one file. Lengths are stated, so that longer sound leaves no gap."""
    script = folder / "clips.txt"
    script.write_text("".join(f"file {clip.path.name}\nduration {clip.duration_s:.6f}\n" for clip in parts), "ascii")
    joined = ffmpeg.input(str(script), format="concat").output(
        str(into),
        format="mp4",
        map="0:v:0",
        codec="copy",
        map_metadata=-1,
        movflags="+faststart",
        video_track_timescale=parts[0].format.time_base.denominator,
    )
    run_graph(joined, timeout_s=_left(deadline))


def _checked(film: Path, sources: Sequence[Clip], parts: Sequence[Clip], normalised: tuple[int, ...]) -> StitchResult:
    """Measure the film and compare it with what went in; raises ProcessingFailed when they differ."""
    with open_film(film, packets_only=True) as (_, container):
        track = video_track(container)
        if track is None or len(container.streams) != 1:
            raise ProcessingFailed("joining failed: the film does not consist of exactly one video track")
        line = measure(container, [track])[track.index]
        size = Size(track.width, track.height)
    wanted_s, wanted_frames = sum(clip.duration_s for clip in sources), sum(clip.frames for clip in parts)
    if abs(line.duration_s - wanted_s) > _LENGTH_TOLERANCE_S:
        raise ProcessingFailed(f"joining failed: the film lasts {line.duration_s:.2f} s instead of {wanted_s:.2f} s")
    if line.frames != wanted_frames:
        raise ProcessingFailed(f"joining failed: the film has {line.frames} frames instead of {wanted_frames}")
    if not line.ordered:
        raise ProcessingFailed("joining failed: the film's timestamps run backwards")
    return StitchResult(
        size, line.duration_s, float(parts[0].format.rate), line.frames, film.stat().st_size, normalised
    )


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ProcessingFailed("joining the clips took too long and was stopped")
    return left
