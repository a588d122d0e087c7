"""What every video generator promises."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from models.columns import utc_now
from models.media import AspectRatio, CameraMovement, Fit, Fps, Resolution, Size, frame_size
from models.providers import VideoEngine
from models.video_models import VideoFamily

Progress = Callable[[float], None]
"""Called with the finished share, 0–1, at least every half second of work. May raise to stop the work."""


class Shot(BaseModel):
    """One clip to make.

    ``first_frame`` and ``last_frame`` are picture files in any accepted format, turned or not; they may be the same
    file. ``prompt`` says in words what should be seen; an engine that reads no words ignores it. ``family`` names the
    model for an engine that has several; ``frame_urls`` is where a vendor may fetch the two frames, where it can.
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
    family: VideoFamily = "local"
    frame_urls: tuple[str, str] | None = None

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


class PaidCall(Protocol):
    """The account of one order at a vendor, which outlives the process: what was ordered is never ordered again.

    An engine asks before it orders (``request``, ``external_id``), says what it is about to send (``prepare``), which
    order the vendor made of that (``accept``), and how it ended at the vendor. An account that is not closed by
    ``fail`` is taken up again by the next run.
    """

    @property
    def request(self) -> dict[str, Any] | None:
        """What was, or may have been, sent before, complete; None when nothing can have been."""
        ...

    @property
    def external_id(self) -> str | None:
        """What the order is called at the vendor, once that is known."""
        ...

    @property
    def prepared_at(self) -> datetime:
        """When the account was opened; no order of it is older."""
        ...

    def prepare(self, request: dict[str, Any]) -> None:
        """Put on record what is about to be sent. Raises Superseded when nothing may be sent any more."""
        ...

    def accept(self, external_id: str) -> bool:
        """Put the vendor's id on record; False when it is that of another account's order.

        The id is kept even when the work must stop; Superseded is raised then.
        """
        ...

    def look(self) -> bool:
        """Return whether the vendor has sent word since the last look. Raises Superseded when the work must stop."""
        ...

    def charge(self, cost_usd: float) -> None:
        """Put on record that the order was carried out, and what that cost."""
        ...

    def fail(self, reason: str) -> None:
        """Close the account: the order was refused, failed or is gone, and nothing will come of it."""
        ...

    def renew(self, reason: str) -> None:
        """Close the account like ``fail``, and open another for the same shot."""
        ...


class Unrecorded:
    """An account that is kept nowhere, for a call on its own: there is nothing to resume, and nothing to stop it."""

    def __init__(self) -> None:
        self.request: dict[str, Any] | None = None
        self.external_id: str | None = None
        self.prepared_at = utc_now()

    def prepare(self, request: dict[str, Any]) -> None:
        """Remember the request."""
        self.request = request

    def accept(self, external_id: str) -> bool:
        """Remember the id."""
        self.external_id = external_id
        return True

    def look(self) -> bool:
        """Nobody sends word."""
        return False

    def charge(self, cost_usd: float) -> None:
        """Nobody adds it up."""

    def fail(self, reason: str) -> None:
        """Nobody asks."""

    def renew(self, reason: str) -> None:  # noqa: ARG002 (nobody asks)
        """Forget the order."""
        self.request = self.external_id = None


class VideoGenerator(Protocol):
    """Renders a shot to an MP4 file.

    Contract, tested for every engine:

    - the file at ``into`` is a film with a length;
    - ``into`` exists only when the call returns: a failed or stopped call leaves nothing behind;
    - ``progress`` rises from 0 to 1;

    and for every engine that renders itself:

    - the file is an MP4 (H.264, yuv420p, square pixels, BT.709, constant frame rate, index in front) of exactly
      ``shot.frame_count`` frames of ``shot.size``;
    - its first frame shows ``shot.first_frame`` and its last frame ``shot.last_frame``, upright and fitted by
      ``shot.fit`` (``cover`` crops and keeps the subject, ``contain`` sets the whole picture on a blurred backdrop);
    - the same shot gives the same pictures;
    - ``version`` rises when the pictures change: clips of the same shot and version are used again.

    Raises InvalidMedia for an unreadable picture, ProcessingFailed when the engine fails, VendorFailed when a vendor
    does, and whatever ``progress`` raises, unchanged.
    """

    version: str

    def generate(self, shot: Shot, into: Path, progress: Progress) -> GeneratedClip:
        """Render ``shot`` into the new file ``into``."""
        ...
