"""Property videos planned by a language model that reads the photos' metadata."""

from collections.abc import Sequence
from typing import Any

from models.errors import ProviderUnavailable
from models.property import SET_A
from models.storyboard import CreativeBrief, Photo, Plan
from providers.planner.chat import ChatModel
from providers.planner.documents import CONSTRAINTS, TRANSITIONS, WEIGHTS, brief_fields, photo_rows
from providers.planner.json_answer import number_of, objects, text_of, whole_number
from providers.planner.json_schema import PERHAPS_TEXT, TEXT, array_of, choice_of, number, object_with
from providers.planner.property import PropertyWish, property_slots, storyboard
from providers.planner.property_fit import Slot, same_name
from providers.planner.property_selection import PropertyPair, PropertySelection

_LONGEST_PROMPT, _LONGEST_SENTENCES, _LONGEST_NAME = 2000, 600, 200
_MOST = 10.0
_MIDDLING = 7.0
_IMAGE = object_with(id=TEXT, filename=TEXT, reasoning=TEXT, quality_score=number(), tag_match_score=number())
_SCHEMA = object_with(
    property_name=PERHAPS_TEXT,
    selection_metadata=object_with(
        total_photos_evaluated={"type": "integer"},
        selection_confidence=choice_of("high", "medium", "low"),
        overall_visual_quality_score=number(),
        brand_coherence_score=number(),
    ),
    scene_pairs=array_of(
        object_with(
            scene_number={"type": "integer"},
            scene_type=TEXT,
            first_image=_IMAGE,
            last_image=_IMAGE,
            transition_analysis=object_with(
                color_compatibility=choice_of("excellent", "good", "fair", "poor"),
                lighting_consistency=TEXT,
                compositional_flow=TEXT,
                interpolation_confidence=number(),
            ),
            description=PERHAPS_TEXT,
            prompt=PERHAPS_TEXT,
        )
    ),
    recommendations=object_with(missing_content_gaps=array_of(TEXT), photo_crawl_improvements=array_of(TEXT)),
)


class ChatPropertyPlanner:
    """Keeps the contract of ``PropertyPlanner`` whatever the model answers; raises what ``ChatModel.ask`` raises."""

    def __init__(self, model: ChatModel, brief: CreativeBrief) -> None:
        self._model, self._brief = model, brief

    def plan(self, photos: Sequence[Photo], wish: PropertyWish) -> Plan:
        """Plan the scenes that are wished for from ``photos``, oldest first, with distinct ids."""
        slots = property_slots(photos, wish)
        answer = self._model.ask(self._document(photos, slots, wish), _SCHEMA, "property_scenes")
        found = objects(answer, "scene_pairs", "pairs")
        if not found:
            raise ProviderUnavailable(f"{self._model.name} proposed no scenes")
        any_type = wish.mode == "property_types"
        proposed = [_pair(entry, position, any_type) for position, entry in enumerate(found, start=1)]
        selection = PropertySelection(photos, slots, looks=False)
        pairs, dropped = selection.repaired(proposed, any_type=any_type)
        said = [f"{dropped} of {len(proposed)} proposed scenes could not be used."] if dropped else []
        plan = storyboard(pairs, slots, photos, wish, planner=self._model.name, warnings=said)
        return plan.model_copy(update={"selection_metadata": _metadata(answer)})

    def _document(self, photos: Sequence[Photo], slots: Sequence[Slot], wish: PropertyWish) -> dict[str, Any]:
        return {
            "task": (
                "Choose two photos for each of these scenes of a property video: the first and the last frame of one "
                "camera move. Scores run from 0 to 10. A prompt says, for a video model, what is seen and how the "
                "camera gets from the first frame to the last."
            ),
            **brief_fields(self._brief.model_copy(update={"style": wish.style})),
            "scenes": [_told(slot, wish.clip_duration_s) for slot in slots],
            "constraints": [*CONSTRAINTS, "Scene numbers and scene types stay exactly as given.", TRANSITIONS],
            "weights": WEIGHTS,
            "photos": photo_rows(photos),
        }


def _told(slot: Slot, duration_s: float) -> dict[str, Any]:
    known = slot.definition.model_dump(mode="json") if slot.definition else {}
    for unasked in ("camera_movement", "music_style", "music_energy"):
        known.pop(unasked, None)
    return {**known, "scene_number": slot.number, "scene_type": slot.scene_type, "duration": duration_s}


def _pair(entry: dict[str, Any], position: int, any_type: bool) -> PropertyPair:
    first, last = (_fields(entry.get(name)) for name in ("first_image", "last_image"))
    analysis = _fields(entry.get("transition_analysis"))
    scene_type = text_of(entry.get("scene_type"), _LONGEST_NAME)
    scene_number = whole_number(entry.get("scene_number"))
    if "scene_number" not in entry:
        scene_number = position if any_type else _number_of(scene_type)
    reasons = (text_of(image.get("reasoning"), _LONGEST_SENTENCES) for image in (first, last))
    return PropertyPair(
        number=scene_number,
        first_id=_id(first),
        last_id=_id(last),
        scene_type=scene_type,
        confidence=number_of(analysis.get("interpolation_confidence"), _MIDDLING, _MOST),
        quality_score=_mean(first, last, "quality_score"),
        tag_match_score=_mean(first, last, "tag_match_score"),
        compositional_flow=text_of(analysis.get("compositional_flow"), _LONGEST_NAME),
        reasoning=" ".join(filter(None, reasons)),
        description=text_of(entry.get("description"), _LONGEST_SENTENCES),
        prompt=text_of(entry.get("prompt"), _LONGEST_PROMPT),
    )


def _number_of(scene_type: str | None) -> int | None:
    name = same_name(scene_type or "")
    return next((scene.scene_number for scene in SET_A if same_name(scene.scene_type) == name), None)


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(image: dict[str, Any]) -> str:
    return text_of(image.get("id"), _LONGEST_NAME) or ""


def _mean(first: dict[str, Any], last: dict[str, Any], name: str) -> float:
    scores = [number_of(image.get(name), _MIDDLING, _MOST) for image in (first, last)]
    return round(sum(scores) / 2, 2)


def _metadata(answer: Any) -> dict[str, Any] | None:
    """Return what the model says of its choice as a whole, each value of the kind that it should be."""
    said = _fields(answer.get("selection_metadata")) if isinstance(answer, dict) else {}
    if not said:
        return None
    confidence = text_of(said.get("selection_confidence"), 10)
    return {
        "total_photos_evaluated": whole_number(said.get("total_photos_evaluated")) or 0,
        "selection_confidence": confidence if confidence in ("high", "medium", "low") else "medium",
        "overall_visual_quality_score": number_of(said.get("overall_visual_quality_score"), _MIDDLING, _MOST),
        "brand_coherence_score": number_of(said.get("brand_coherence_score"), _MIDDLING, _MOST),
    }
