"""The local video engine: reads the photos, chooses the technique, renders and encodes."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol, TypeVar, assert_never

import numpy as np

from media.encode import Frame, encode_frames
from providers.video.base import GeneratedClip, Progress, Shot, Technique
from providers.video.local.alignment import relate
from providers.video.local.framing import FramedPhoto, Photo, crops, frame_contain, frame_cover, load_photo
from providers.video.local.morph import Morph
from providers.video.local.parallax import Orbit, Parallax
from providers.video.local.projective import Matrix
from providers.video.local.residual import measure_residual

_REPORT_S = 0.25
_T = TypeVar("_T")


class _Renderer(Protocol):
    def frame(self, time: float) -> Frame: ...


class LocalVideoGenerator:
    """Renders a shot on this machine, without key, GPU or network, at no cost.

    Photos of one scene become one camera move from the first view to the last (``morph``); unrelated photos a move
    with depth in each and a dissolve between them (``parallax``). The words of the prompt are not read.
    """

    version = "1"

    def generate(self, shot: Shot, into: Path, progress: Progress) -> GeneratedClip:
        """Render ``shot`` into the new file ``into``; the promises are those of VideoGenerator."""
        progress(0.0)
        with ThreadPoolExecutor(1, "atelier-render") as worker:
            technique, renderer = _patiently(worker.submit(_prepare, shot), progress, 0.0)
            count = shot.frame_count
            with encode_frames(into, shot.size, shot.fps, count) as write:
                following = worker.submit(renderer.frame, 0.0)
                for index in range(count):
                    drawn = _patiently(following, progress, index / count)
                    if index + 1 < count:
                        following = worker.submit(renderer.frame, (index + 1) / (count - 1))
                    write(drawn)
                    progress((index + 1) / count)
        return GeneratedClip(engine="local", technique=technique, cost_usd=0)


def _patiently(result: "Future[_T]", progress: Progress, done: float) -> _T:
    """Wait for a result and keep reporting meanwhile."""
    while not wait([result], timeout=_REPORT_S).done:
        progress(done)
    return result.result()


def _prepare(shot: Shot) -> tuple[Technique, _Renderer]:
    """Read and relate the photos, and return what draws the frames."""
    size = shot.size
    first, last = (load_photo(path, size, shot.fit) for path in (shot.first_frame, shot.last_frame))
    if np.array_equal(first.pixels, last.pixels):
        photo, _ = _framed(first, first, None, shot)
        return "parallax", Orbit(photo, shot.camera_movement, shot.duration_s, size)
    relation = relate(first.pixels, last.pixels)
    a, b = _framed(first, last, relation, shot)
    morph = None if relation is None else _morph(a, b, relation, shot)
    if morph is not None:
        return "morph", morph
    return "parallax", Parallax(a, b, shot.camera_movement, shot.duration_s, size)


def _framed(first: Photo, last: Photo, relation: Matrix | None, shot: Shot) -> tuple[FramedPhoto, FramedPhoto]:
    match shot.fit:
        case "cover":
            crop_a, crop_b = crops(first, last, relation, shot.size)
            return frame_cover(first, crop_a, shot.size), frame_cover(last, crop_b, shot.size)
        case "contain":
            return frame_contain(first, shot.size), frame_contain(last, shot.size)
        case _:
            assert_never(shot.fit)


def _morph(a: FramedPhoto, b: FramedPhoto, relation: Matrix, shot: Shot) -> Morph | None:
    """Return the move through one scene, or None where it would not be believed."""
    in_frame = b.placement @ relation @ np.linalg.inv(a.placement)
    try:
        residual = measure_residual(a, b, in_frame, shot.size)
    except ValueError:
        return None  # the relation is no move that can be made in steps
    if not residual.same_scene:
        return None
    morph = Morph(a, b, in_frame, residual, shot.camera_movement, shot.size)
    return morph if morph.shows_no_gap else None
