"""The words of a property video's scenes: from the scene's definition, its two photos, and the wished style."""

from typing import NamedTuple

from models.media import CameraMovement
from models.storyboard import Photo
from providers.planner.groups import photo_label
from providers.planner.property_fit import Slot
from providers.planner.wording import LIGHT, MOVES, framing, spoken

_LONGEST_DETAIL = 120


class PropertyScene(NamedTuple):
    """What the wording needs to know of one scene."""

    slot: Slot
    first: Photo
    last: Photo
    movement: CameraMovement
    style: str | None


def title(slot: Slot) -> str:
    """Return the scene's type, fit to read."""
    if slot.definition is not None and slot.definition.scene_type == slot.scene_type:
        return slot.scene_type
    return " ".join(slot.scene_type.replace("_", " ").replace("-", " ").split()).title() or f"Scene {slot.number}"


def description(scene: PropertyScene) -> str:
    """Return one or two sentences for the person who approves the storyboard."""
    move = MOVES[scene.movement][scene.slot.number % 2]
    first, last = spoken(photo_label(scene.first)), spoken(photo_label(scene.last))
    ends = f" It begins on {first} and ends on {last}." if first and last and first != last else ""
    definition = scene.slot.definition
    aim = f" The aim: {definition.purpose}." if definition else ""
    return f"{title(scene.slot)}: {move}.{aim}{ends}"


def prompt(scene: PropertyScene) -> str:
    """Return what a video model is asked to render: subject, move, mood, light, and the way from first to last."""
    move = MOVES[scene.movement][scene.slot.number % 2]
    definition = scene.slot.definition
    mood = f" Mood: {definition.mood}." if definition else ""
    style = f" Style: {spoken(scene.style)}." if scene.style and spoken(scene.style) else ""
    return (
        f"{spoken(title(scene.slot))}, {framing(scene.first)}: {move}.{_shown(scene)}{mood}{style} "
        f"{LIGHT[(scene.slot.number - 1) % len(LIGHT)]}; one unbroken, fluid take from exactly the first frame to "
        "exactly the last frame, with nothing added and no lettering laid over the picture."
    )


def _shown(scene: PropertyScene) -> str:
    first, last = (
        spoken(photo.description, _LONGEST_DETAIL) or spoken(photo_label(photo)) for photo in (scene.first, scene.last)
    )
    if first and last and first != last:
        return f" From {first} to {last}."
    return f" In view: {first or last}." if first or last else ""
