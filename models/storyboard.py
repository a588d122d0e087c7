"""The storyboard: what a planner reads and what it answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.media import CameraMovement

Pairing = Literal["groups", "visual"]


class Photo(BaseModel):
    """A candidate picture as a planner sees it: facts about it, never its pixels.

    ``name`` and ``original_name`` may be empty; ``age_rank`` is the position among the candidates, oldest first.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    age_rank: int
    name: str = ""
    original_name: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    width: int
    height: int


class ScenePlan(BaseModel):
    """One scene as planned: two different photos and how to travel from the first to the last."""

    model_config = ConfigDict(frozen=True)

    first_asset_id: str
    last_asset_id: str
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    duration_s: float = Field(gt=0, le=60)
    transition: str = "fade"
    scene_type: str | None = None
    scene_name: str | None = None
    group_name: str | None = None
    camera_movement: CameraMovement | None = None
    score: float | None = None
    selection_reasoning: str | None = None


class Plan(BaseModel):
    """A planner's answer: scenes in story order, who planned them, and plain sentences about what was unusual."""

    scenes: list[ScenePlan]
    planner: str
    warnings: list[str] = []
