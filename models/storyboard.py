"""The storyboard: what a planner reads and what it answers."""

from typing import Any, Literal

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
    ``labels`` are tags that its metadata holds under other names, ``texts`` more words about it (caption, summary, the
    file name of its address). ``features`` are read only by planning that looks at the pictures.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    age_rank: int
    name: str = ""
    original_name: str = ""
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    description: str = ""
    texts: tuple[str, ...] = ()
    dominant_colors: tuple[str, ...] = ()
    detected_objects: tuple[str, ...] = ()
    composition: str = ""
    lighting: str = ""
    width: int
    height: int
    features: PhotoFeatures | None = None


class PropertyFacts(BaseModel):
    """What is known of a property, in its owner's words."""

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    location: str | None = None
    property_type: str | None = None
    positioning: str | None = None


class CreativeBrief(BaseModel):
    """What a planner may know beside the photos: whom the film is for and what it should be like."""

    model_config = ConfigDict(frozen=True)

    brief: Any = None
    client_name: str | None = None
    client_guidelines: Any = None
    property_facts: PropertyFacts | None = None
    style: str | None = None


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
    motion_goal: str | None = None
    music_style: str | None = None
    music_energy: str | None = None
    score: float | None = None
    quality_score: float | None = None
    tag_match_score: float | None = None
    compositional_flow: str | None = None
    selection_reasoning: str | None = None


class Plan(BaseModel):
    """A planner's answer: scenes in story order, who planned them, and plain sentences about what was unusual.

    ``selection_metadata`` is what the planner says of its choice as a whole, where it says anything.
    """

    scenes: list[ScenePlan]
    planner: str
    warnings: list[str] = []
    selection_metadata: dict[str, Any] | None = None
