"""The words and the rhythm of a scene: title, description, prompt, camera movement."""

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple
from unicodedata import category

from models.media import CameraMovement
from models.storyboard import Photo
from providers.planner.base import Pair
from providers.planner.groups import photo_label

_LONGEST_NAME = 80
_LONGEST_DESCRIPTION = 160
_LOOSE = " .,-&"

_BETWEEN = (
    CameraMovement.PAN_SWEEP,
    CameraMovement.TRUCK_LATERAL,
    CameraMovement.STATIC_FLOAT,
    CameraMovement.TRUCK_LATERAL_OPPOSITE,
    CameraMovement.DOLLY_FORWARD,
)
"""What comes between the first scene and the last: travelling and resting in turn, left and right in turn."""

MOVES: dict[CameraMovement, tuple[str, str]] = {
    CameraMovement.DOLLY_FORWARD: (
        "the camera glides slowly forward and draws the viewer in",
        "a steady push forward brings the subject closer while its surroundings slip out of the frame",
    ),
    CameraMovement.DOLLY_BACKWARD: (
        "the camera eases back and lets the whole setting open up",
        "a calm pull back reveals more of the surroundings until the view comes to rest",
    ),
    CameraMovement.PAN_SWEEP: (
        "the camera turns in one even sweep across the view",
        "a smooth pan reveals the view from one side to the other at constant speed",
    ),
    CameraMovement.TRUCK_LATERAL: (
        "the camera travels sideways to the right, near things passing faster than far ones",
        "a level tracking move to the right lets the foreground slide past the background",
    ),
    CameraMovement.TRUCK_LATERAL_OPPOSITE: (
        "the camera travels sideways to the left, near things passing faster than far ones",
        "a level tracking move to the left lets the foreground slide past the background",
    ),
    CameraMovement.STATIC_FLOAT: (
        "the camera holds its place with only the gentlest drift, and the subject carries the moment",
        "a nearly still frame breathes softly while the view changes by itself",
    ),
}
"""How each movement is told, in two ways."""

LIGHT: tuple[str, ...] = (
    "Natural light and true colours stay constant",
    "Highlights and reflections shift subtly with the move while the exposure stays even",
    "Soft, realistic shadows and rich but faithful colours hold throughout",
    "The light keeps the mood of the photographs, with gentle depth and fine texture",
)


class Scene(NamedTuple):
    """What the wording needs to know: the pair, its two photos, its 1-based place among ``total``, its movement."""

    pair: Pair
    first: Photo
    last: Photo
    number: int
    total: int
    movement: CameraMovement


def camera_movements(seen: Sequence[CameraMovement | None]) -> list[CameraMovement]:
    """Return a movement per scene: the one seen in the pictures where there is one, else one that gives rhythm.

    A film arrives (forward), varies, and leaves (backward); a movement that was chosen never repeats its neighbours.
    """
    chosen: list[CameraMovement] = []
    between = cycle(_BETWEEN)
    for number, movement in enumerate(seen):
        following = seen[number + 1] if number + 1 < len(seen) else None
        if movement is None and number == 0:
            movement = CameraMovement.DOLLY_FORWARD
        elif movement is None and number == len(seen) - 1:
            movement = CameraMovement.DOLLY_BACKWARD
        elif movement is None:
            movement = next(candidate for candidate in between if candidate not in (chosen[-1], following))
        chosen.append(movement)
    return chosen


def title(scene: Scene) -> str:
    """Return the title: after the group, else the scene's number."""
    return f"{scene.pair.group_name} Showcase" if scene.pair.group_name else f"Scene {scene.number}"


def description(scene: Scene) -> str:
    """Return one or two sentences for the person who approves the storyboard."""
    move = MOVES[scene.movement][scene.number % 2]
    first, last = spoken(photo_label(scene.first)), spoken(photo_label(scene.last))
    ends = f" It begins on {first} and ends on {last}." if first and last and first != last else ""
    return f"{_role(scene)}{_of(scene)}: {move}.{ends}"


def prompt(scene: Scene) -> str:
    """Return what a video model is asked to render: subject, move, light, and how the first frame becomes the last."""
    move = MOVES[scene.movement][scene.number % 2]
    light = LIGHT[(scene.number - 1) % len(LIGHT)]
    texts = (spoken(photo.description, _LONGEST_DESCRIPTION) for photo in (scene.first, scene.last))
    shown = next((f" In view: {text}." for text in texts if text), "")
    return (
        f"{_role(scene)}{_of(scene)}, {framing(scene.first)}: {move}.{shown} "
        f"{light}; one unbroken, fluid take from exactly the first frame to exactly the last frame, "
        "with nothing added and no lettering laid over the picture."
    )


def _role(scene: Scene) -> str:
    if scene.number == 1:
        return "Inviting opening shot"
    if scene.number == scene.total:
        return "Closing shot"
    return ("Flowing shot", "Quiet, attentive shot")[scene.number % 2]


def _of(scene: Scene) -> str:
    """Name the subject: the group, else what the two photos are called, else nothing."""
    first, last = spoken(photo_label(scene.first)), spoken(photo_label(scene.last))
    subject = spoken(scene.pair.group_name or "") or (first if first == last else "")
    if subject or not (first and last):
        return f" of {subject or first or last}" if subject or first or last else ""
    return f" leading from {first} to {last}"


def framing(photo: Photo) -> str:
    """Return how a photo is framed, in words."""
    if photo.width == photo.height:
        return "balanced square framing"
    return "wide horizontal framing" if photo.width > photo.height else "tall vertical framing"


def spoken(text: str, longest: int = _LONGEST_NAME) -> str:
    """Make a user's text safe inside a sentence: letters, digits and plain punctuation, at most ``longest`` characters.

    Quotes, brackets, slashes, control characters and the like become spaces; so do underscores. A text that is too
    long ends after its last whole word.
    """
    plain = "".join(c if c in "',.&-" or category(c)[0] in "LMN" else " " for c in text)
    words = " ".join(plain.split()).strip(_LOOSE)
    if len(words) <= longest:
        return words
    return words[: longest + 1].rpartition(" ")[0].rstrip(_LOOSE) or words[:longest]
