"""The deterministic planner: no model and no network, only tags, names, ages and, if asked, the pictures' features."""

from collections.abc import Sequence
from typing import assert_never

from models.storyboard import Pairing, Photo, Plan
from providers.planner.pairs import storyboard
from providers.planner.validation import wanted_pairs
from providers.planner.visual import VisualPairs, visual_pairs


class TemplatePlanner:
    """Plans image pairs by rule.

    ``pairing`` ``groups`` goes by tags, names and age; ``visual`` goes by ``Photo.features`` as well. Scenes in either
    mode are worded from templates.
    """

    def __init__(self, pairing: Pairing = "groups") -> None:
        self._pairing = pairing

    def plan(self, photos: Sequence[Photo], *, num_pairs: int, clip_duration_s: float) -> Plan:
        """Plan ``num_pairs`` scenes of ``clip_duration_s`` seconds from ``photos``, oldest first, with distinct ids."""
        proposed = self._propose(photos, wanted_pairs(len(photos), num_pairs))
        return storyboard(
            proposed.pairs,
            photos,
            num_pairs=num_pairs,
            clip_duration_s=clip_duration_s,
            planner="template",
            warnings=proposed.warnings,
        )

    def _propose(self, photos: Sequence[Photo], num_pairs: int) -> VisualPairs:
        match self._pairing:
            case "groups":
                # Pairing by group and age is what the repair does with photos nobody proposed a pair for.
                return VisualPairs([], [])
            case "visual":
                return visual_pairs(photos, num_pairs)
            case _:
                assert_never(self._pairing)
