"""The deterministic planner: no model and no network, only tags, names, ages and, if asked, the pictures' features."""

from collections.abc import Sequence
from typing import assert_never

from models.storyboard import Pairing, Photo, Plan, ScenePlan
from providers.planner.validation import repair_pairs, wanted_pairs
from providers.planner.visual import VisualPairs, visual_pairs
from providers.planner.wording import Scene, camera_movements, description, prompt, title


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
        pairs, dropped = repair_pairs(proposed.pairs, photos, num_pairs)
        by_id = {photo.id: photo for photo in photos}
        movements = camera_movements([pair.camera_movement for pair in pairs])
        scenes = [
            Scene(pair, by_id[pair.first_id], by_id[pair.last_id], number, len(pairs), movement)
            for number, (pair, movement) in enumerate(zip(pairs, movements, strict=True), start=1)
        ]
        planned = [_written(scene, clip_duration_s) for scene in scenes]
        return Plan(scenes=planned, planner="template", warnings=proposed.warnings + dropped)

    def _propose(self, photos: Sequence[Photo], num_pairs: int) -> VisualPairs:
        match self._pairing:
            case "groups":
                # Pairing by group and age is what the repair does with photos nobody proposed a pair for.
                return VisualPairs([], [])
            case "visual":
                return visual_pairs(photos, num_pairs)
            case _:
                assert_never(self._pairing)


def _written(scene: Scene, clip_duration_s: float) -> ScenePlan:
    return ScenePlan(
        first_asset_id=scene.first.id,
        last_asset_id=scene.last.id,
        title=title(scene),
        description=description(scene),
        prompt=prompt(scene),
        duration_s=clip_duration_s,
        transition="fade",
        group_name=scene.pair.group_name,
        camera_movement=scene.movement,
        score=scene.pair.score,
        selection_reasoning=scene.pair.reasoning,
    )
