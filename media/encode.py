"""Encoding frames to H.264: one set of parameters, so that clips join by stream copy."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from media.ffmpeg import compile_graph, ffmpeg_failure, ffmpeg_process, written_whole
from models.media import Fps, Size, transition_frames

Frame = NDArray[np.uint8]
"""A picture as an array of shape (height, width, 3), RGB, 0–255."""

WriteFrame = Callable[[Frame], None]

H264_SETTINGS: dict[str, Any] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    "crf": 18,  # visually lossless for this material; half a step below costs 10 % more bytes for nothing seen
    "profile:v": "high",
    "pix_fmt": "yuv420p",
    "bf": 2,
    "forced-idr": 1,  # a key frame that is asked for is one at which a film may be cut
    "movflags": "+faststart",
    "video_track_timescale": 90_000,  # the same time base at 24, 25 and 30 fps
}
"""How this application writes H.264. Clips that share these, size and rate can be joined without re-encoding."""

_LAST_WORDS_TIMEOUT_S = 120


def as_bt709(stream: Any) -> Any:
    """Convert an RGB stream to BT.709 video range and label it so; players otherwise guess the colours by size."""
    scaled = stream.filter("scale", out_color_matrix="bt709", out_range="limited", flags="accurate_rnd+full_chroma_int")
    return labelled_bt709(scaled)


def labelled_bt709(stream: Any) -> Any:
    """Label a YUV stream as BT.709 in video range with square pixels, leaving its values as they are."""
    labels = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "range": "limited"}
    return stream.filter("setparams", **labels).filter("setsar", 1)


def h264_output(stream: Any, into: Path, rate: Fraction | int, frame_count: int | None = None, **more: str) -> Any:
    """Return the ``ffmpeg-python`` output that writes ``stream`` to the MP4 ``into`` at the constant ``rate``.

    With ``frame_count``, the frames the film will have, key frames stand where a transition begins and ends, so that
    the film can be cut there. ``more`` are options of the encoder that leave the decoder's configuration as it is.
    """
    forced = {} if frame_count is None else {"force_key_frames": _at_transitions(frame_count, transition_frames(rate))}
    settings = {"format": "mp4", "an": None, "map_metadata": -1, **H264_SETTINGS, **forced, **more}
    return stream.output(str(into), r=str(rate), g=2 * round(rate), **settings)


@contextmanager
def encode_frames(into: Path, size: Size, fps: Fps, frame_count: int | None = None) -> Iterator[WriteFrame]:
    """Write an MP4 of ``size`` at ``fps`` frame by frame; yields the function that takes the next frame.

    Name the ``frame_count`` of a clip that will be stitched, so that it can be cut where transitions begin and end.
    The file appears under its name only when the block ends without an error; otherwise nothing is left. Raises
    ProcessingFailed when ffmpeg fails, StorageFull when the disk is full, ValueError for a frame of another shape.
    """
    with written_whole(into) as partial:
        source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size.width}x{size.height}", r=fps)
        output = h264_output(as_bt709(source), partial, fps, frame_count)
        with ffmpeg_process(compile_graph(output, read_stdin=True), stdin=subprocess.PIPE) as process:
            yield _frame_writer(process, size)
            _finish(process)


def _at_transitions(frame_count: int, shared: int) -> str:
    """Return the expression for the frames on which a transition of ``shared`` frames ends and begins."""
    return f"expr:eq(n,{shared})+eq(n,{frame_count - shared})"


def _frame_writer(process: subprocess.Popen[bytes], size: Size) -> WriteFrame:
    assert process.stdin is not None
    pipe, shape = process.stdin, (size.height, size.width, 3)

    def write(frame: Frame) -> None:
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.shape} {frame.dtype}, expected {shape} uint8")
        try:
            pipe.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError:
            raise _last_words(process) from None

    return write


def _finish(process: subprocess.Popen[bytes]) -> None:
    try:
        _, stderr = process.communicate(timeout=_LAST_WORDS_TIMEOUT_S)
    except BrokenPipeError:
        raise _last_words(process) from None
    if process.returncode != 0:
        raise ffmpeg_failure(stderr)


def _last_words(process: subprocess.Popen[bytes]) -> Exception:
    assert process.stderr is not None
    return ffmpeg_failure(process.stderr.read())
