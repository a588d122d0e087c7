"""Image pairs planned by a language model that reads the photos' metadata."""

from collections.abc import Sequence
from typing import Any

from models.errors import ProviderUnavailable
from models.storyboard import CreativeBrief, Photo, Plan
from providers.planner.base import Pair
from providers.planner.chat import ChatModel
from providers.planner.documents import CONSTRAINTS, brief_fields, photo_rows
from providers.planner.groups import group_name
from providers.planner.json_answer import number_of, objects, text_of
from providers.planner.json_schema import PERHAPS_TEXT, TEXT, array_of, number, object_with
from providers.planner.pairs import storyboard
from providers.planner.validation import wanted_pairs

_LONGEST_PROMPT, _LONGEST_SENTENCES, _LONGEST_NAME = 2000, 600, 120
_SCORE = 0.8
_SCHEMA = object_with(
    pairs=array_of(
        object_with(
            image1_id=TEXT,
            image2_id=TEXT,
            score=number(),
            reasoning=TEXT,
            scene_name=TEXT,
            scene_type=PERHAPS_TEXT,
            description=PERHAPS_TEXT,
            prompt=PERHAPS_TEXT,
        )
    )
)


class ChatPairPlanner:
    """Keeps the contract of ``Planner`` whatever the model answers; raises what ``ChatModel.ask`` raises."""

    def __init__(self, model: ChatModel, brief: CreativeBrief) -> None:
        self._model, self._brief = model, brief

    def plan(self, photos: Sequence[Photo], *, num_pairs: int, clip_duration_s: float) -> Plan:
        """Plan ``num_pairs`` scenes of ``clip_duration_s`` seconds from ``photos``, oldest first, with distinct ids."""
        document = {
            "task": (
                "Choose pairs of photos for a short film: each pair is the first and the last frame of one camera "
                "move. Prefer two photos of one group. Give the pairs in story order; score runs from 0 to 1. A prompt "
                "says, for a video model, what is seen and how the camera gets from the first frame to the last."
            ),
            **brief_fields(self._brief),
            "num_pairs": wanted_pairs(len(photos), num_pairs),
            "constraints": [*CONSTRAINTS, "The two images of a scene should come from one group."],
            "photos": photo_rows(photos),
        }
        found = objects(self._model.ask(document, _SCHEMA, "image_pairs"), "pairs", "scene_pairs")
        if not found:
            raise ProviderUnavailable(f"{self._model.name} proposed no pairs")
        by_id = {photo.id: photo for photo in photos}
        return storyboard(
            [_pair(entry, by_id) for entry in found],
            photos,
            num_pairs=num_pairs,
            clip_duration_s=clip_duration_s,
            planner=self._model.name,
        )


def _pair(entry: dict[str, Any], by_id: dict[str, Photo]) -> Pair:
    ids = [text_of(entry.get(name), _LONGEST_NAME) or "" for name in ("image1_id", "image2_id")]
    groups = {group_name(by_id[photo_id]) if photo_id in by_id else None for photo_id in ids}
    return Pair(
        first_id=ids[0],
        last_id=ids[1],
        group_name=groups.pop() if len(groups) == 1 else None,
        score=number_of(entry.get("score"), _SCORE, 1.0),
        reasoning=text_of(entry.get("reasoning"), _LONGEST_SENTENCES) or "Chosen by the model.",
        title=text_of(entry.get("scene_name"), _LONGEST_NAME),
        scene_type=text_of(entry.get("scene_type"), _LONGEST_NAME),
        description=text_of(entry.get("description"), _LONGEST_SENTENCES),
        prompt=text_of(entry.get("prompt"), _LONGEST_PROMPT),
    )
