"""The storyboard: what a planner reads and what it answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.media import CameraMovement

Pairing = Literal["groups", "visual"]


class PhotoFeatures(BaseModel):
    """What a planner may know of a picture's pixels: computed once, stored as JSON (about 1.9 KB) with the asset.

    ``perceptual_hash`` is 64 bits as 16 hexadecimal digits; pictures that look alike differ in few bits.
    ``sharpness`` and ``exposure`` run from 0 (useless) to 1 (perfect). ``view`` is base64 of 14 × 14 cells of 7 bytes,
    row by row: mean L, a and b (8-bit CIE Lab, a and b offset by 128), then edge strength in 4 orientations.
    """

    model_config = ConfigDict(frozen=True)

    perceptual_hash: str = Field(pattern=r"^[0-9a-f]{16}$")
    sharpness: float = Field(ge=0, le=1)
    exposure: float = Field(ge=0, le=1)
    view: str = Field(pattern=r"^[A-Za-z0-9+/]{1830}==$")


class Photo(BaseModel):
    """A candidate picture as a planner sees it: facts about it, never its pixels.

    ``name`` and ``original_name`` may be empty; ``age_rank`` is the position among the candidates, oldest first.
    ``features`` are read only by planning that looks at the pictures.
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
    features: PhotoFeatures | None = None


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
