"""What every planner promises."""

from collections.abc import Sequence
from typing import Protocol

from models.storyboard import Photo, Plan


class Planner(Protocol):
    """Chooses pairs of photos and writes the scenes.

    Contract, tested for every planner:

    - ``plan`` returns min(``num_pairs``, ⌊photos / 2⌋) scenes, at least one, in story order;
    - every scene has two different photos of ``photos`` and no photo is used twice;
    - title, description and prompt are never empty, and every scene lasts ``clip_duration_s``;
    - the same photos in the same order give the same plan.

    Raises InvalidInput when fewer than two photos are given or ``num_pairs`` is below one.
    """

    def plan(self, photos: Sequence[Photo], *, num_pairs: int, clip_duration_s: float) -> Plan:
        """Plan ``num_pairs`` scenes of ``clip_duration_s`` seconds from ``photos``, oldest first."""
        ...
