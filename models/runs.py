"""What goes into a flow run and what comes out of it."""

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.jobs import JobStatus
from models.media import AspectRatio, Fit, Fps, Resolution
from models.property import SelectionMode
from models.providers import VideoModel
from models.storyboard import Pairing, PropertyFacts

MAX_PAIRS = 20
MAX_TYPED_SCENES = 10
MAX_CLIP_DURATION_S = 60.0


def _number(value: Any) -> Any:
    """Return the whole number that a text or a float says; callers of the API send both."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value.strip()) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


class VideoParameters(BaseModel):
    """How the scenes of a film are rendered; stored as the job's parameters under these names.

    A value that is null counts as not given.
    """

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


class VideoRequest(VideoParameters):
    """What the flow of a film is started with: an existing job, or a campaign to make a new one for.

    With a ``job_id`` every other field is ignored: the job's row already holds them.
    """

    workflow: ClassVar[str]

    job_id: int | None = Field(None, description="Go on with this job; leave empty to start a new one.")
    campaign_id: str | None = Field(None, description="The campaign whose photos are used.")
    name: str | None = Field(None, min_length=1, max_length=300, description="Name of the film; empty = numbered.")
    approve: bool = Field(False, description="Render at once, without waiting for the storyboard's approval.")

    def parameters(self) -> dict[str, Any]:
        """Return what the job's row keeps as its parameters."""
        return self.model_dump(mode="json", exclude=_OF_THE_RUN, exclude_none=True)

    @classmethod
    def of_parameters(cls, parameters: dict[str, Any]) -> Self:
        """Return the request that a job's row keeps; whatever else its caller put there is left out."""
        names = set(cls.model_fields) - _OF_THE_RUN
        return cls.model_validate({name: value for name, value in parameters.items() if name in names})


_OF_THE_RUN = set(VideoRequest.model_fields) - set(VideoParameters.model_fields)


class ImagePairsRequest(VideoRequest):
    """What the flow ``image-pairs`` is started with."""

    workflow = "image-pairs"

    num_pairs: int = Field(10, ge=1, le=MAX_PAIRS, description="Scenes wanted, at most one per two photos.")


class PropertyVideoRequest(VideoRequest):
    """What the flow ``property-video`` is started with.

    Types that are given choose the mode ``property_types``; without them a mode that is left out is ``strict`` where
    there are photos enough, else ``reduced``. ``num_scenes`` counts in every mode but ``strict``.
    """

    workflow = "property-video"

    property_types: list[str] = Field([], description="Scene types wanted, in their order; empty = those of Set A.")
    selection_mode: SelectionMode | None = Field(None, description="How photos are chosen; empty = by their number.")
    num_scenes: int | None = Field(None, ge=1, le=MAX_TYPED_SCENES, description="Scenes wanted; empty = by the mode.")
    photo_ids: list[str] = Field([], description="The photos to choose from; empty = all of the campaign.")
    property_info: PropertyFacts | None = Field(None, description="What is known of the property.")
    style: str | None = Field(None, max_length=200, description="Style of the film, in words.")


PROPERTY_FIELDS = set(PropertyVideoRequest.model_fields) - set(VideoRequest.model_fields)
"""What a property video is asked for beyond what every film is."""


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
