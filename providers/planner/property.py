"""Planning a property video: which scenes, which photos, and the finished storyboard."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, assert_never

from models.errors import InvalidInput
from models.property import SET_A, STRICT_PHOTOS, SelectionMode
from models.runs import MAX_TYPED_SCENES
from models.storyboard import Pairing, Photo, Plan, ScenePlan
from providers.planner.property_fit import Slot, set_a_slots, typed_slots
from providers.planner.property_selection import PropertyPair, PropertySelection
from providers.planner.property_wording import PropertyScene, description, prompt, title
from providers.planner.wording import camera_movements

_NUMBERS = tuple(scene.scene_number for scene in SET_A)
_FIRST, _LAST = 1, 7
_TIES = (3, 2, 5, 4, 6)
"""Of the scenes between the first and the last, which one goes before which when photos fit both alike."""


class PropertyWish(NamedTuple):
    """What a property video should be; ``types`` count in mode ``property_types``, ``num_scenes`` not in ``strict``."""

    mode: SelectionMode
    clip_duration_s: float
    types: Sequence[str] = ()
    num_scenes: int | None = None
    style: str | None = None


class PropertyPlanner(Protocol):
    """Chooses the photos of a property video and writes its scenes.

    Contract, tested for every planner: one scene for each slot of ``property_slots``, in its order and under its type;
    every scene has two different photos and no photo is used twice. Raises InvalidInput for too few photos.
    """

    def plan(self, photos: Sequence[Photo], wish: PropertyWish) -> Plan:
        """Plan the scenes that are wished for from ``photos``, oldest first, with distinct ids."""
        ...


class TemplatePropertyPlanner:
    """Plans by rule; ``pairing`` ``visual`` also looks at the photos' features where tags and names do not decide."""

    def __init__(self, pairing: Pairing = "groups") -> None:
        self._pairing = pairing

    def plan(self, photos: Sequence[Photo], wish: PropertyWish) -> Plan:
        """Plan the scenes that are wished for from ``photos``, oldest first, with distinct ids."""
        slots = property_slots(photos, wish)
        chosen = PropertySelection(photos, slots, looks=self._pairing == "visual").by_rule()
        return storyboard(chosen, slots, photos, wish, planner="template")


def property_slots(photos: Sequence[Photo], wish: PropertyWish) -> list[Slot]:
    """Return the scenes to fill. Raises InvalidInput when there are too few photos for the mode."""
    if len(photos) < 2:
        raise InvalidInput(f"planning needs at least 2 photos, got {len(photos)}")
    most = len(photos) // 2
    match wish.mode:
        case "strict":
            if len(photos) < STRICT_PHOTOS:
                raise InvalidInput(f"strict selection needs {STRICT_PHOTOS} photos, got {len(photos)}")
            return set_a_slots(_NUMBERS)
        case "reduced":
            return _reduced(photos, min(most, wish.num_scenes or len(_NUMBERS), len(_NUMBERS)))
        case "property_types":
            wanted = min(wish.num_scenes, MAX_TYPED_SCENES) if wish.num_scenes else len(wish.types)
            return typed_slots(list(wish.types), max(1, min(most, wanted)))
        case _:
            assert_never(wish.mode)


def storyboard(
    pairs: Sequence[PropertyPair],
    slots: Sequence[Slot],
    photos: Sequence[Photo],
    wish: PropertyWish,
    *,
    planner: str,
    warnings: Sequence[str] = (),
) -> Plan:
    """Write the scenes of a choice that keeps the rules: one pair for each slot, in their order."""
    by_id = {photo.id: photo for photo in photos}
    movements = camera_movements([slot.definition.camera_movement if slot.definition else None for slot in slots])
    scenes = [
        _written(pair, PropertyScene(slot, by_id[pair.first_id], by_id[pair.last_id], movement, wish.style), wish)
        for pair, slot, movement in zip(pairs, slots, movements, strict=True)
    ]
    return Plan(scenes=scenes, planner=planner, warnings=list(warnings))


def _reduced(photos: Sequence[Photo], count: int) -> list[Slot]:
    """Return ``count`` scenes of Set A: the first, the last, and of those between the ones with the best photos."""
    if count == 1:
        return set_a_slots((_FIRST,))
    between = set_a_slots(_TIES)
    selection = PropertySelection(photos, between, looks=False)
    ranked = sorted(between, key=lambda slot: (-selection.strength(slot), _TIES.index(slot.number)))
    return set_a_slots((_FIRST, _LAST, *(slot.number for slot in ranked[: count - 2])))


def _written(pair: PropertyPair, scene: PropertyScene, wish: PropertyWish) -> ScenePlan:
    definition = scene.slot.definition
    return ScenePlan(
        first_asset_id=pair.first_id,
        last_asset_id=pair.last_id,
        title=title(scene.slot),
        description=pair.description or description(scene),
        prompt=pair.prompt or prompt(scene),
        duration_s=wish.clip_duration_s,
        transition="fade",
        scene_type=scene.slot.scene_type,
        scene_name=definition.scene_type if definition and wish.mode == "property_types" else None,
        camera_movement=scene.movement,
        motion_goal=definition.transition_goal if definition else None,
        music_style=definition.music_style if definition else None,
        music_energy=definition.music_energy if definition else None,
        score=round(pair.confidence / 10, 3),
        quality_score=pair.quality_score,
        tag_match_score=pair.tag_match_score,
        compositional_flow=pair.compositional_flow,
        selection_reasoning=pair.reasoning or None,
    )
