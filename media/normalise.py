"""Bringing a clip of any size, rate and codec into the one format in which films are joined."""

from fractions import Fraction
from pathlib import Path

import ffmpeg

from media.clip_format import Clip
from media.encode import H264_SETTINGS, as_bt709
from media.ffmpeg import run_graph
from models.media import AspectRatio, Size, frame_size

_HD_FROM_PX = 720
"""Unlabelled films of at least this short side are BT.709, smaller ones BT.601, as players assume."""


def canvas(aspect_ratio: AspectRatio) -> Size:
    """Return the frame of a normalised film: the short side is 1080 pixels."""
    return frame_size(aspect_ratio, "1080p")


def normalise(clip: Clip, into: Path, size: Size, rate: Fraction, *, timeout_s: float) -> None:
    """Encode the pictures of ``clip`` as H.264 of ``size`` at the constant ``rate``: fitted, padded in black, upright.

    Sound is dropped. Raises ProcessingFailed when ffmpeg fails or takes longer than ``timeout_s`` seconds.
    """
    matrix = {"in_color_matrix": "bt709"} if clip.unlabelled and min(clip.format.size) >= _HD_FROM_PX else {}
    source = ffmpeg.input(str(clip.path), format=clip.demuxer).video
    fitted = (
        source.filter("scale", w="trunc(iw*sar/2)*2", h="ih", **matrix)
        .filter("setsar", 1)
        .filter("scale", w=size.width, h=size.height, force_original_aspect_ratio="decrease", force_divisible_by=2)
        .filter("pad", w=size.width, h=size.height, x="(ow-iw)/2", y="(oh-ih)/2", color="black")
        .filter("fps", fps=str(rate))
    )
    output = (
        as_bt709(fitted)
        .filter("setsar", 1)
        .output(str(into), format="mp4", an=None, map_metadata=-1, r=str(rate), g=2 * round(rate), **H264_SETTINGS)
    )
    run_graph(output, timeout_s=timeout_s)
