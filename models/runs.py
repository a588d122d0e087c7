"""What goes into a flow run and what comes out of it."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.jobs import JobStatus
from models.media import AspectRatio, Fit, Fps, Resolution
from models.providers import VideoModel
from models.storyboard import Pairing

MAX_PAIRS = 20
MAX_CLIP_DURATION_S = 60.0


def _number(value: Any) -> Any:
    """Return the whole number that a text or a float says; callers of the API send both."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value.strip()) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


class VideoParameters(BaseModel):
    """How the scenes of a film are chosen and rendered; stored as the job's parameters under these names.

    A value that is null counts as not given.
    """

    num_pairs: int = Field(10, ge=1, le=MAX_PAIRS, description="Scenes wanted, at most one per two photos.")
    clip_duration: float = Field(5.0, gt=0, le=MAX_CLIP_DURATION_S, description="Seconds per scene.")
    aspect_ratio: AspectRatio = Field("16:9", description="Shape of the film.")
    resolution: Resolution = Field("720p", description="Short side of the frame.")
    fps: Annotated[Fps, BeforeValidator(_number)] = Field(30, description="Frames per second.")
    fit: Fit = Field("cover", description="cover = crop around the subject, contain = whole picture on a backdrop.")
    pairing: Pairing = Field("groups", description="groups = by tags and names, visual = by looking at the pictures.")
    transitions: bool = Field(False, description="Blend the joins between scenes; hard cuts otherwise.")
    video_model: Annotated[VideoModel, BeforeValidator(_lower)] = Field(
        "auto", description="Which engine renders the clips."
    )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None}


class ImagePairsRequest(VideoParameters):
    """What the flow ``image-pairs`` is started with: an existing job, or a campaign to make a new one for.

    With a ``job_id`` every other field is ignored: the job's row already holds them.
    """

    job_id: int | None = Field(None, description="Go on with this job; leave empty to start a new one.")
    campaign_id: str | None = Field(None, description="The campaign whose photos are used.")
    name: str | None = Field(None, min_length=1, max_length=300, description="Name of the film; empty = numbered.")
    approve: bool = Field(False, description="Render at once, without waiting for the storyboard's approval.")

    def parameters(self) -> dict[str, object]:
        """Return what the job's row keeps as its parameters."""
        return self.model_dump(include=set(VideoParameters.model_fields))


class JobLease(BaseModel):
    """The right to write to a job: who works on which. Every write checks it, so a superseded run writes nothing."""

    model_config = ConfigDict(frozen=True)

    job_id: int
    owner: str


class JobOutcome(BaseModel):
    """How a run left its job."""

    job_id: int
    status: JobStatus
    video_sha256: str | None = None
    warnings: list[str] = []
