"""From proposed pairs to a storyboard that keeps the planners' contract, whoever proposed them."""

from collections.abc import Sequence

from models.storyboard import Photo, Plan, ScenePlan
from providers.planner.base import Pair
from providers.planner.validation import repair_pairs
from providers.planner.wording import Scene, camera_movements, description, prompt, title


def storyboard(
    proposed: Sequence[Pair],
    photos: Sequence[Photo],
    *,
    num_pairs: int,
    clip_duration_s: float,
    planner: str,
    warnings: Sequence[str] = (),
) -> Plan:
    """Return the plan of what was proposed, repaired, and worded where the proposal has no words of its own."""
    pairs, dropped = repair_pairs(proposed, photos, num_pairs)
    by_id = {photo.id: photo for photo in photos}
    movements = camera_movements([pair.camera_movement for pair in pairs])
    scenes = [
        Scene(pair, by_id[pair.first_id], by_id[pair.last_id], number, len(pairs), movement)
        for number, (pair, movement) in enumerate(zip(pairs, movements, strict=True), start=1)
    ]
    planned = [_written(scene, clip_duration_s) for scene in scenes]
    return Plan(scenes=planned, planner=planner, warnings=[*warnings, *dropped])


def _written(scene: Scene, clip_duration_s: float) -> ScenePlan:
    return ScenePlan(
        first_asset_id=scene.first.id,
        last_asset_id=scene.last.id,
        title=scene.pair.title or title(scene),
        description=scene.pair.description or description(scene),
        prompt=scene.pair.prompt or prompt(scene),
        duration_s=clip_duration_s,
        transition="fade",
        scene_type=scene.pair.scene_type,
        group_name=scene.pair.group_name,
        camera_movement=scene.movement,
        score=scene.pair.score,
        selection_reasoning=scene.pair.reasoning,
    )
