"""Bringing a clip of any size, rate and codec into the one format in which films are joined."""

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from media.clip_format import Clip, ClipFormat, read_clip
from media.encode import as_bt709, h264_output
from media.ffmpeg import ffmpeg_executable, run_graph
from models.media import AspectRatio, Size, frame_size

_HD_FROM_PX = 720
"""Unlabelled films of at least this short side are BT.709, smaller ones BT.601, as players assume."""

_SPARE_FRAMES = 2  # the filter for a constant rate may end this early, by its rounding
_SAMPLE_FRAMES, _SAMPLE_LIMIT_S = 8, 60.0
_FORMATS: dict[tuple[str, Size, Fraction], ClipFormat] = {}


def canvas(aspect_ratio: AspectRatio) -> Size:
    """Return the frame of a normalised film: the short side is 1080 pixels."""
    return frame_size(aspect_ratio, "1080p")


def made_format(size: Size, rate: Fraction, folder: Path) -> ClipFormat:
    """Return the format of every clip and join that is encoded here at that size and rate.

    A few frames are encoded in ``folder`` to find out, once in a process and for each ffmpeg.
    """
    key = (ffmpeg_executable(), size, rate)
    if key not in _FORMATS:
        black = ffmpeg.input(f"color=black:{size.width}x{size.height}:{rate}", format="lavfi")
        sample = as_bt709(black.filter("trim", end_frame=_SAMPLE_FRAMES))
        with TemporaryDirectory(prefix="sample-", dir=folder) as name:
            path = Path(name) / "sample.mp4"
            run_graph(h264_output(sample, path, rate), timeout_s=_SAMPLE_LIMIT_S)
            _FORMATS[key] = read_clip(path).format
    return _FORMATS[key]


def normalise(clip: Clip, into: Path, size: Size, rate: Fraction, *, timeout_s: float) -> None:
    """Encode the pictures of ``clip`` as H.264 of ``size`` at the constant ``rate``: fitted, padded in black, upright.

    It lasts as long as before, to the nearest frame, and can be cut where transitions begin and end. Sound is
    dropped. Raises ProcessingFailed when ffmpeg fails or takes longer than ``timeout_s`` seconds.
    """
    matrix = {"in_color_matrix": "bt709"} if clip.unlabelled and min(clip.format.size) >= _HD_FROM_PX else {}
    frame_count = max(1, round(Fraction(clip.duration_s) * rate))
    source = ffmpeg.input(str(clip.path), format=clip.demuxer).video
    fitted = (
        source.filter("scale", w="trunc(iw*sar/2)*2", h="ih", **matrix)
        .filter("setsar", 1)
        .filter("scale", w=size.width, h=size.height, force_original_aspect_ratio="decrease", force_divisible_by=2)
        .filter("pad", w=size.width, h=size.height, x="(ow-iw)/2", y="(oh-ih)/2", color="black")
        .filter("fps", fps=str(rate))
        .filter("tpad", stop=_SPARE_FRAMES, stop_mode="clone")
        .filter("trim", end_frame=frame_count)
    )
    run_graph(h264_output(as_bt709(fitted), into, rate, frame_count), timeout_s=timeout_s)
