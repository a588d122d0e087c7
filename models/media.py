"""Small values that describe media: what a file is, and what a clip should be."""

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

AspectRatio = Literal["16:9", "9:16", "1:1", "4:5"]
Resolution = Literal["720p", "1080p"]
Fit = Literal["cover", "contain"]
Fps = Literal[24, 25, 30]
MediaKind = Literal["image", "video", "audio", "document"]


class CameraMovement(StrEnum):
    """How the camera moves through a scene; the names are those of the storyboard."""

    DOLLY_FORWARD = "dolly_forward"
    DOLLY_BACKWARD = "dolly_backward"
    PAN_SWEEP = "pan_sweep"
    TRUCK_LATERAL = "truck_lateral"
    TRUCK_LATERAL_OPPOSITE = "truck_lateral_opposite"
    STATIC_FLOAT = "static_float"


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


_SHORT_SIDE_PX: dict[Resolution, int] = {"720p": 720, "1080p": 1080}
_ASPECT: dict[AspectRatio, tuple[int, int]] = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:5": (4, 5)}


def frame_size(aspect_ratio: AspectRatio, resolution: Resolution) -> Size:
    """Return the frame in pixels: the named resolution is the short side. Both sides are even, as 4:2:0 needs."""
    across, down = _ASPECT[aspect_ratio]
    unit = _SHORT_SIDE_PX[resolution] / min(across, down)
    return Size(round(across * unit), round(down * unit))


class MediaFacts(BaseModel):
    """What probing a file's bytes found; unknown or meaningless facts are None.

    ``format`` is the short name of the contents (``jpeg``, ``mp4``, …), ``content_type`` its media type. ``width``
    and ``height`` are as shown, that is after the EXIF turn or the display matrix.
    """

    model_config = ConfigDict(frozen=True)

    kind: MediaKind
    format: str
    content_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    frame_count: int | None = None
    video_codec: str | None = None
    pixel_format: str | None = None
    audio_codec: str | None = None


CUT = "cut"
"""The word for a hard join. Every other word for the join to the next scene names a transition."""

TRANSITION_S = 0.5


def transition_frames(rate: Fraction | float) -> int:
    """Return how many frames two scenes share in a transition: half a second in whole frames, at least one."""
    return max(1, round(rate * TRANSITION_S))


def transitions_that_fit(words: Sequence[str], frame_counts: Sequence[int], shared: int) -> tuple[bool, ...]:
    """Return for each join between scenes whether it is a transition; those that do not fit are hard cuts.

    ``words[i]`` is that for the join between scenes i and i + 1; joins without a word are cuts. A scene shares
    ``shared`` frames with each neighbour and keeps at least one frame for itself; the join at its beginning has
    precedence.
    """
    fits: list[bool] = []
    for number, (before, after) in enumerate(pairwise(frame_counts)):
        wanted = number < len(words) and words[number].strip().lower() != CUT
        free = before - (shared if fits and fits[-1] else 0)
        fits.append(wanted and free > shared and after > shared)
    return tuple(fits)
