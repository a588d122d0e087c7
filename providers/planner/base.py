"""What every planner promises, and the pair on which planners agree before a scene is written."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from models.media import CameraMovement
from models.storyboard import Photo, Plan


class Pair(BaseModel):
    """Two photos chosen for one scene, by id.

    ``camera_movement`` is set where the pictures themselves show it, the words where the planner found its own.
    """

    model_config = ConfigDict(frozen=True)

    first_id: str
    last_id: str
    group_name: str | None = None
    score: float = Field(0.8, ge=0, le=1)
    reasoning: str = Field(min_length=1)
    camera_movement: CameraMovement | None = None
    title: str | None = None
    scene_type: str | None = None
    description: str | None = None
    prompt: str | None = None


class Planner(Protocol):
    """Chooses pairs of photos and writes the scenes.

    Contract, tested for every planner:

    - ``plan`` returns min(``num_pairs``, ⌊photos / 2⌋) scenes, at least one, in story order;
    - every scene has two different photos of ``photos`` and no photo is used twice;
    - title, description and prompt are never empty, and every scene lasts ``clip_duration_s``;
    - planned by rule, the same photos in the same order give the same plan.

    Raises InvalidInput when fewer than two photos are given or ``num_pairs`` is below one.
    """

    def plan(self, photos: Sequence[Photo], *, num_pairs: int, clip_duration_s: float) -> Plan:
        """Plan ``num_pairs`` scenes of ``clip_duration_s`` seconds from ``photos``, oldest first, with distinct ids."""
        ...
