"""What every video generator promises."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from models.media import AspectRatio, CameraMovement, Fit, Fps, Resolution, Size, frame_size
from models.providers import VideoEngine

Progress = Callable[[float], None]
"""Called with the finished share, 0–1, at least every half second of work. May raise to stop the work."""


class Shot(BaseModel):
    """One clip to make.

    ``first_frame`` and ``last_frame`` are picture files in any accepted format, turned or not; they may be the same
    file. ``prompt`` says in words what should be seen; an engine that reads no words ignores it.
    """

    model_config = ConfigDict(frozen=True)

    first_frame: Path
    last_frame: Path
    prompt: str
    duration_s: float = Field(gt=0, le=60)
    aspect_ratio: AspectRatio = "16:9"
    resolution: Resolution = "720p"
    fps: Fps = 30
    fit: Fit = "cover"
    camera_movement: CameraMovement | None = None

    @property
    def size(self) -> Size:
        """The frame in pixels."""
        return frame_size(self.aspect_ratio, self.resolution)

    @property
    def frame_count(self) -> int:
        """Frames in the clip, at least two so that both ends are shown."""
        return max(2, round(self.duration_s * self.fps))


class GeneratedClip(BaseModel):
    """What was made: ``engine`` is the vendor, ``technique`` says how (``morph``, ``parallax``, a model's slug)."""

    model_config = ConfigDict(frozen=True)

    engine: VideoEngine
    technique: str
    cost_usd: float = Field(ge=0)


Technique = Literal["morph", "parallax"]


class VideoGenerator(Protocol):
    """Renders a shot to an MP4 file.

    Contract, tested for every engine:

    - the file at ``into`` is an MP4 (H.264, yuv420p, square pixels, BT.709, constant frame rate, index in front) of
      exactly ``shot.frame_count`` frames of ``shot.size`` where the engine renders itself;
    - its first frame shows ``shot.first_frame`` and its last frame ``shot.last_frame``, upright and fitted by
      ``shot.fit`` (``cover`` crops and keeps the subject, ``contain`` sets the whole picture on a blurred backdrop);
    - ``into`` exists only when the call returns: a failed or stopped call leaves nothing behind;
    - the same shot gives the same pictures;
    - ``version`` rises when the pictures change: clips of the same shot and version are used again.

    Raises InvalidMedia for an unreadable picture, ProcessingFailed when the engine fails, and whatever
    ``progress`` raises, unchanged.
    """

    version: str

    def generate(self, shot: Shot, into: Path, progress: Progress) -> GeneratedClip:
        """Render ``shot`` into the new file ``into``."""
        ...
