"""What can be run: every workflow, where its flow is, and what it is started with."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from models.runs import ImagePairsRequest, PropertyVideoRequest

Queue = Literal["interactive", "batch"]

WORK_POOL = "atelier"

QUEUES: dict[Queue, str] = {
    "interactive": "Short runs that somebody waits for, planning among them; a worker keeps places for them alone.",
    "batch": "Runs that take long: rendering, stitching.",
}
"""The work pool's queues, the most urgent first."""


class Workflow(BaseModel):
    """One workflow.

    ``entrypoint`` is a module path: the file form would load the module twice. ``engines`` are modules that its steps
    import only when they need them; a warm worker imports them, and the flow, before a run comes.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    entrypoint: str
    request: type[BaseModel]
    description: str
    queue: Queue = "batch"
    engines: tuple[str, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """What a run of this workflow imports."""
        return (self.entrypoint.rpartition(".")[0], *self.engines)

    @property
    def deployment(self) -> str:
        """The deployment's full name in Prefect: flow and deployment share the workflow's name."""
        return f"{self.name}/{self.name}"


RELEASE = "tasks.release.release_predictions"
"""What a worker has done when calls at a vendor are wanted no more; it takes no arguments."""

_VIDEO_ENGINES = ("providers.video.local", "providers.planner.visual", "tasks.release")

WORKFLOWS: dict[str, Workflow] = {
    workflow.name: workflow
    for workflow in (
        Workflow(
            name="image-pairs",
            entrypoint="flows.image_pairs.image_pairs",
            request=ImagePairsRequest,
            description="Photos of a campaign become a storyboard, clips rendered in parallel, and one film.",
            engines=_VIDEO_ENGINES,
        ),
        Workflow(
            name="property-video",
            entrypoint="flows.property_video.property_video",
            request=PropertyVideoRequest,
            description="Photos of a property become a film in fixed scenes, from the arrival to the last impression.",
            engines=_VIDEO_ENGINES,
        ),
    )
}
