"""What a language model is told: metadata of photos and the brief, never pixels, addresses or secrets."""

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from models.storyboard import CreativeBrief, Photo
from providers.planner.groups import group_name, photo_groups

MOST_PHOTOS = 200
_LONGEST_TEXT = 600
_MOST_ITEMS = 60
_DEEPEST = 6
_ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]*://|data:|www\.)\S+", re.IGNORECASE)

CONSTRAINTS = (
    "Every scene has exactly two different images, a first and a last frame.",
    "No image is used twice.",
    "The scenes are in the order in which the story is told.",
    "Colours and light stay coherent from scene to scene.",
    "Only ids from the list of photos are used, exactly as they are written there.",
)
WEIGHTS = {
    "visual_quality": 0.30,
    "tag_alignment": 0.25,
    "transition_potential": 0.25,
    "brand_consistency": 0.20,
}
TRANSITIONS = "Good transitions: similar light, compatible palettes, from wide to detail, no jarring jump."


def brief_fields(brief: CreativeBrief) -> dict[str, Any]:
    """Return what is known of the customer and the wish, under the document's names."""
    facts = brief.property_facts
    fields = {
        "brief": brief.brief,
        "client": {"name": brief.client_name, "guidelines": brief.client_guidelines},
        "property": facts.model_dump() if facts else _facts_in(brief.brief),
        "style": brief.style,
    }
    return {name: _harmless(value) for name, value in fields.items() if value is not None}


def photo_rows(photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """Return one row for each photo, at most 200: then as many from every group as evenly as can be, in their order."""
    return [_row(photo) for photo in _evenly(photos)]


def _evenly(photos: Sequence[Photo]) -> Sequence[Photo]:
    if len(photos) <= MOST_PHOTOS:
        return photos
    rounds = zip_longest(*(group.photos for group in photo_groups(photos)))
    told = [photo for layer in rounds for photo in layer if photo is not None][:MOST_PHOTOS]
    return sorted(told, key=lambda photo: photo.age_rank)


def _row(photo: Photo) -> dict[str, Any]:
    name = photo.name if photo.name != photo.id else ""
    row = {
        "filename": photo.original_name or name,
        "group": group_name(photo),
        "tags": list(dict.fromkeys((*photo.tags, *photo.labels))),
        "description": photo.description or next(iter(photo.texts), ""),
        "width": photo.width,
        "height": photo.height,
    }
    perhaps = {
        "dominant_colors": list(photo.dominant_colors),
        "detected_objects": list(photo.detected_objects),
        "composition": photo.composition,
        "lighting": photo.lighting,
    }
    told = {**row, **{name: value for name, value in perhaps.items() if value}}
    return {"id": photo.id, **{name: _harmless(value) for name, value in told.items()}}


def _facts_in(brief: Any) -> dict[str, Any] | None:
    if not isinstance(brief, dict):
        return None
    names = ("name", "location", "property_type", "positioning")
    found = {name: brief.get(name, brief.get("propertyType") if name == "property_type" else None) for name in names}
    return found if any(found.values()) else None


def _harmless(value: Any, depth: int = 0) -> Any:
    """Return a value of moderate size, its texts without addresses."""
    if isinstance(value, str):
        return " ".join(_ADDRESS.sub(" ", value).split())[:_LONGEST_TEXT]
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(key)[:80]: _harmless(item, depth + 1) for key, item in list(value.items())[:_MOST_ITEMS]}
    if isinstance(value, list | tuple):
        return [_harmless(item, depth + 1) for item in value[:_MOST_ITEMS]]
    return value
