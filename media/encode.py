"""Encoding frames to H.264: one set of parameters, so that clips join by stream copy."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from media.ffmpeg import compile_graph, ffmpeg_failure, ffmpeg_process, written_whole
from models.media import Fps, Size

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
    "movflags": "+faststart",
    "video_track_timescale": 90_000,  # the same time base at 24, 25 and 30 fps
}
"""How this application writes H.264. Clips that share these, size and rate can be joined without re-encoding."""

_LAST_WORDS_TIMEOUT_S = 120


def as_bt709(stream: Any) -> Any:
    """Convert an RGB stream to BT.709 video range and label it so; players otherwise guess the colours by size."""
    scaled = stream.filter("scale", out_color_matrix="bt709", out_range="limited", flags="accurate_rnd+full_chroma_int")
    return scaled.filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709", range="limited")


@contextmanager
def encode_frames(into: Path, size: Size, fps: Fps) -> Iterator[WriteFrame]:
    """Write an MP4 of ``size`` at ``fps`` frame by frame; yields the function that takes the next frame.

    The file appears under its name only when the block ends without an error; otherwise nothing is left. Raises
    ProcessingFailed when ffmpeg fails, StorageFull when the disk is full, ValueError for a frame of another shape.
    """
    with written_whole(into) as partial:
        source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size.width}x{size.height}", r=fps)
        output = as_bt709(source).filter("setsar", 1).output(str(partial), r=fps, g=2 * fps, **H264_SETTINGS)
        with ffmpeg_process(compile_graph(output, read_stdin=True), stdin=subprocess.PIPE) as process:
            yield _frame_writer(process, size)
            _finish(process)


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
