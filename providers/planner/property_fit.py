"""How well a photo fits a scene of a property video, by its tags and the words about it."""

import re
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import NamedTuple

from models.property import COMBINED, ONLY_IN, PROPERTY_TYPES, SET_A, SceneDefinition, Vocabulary
from models.storyboard import Photo

_PRIMARY, _PREFERRED, _WORD, _MOST_MATCHES = 8, 5, 3, 5
_WIDE = frozenset(("wide", "establishing", "overview", "aerial", "approach", "panorama"))
_NEAR = frozenset(("detail", "close", "closeup", "view"))


class Described(NamedTuple):
    """A photo's tags as normalised tokens, and the words about it as one text with a space around each."""

    tags: frozenset[str]
    words: str


class Slot(NamedTuple):
    """One scene to be filled: its 1-based number, its type as shown, the Set A scene behind it, and what fits it."""

    number: int
    scene_type: str
    definition: SceneDefinition | None
    vocabulary: Vocabulary

    @property
    def ideal(self) -> Vocabulary:
        """What the scene itself asks for, without what its neighbours in meaning add."""
        return self.vocabulary if self.definition is None else _own(self.definition)


def normalised(tag: str) -> str:
    """Return a tag as a token: lower case, spaces and hyphens as underscores, without a trailing number."""
    token = re.sub(r"[\s_-]+", "_", tag.strip().lower())
    return re.sub(r"_*\d+$", "", token).strip("_")


def described(photo: Photo) -> Described:
    """Return what is said about a photo."""
    tags = (part for tag in (*photo.tags, *photo.labels) for part in re.split("[/,;]", tag))
    texts = (photo.name if photo.name != photo.id else "", photo.original_name, photo.description, *photo.texts)
    return Described(frozenset(filter(None, map(normalised, tags))), "|".join(map(_words, texts)))


def fit(photo: Described, vocabulary: Vocabulary) -> int:
    """Return 0 for no match at all, up to 21 for a photo whose tags and words all say that it belongs here."""
    primary, preferred = photo.tags & vocabulary.primary, photo.tags & vocabulary.preferred
    words = {word for word in vocabulary.words if f" {word} " in photo.words}
    matches = {token.replace("_", " ") for token in primary | preferred} | words
    points = _PRIMARY * bool(primary) + _PREFERRED * bool(preferred) + _WORD * bool(words)
    return points + min(len(matches), _MOST_MATCHES)


def breadth(photo: Described) -> int:
    """Return 0 for a photo that is said to show the whole, 2 for one said to show a part, 1 for any other."""
    said = set(photo.words.replace("|", " ").split()) | {word for tag in photo.tags for word in tag.split("_")}
    return 0 if said & _WIDE else 2 if said & _NEAR else 1


def set_a_slots(numbers: Iterable[int]) -> list[Slot]:
    """Return the scenes of Set A with these numbers, which they keep, in their order."""
    wanted = set(numbers)
    return [
        Slot(scene.scene_number, scene.scene_type, scene, _vocabulary_of(scene))
        for scene in SET_A
        if scene.scene_number in wanted
    ]


def typed_slots(types: list[str], count: int) -> list[Slot]:
    """Return ``count`` scenes whose types go through the caller's list, again and again, word for word."""
    return [_typed(number, types[(number - 1) % len(types)]) for number in range(1, count + 1)]


def _typed(number: int, scene_type: str) -> Slot:
    by_name = {same_name(scene.scene_type): scene for scene in SET_A}
    token = normalised(scene_type)
    if scene := by_name.get(same_name(scene_type)):
        return Slot(number, scene_type, scene, _vocabulary_of(scene))
    if token in PROPERTY_TYPES:
        stands_for, vocabulary = PROPERTY_TYPES[token]
        return Slot(number, scene_type, by_name[same_name(stands_for)], vocabulary)
    word = token.replace("_", " ")
    return Slot(number, scene_type, None, Vocabulary(frozenset((token,)), frozenset(), frozenset((word,))))


def same_name(text: str) -> str:
    """Return a name as it is compared: without regard to case and extra spaces."""
    return " ".join(text.split()).casefold()


def _own(scene: SceneDefinition) -> Vocabulary:
    tags = frozenset(scene.ideal_tags)
    return Vocabulary(tags, frozenset(), frozenset(tag.replace("_", " ") for tag in tags))


def _vocabulary_of(scene: SceneDefinition) -> Vocabulary:
    theirs = (
        Vocabulary(vocabulary.primary) if name in COMBINED else vocabulary
        for name, (stands_for, vocabulary) in PROPERTY_TYPES.items()
        if stands_for == scene.scene_type
    )
    primary, preferred, words = reduce(or_, theirs, _own(scene))
    foreign = {token for token, only in ONLY_IN.items() if only != scene.scene_type}
    return Vocabulary(primary - foreign, preferred, words - foreign)


def _words(text: str) -> str:
    """Return the words of a text in lower case, each with a space on both sides; numbers do not count."""
    found = (re.sub(r"\d+$", "", word) for word in re.findall(r"[^\W_]+", text.lower()))
    return f" {' '.join(filter(None, found))} "
