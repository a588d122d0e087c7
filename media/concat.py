"""Joining clips into one film, copying whatever can be copied; of a transition only the join is encoded."""

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from media.clip_format import Clip, read_clip
from media.ffmpeg import written_whole
from media.film import measure, open_film, video_track
from media.parts import PartMaker, Parts
from media.pieces import PieceKeeper, UnkeptPieces
from media.splice import splice
from models.errors import InvalidInput, InvalidMedia, ProcessingFailed, StorageFull
from models.media import AspectRatio, Size

_LEAST_FREE_BYTES = 100 * 1000**2
_LENGTH_TOLERANCE_S = 0.5


@dataclass(frozen=True)
class StitchResult:
    """A joined film as measured on the finished file.

    ``normalised`` holds the positions of re-encoded clips, ``blended`` those of clips whose join to the next one is a
    transition.
    """

    size: Size
    duration_s: float
    fps: float
    frame_count: int
    size_bytes: int
    normalised: tuple[int, ...]
    blended: tuple[int, ...]


def stitch(
    clips: Sequence[Path],
    into: Path,
    *,
    aspect_ratio: AspectRatio,
    transitions: Sequence[str] = (),
    keeper: PieceKeeper | None = None,
    names: Sequence[str] = (),
    timeout_s: float = 600.0,
) -> StitchResult:
    """Join ``clips`` in the given order into the MP4 ``into``: no sound, index in front.

    ``transitions[i]`` is the storyboard's word for the join between clips i and i + 1: ``cut`` joins hard, as do joins
    without a word and those for which a clip is too short (see ``models.media.transitions_that_fit``); in the others
    the clips overlap by half a second. Only the joins are encoded.

    Clips that agree in every respect are joined by copying their packets. Otherwise those that are not yet in the
    canvas's format are normalised first: H.264, 1920×1080 (or the shape of ``aspect_ratio`` with a short side of
    1080), fitted and padded in black, at the most frequent frame rate among them. Clips that agree but are not encoded
    as joins are, or cannot be cut beside one, are normalised in their own size.

    What is encoded are pieces, which ``keeper`` may keep; ``names`` are then the clips' content hashes.

    Working files lie in a private directory beside ``into`` and are gone afterwards; ``into`` appears only when the
    film has been checked. Raises InvalidInput without clips, InvalidMedia for a clip that cannot be used,
    StorageFull with less than 100 MB free, and ProcessingFailed when joining fails or takes more than ``timeout_s``.
    """
    if not clips:
        raise InvalidInput("there are no clips to join")
    if shutil.disk_usage(into.parent).free < _LEAST_FREE_BYTES:
        raise StorageFull("less than 100 MB are free on the disk; free some and run the job again")
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=".stitch-", dir=into.parent)))
        sources = [_read(path, number, folder) for number, path in enumerate(clips)]
        kept = keeper if keeper and names else UnkeptPieces(folder)
        maker = PartMaker(kept, names or [str(number) for number in range(len(clips))], folder, stack, deadline)
        parts = maker.parts(sources, aspect_ratio, transitions)
        partial = stack.enter_context(written_whole(into))
        splice(maker.cuts(parts, transitions), partial)
        return _checked(partial, sources, parts)


def _read(path: Path, number: int, folder: Path) -> Clip:
    """Read a clip through a link with a plain name, which needs no quoting in commands."""
    link = folder / f"clip-{number:04d}"
    try:
        link.symlink_to(path.absolute())
        return read_clip(link)
    except InvalidMedia as exc:
        raise InvalidMedia(f"clip {number + 1} ({path.name!r}): {exc}") from exc


def _checked(film: Path, sources: Sequence[Clip], parts: Parts) -> StitchResult:
    """Measure the film and compare it with what went in; raises ProcessingFailed when they differ."""
    with open_film(film, packets_only=True) as (_, container):
        track = video_track(container)
        if track is None or len(container.streams) != 1:
            raise ProcessingFailed("joining failed: the film does not consist of exactly one video track")
        line = measure(container, [track])[track.index]
        size = Size(track.width, track.height)
    rate = parts.clips[0].format.rate
    wanted_s = sum(clip.duration_s for clip in sources) - float(parts.shared / rate) * sum(parts.blended)
    if abs(line.duration_s - wanted_s) > _LENGTH_TOLERANCE_S:
        raise ProcessingFailed(f"joining failed: the film lasts {line.duration_s:.2f} s instead of {wanted_s:.2f} s")
    if line.frames != parts.frames:
        raise ProcessingFailed(f"joining failed: the film has {line.frames} frames instead of {parts.frames}")
    if not line.ordered:
        raise ProcessingFailed("joining failed: the film's timestamps run backwards")
    blended = tuple(number for number, is_blended in enumerate(parts.blended) if is_blended)
    return StitchResult(size, line.duration_s, float(rate), line.frames, film.stat().st_size, parts.normalised, blended)
