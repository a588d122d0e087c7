"""Choosing two photos for each scene of a property video, and making a proposed choice keep the rules."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from pydantic import BaseModel, ConfigDict, Field

from models.storyboard import Photo
from providers.planner.gallery import Gallery
from providers.planner.property_fit import Described, Slot, breadth, described, fit, same_name
from providers.planner.views import RELATED

FALLBACK = "fallback"
_FALLBACK_SCORE = 7.0
_MOST_COMPARED = 400  # comparing looks costs 0.6 s for so many, and grows with the square
_NEARLY = 1  # photos whose fit differs by no more are told apart by their looks
_MOST_RIVALS = 24
_UNSEEN_RATING = 0.2
_NEARER = 1.15


class PropertyPair(BaseModel):
    """Two photos for one scene; what is None was not said. Scores run from 0 to 10."""

    model_config = ConfigDict(frozen=True)

    number: int | None
    first_id: str
    last_id: str
    scene_type: str | None = None
    confidence: float = Field(_FALLBACK_SCORE, ge=0, le=10)
    quality_score: float = _FALLBACK_SCORE
    tag_match_score: float = _FALLBACK_SCORE
    compositional_flow: str | None = None
    reasoning: str = ""
    description: str | None = None
    prompt: str | None = None


class PropertySelection:
    """Some photos and the scenes they may fill; with ``looks`` their features decide where words do not."""

    def __init__(self, photos: Sequence[Photo], slots: Sequence[Slot], *, looks: bool) -> None:
        self._photos, self._slots = sorted(photos, key=_age), slots
        self._by_id = {photo.id: photo for photo in photos}
        self._described: dict[str, Described] = {photo.id: described(photo) for photo in photos}
        self._fits = {
            (slot.number, photo_id): fit(words, slot.vocabulary)
            for slot in slots
            for photo_id, words in self._described.items()
        }
        self._ideal = {
            (slot.number, photo_id)
            for slot in slots
            for photo_id, words in self._described.items()
            if fit(words, slot.ideal)
        }
        self._gallery = self._compared() if looks else None

    def by_rule(self) -> list[PropertyPair]:
        """Fill every scene: first each takes up to two photos that fit, then what is missing is filled by age."""
        taken: dict[int, list[Photo]] = {}
        for slot in self._slots:
            fitting = [photo for photo in self._unused(taken.values()) if self._fit(slot, photo)]
            taken[slot.number] = self._best(slot, fitting, 2)
        pairs = []
        for slot in self._slots:
            chosen = taken[slot.number]
            fitting_count = len(chosen)
            while len(chosen) < 2:
                unused = self._unused(taken.values())
                chosen += self._best(slot, unused, 2 - len(chosen), beside=chosen[0] if chosen else None, by_age=True)
            pairs.append(self._fallback(slot, chosen, fitting_count))
        return pairs

    def repaired(self, proposed: Sequence[PropertyPair], *, any_type: bool) -> tuple[list[PropertyPair], int]:
        """Return one pair for every scene, keeping of ``proposed`` what keeps the rules, and how many were dropped.

        With ``any_type`` a proposal's type is ignored; otherwise a wrong one drops it. No photo is used twice: the
        earlier scene keeps it, and the later one gets another that fits.
        """
        best = self._usable(proposed, any_type=any_type)
        if not best:
            return self.by_rule(), len(proposed)
        kept: dict[int, PropertyPair] = {}
        used: set[str] = set()
        reserved = {photo_id for pair in best.values() for photo_id in (pair.first_id, pair.last_id)}
        for slot in self._slots:
            if slot.number in best:
                kept[slot.number] = self._without_repeats(slot, best[slot.number], used, reserved)
        for slot in self._slots:
            if slot.number not in kept:
                chosen = self._best(slot, [photo for photo in self._photos if photo.id not in used], 2)
                used |= {photo.id for photo in chosen}
                fitting = sum(bool(self._fit(slot, photo)) for photo in chosen)
                kept[slot.number] = self._fallback(slot, chosen, fitting)
        return [kept[slot.number] for slot in self._slots], len(proposed) - len(best)

    def strength(self, slot: Slot) -> int:
        """Return how well the two photos that fit a scene best fit it, together."""
        return sum(sorted((self._fit(slot, photo) for photo in self._photos), reverse=True)[:2])

    def _usable(self, proposed: Sequence[PropertyPair], *, any_type: bool) -> dict[int, PropertyPair]:
        """Return by scene the proposals that can be used; of two for one scene the surer one, else the first."""
        slots = {slot.number: slot for slot in self._slots}
        found: dict[int, PropertyPair] = {}
        for pair in proposed:
            slot = slots.get(pair.number or 0)
            known = pair.first_id in self._by_id and pair.last_id in self._by_id and pair.first_id != pair.last_id
            if slot is None or not known:
                continue
            if not any_type and pair.scene_type and same_name(pair.scene_type) != same_name(slot.scene_type):
                continue
            if slot.number not in found or pair.confidence > found[slot.number].confidence:
                found[slot.number] = pair
        return found

    def _without_repeats(self, slot: Slot, pair: PropertyPair, used: set[str], reserved: set[str]) -> PropertyPair:
        ids = []
        for photo_id in (pair.first_id, pair.last_id):
            if photo_id in used:
                free = [photo for photo in self._photos if photo.id not in used | reserved]
                photo_id = self._best(slot, free, 1)[0].id
            used.add(photo_id)
            ids.append(photo_id)
        return pair.model_copy(update={"number": slot.number, "first_id": ids[0], "last_id": ids[1]})

    def _fallback(self, slot: Slot, chosen: Sequence[Photo], fitting: int) -> PropertyPair:
        first, last = self._in_order(*chosen)
        why = (
            "no tag or name speaks for these two; they were left over",
            "one fits by its tags and names, the other was left over",
            "both fit by their tags and names",
        )[min(fitting, 2)]
        return PropertyPair(
            number=slot.number,
            first_id=first.id,
            last_id=last.id,
            compositional_flow=FALLBACK,
            reasoning=f"Fallback by rule: {why}.",
        )

    def _in_order(self, one: Photo, other: Photo) -> tuple[Photo, Photo]:
        """Put the wider view first: as the words say, else as the pictures show, else the older one."""
        one, other = sorted((one, other), key=_age)
        breadths = [breadth(self._described[photo.id]) for photo in (one, other)]
        if breadths[0] != breadths[1]:
            return (one, other) if breadths[0] < breadths[1] else (other, one)
        overlap = self._gallery.overlap(one, other) if self._gallery and self._seen(one, other) else None
        nearer_first = overlap is not None and overlap.similarity >= RELATED and overlap.zoom < 1 / _NEARER
        return (other, one) if nearer_first else (one, other)

    def _best(
        self, slot: Slot, photos: Sequence[Photo], count: int, *, beside: Photo | None = None, by_age: bool = False
    ) -> list[Photo]:
        """Return the ``count`` of ``photos`` that fit best, the older first where they fit alike.

        With looks, photos that fit nearly alike are told apart by quality and by the pair that they make, with each
        other or with the one ``beside``. ``by_age`` leaves the fit out of account.
        """
        ranked = photos if by_age else sorted(photos, key=lambda photo: -self._fit(slot, photo))
        if self._gallery is None or len(ranked) <= count:
            return list(ranked[:count])
        worst = self._fit(slot, ranked[count - 1])
        sure = [] if by_age else [photo for photo in ranked[:count] if self._fit(slot, photo) > worst + _NEARLY]
        nearly = [photo for photo in ranked if by_age or worst - _NEARLY <= self._fit(slot, photo) <= worst + _NEARLY]
        rivals, wanted = nearly[:_MOST_RIVALS], count - len(sure)
        partner = beside or (sure[0] if sure else None)
        if wanted == 2:
            return list(max(combinations(rivals, 2), key=lambda pair: self._worth(slot, *pair)))
        if partner is None:
            return [max(rivals, key=lambda photo: (self._is_ideal(slot, photo), self._quality(photo)))]
        return [*sure, max(rivals, key=lambda photo: self._worth(slot, partner, photo))]

    def _worth(self, slot: Slot, one: Photo, other: Photo) -> tuple[bool, int, float]:
        """Rate a pair by its looks; but what only neighbours of the scene ask for is better kept for those."""
        ideal = self._is_ideal(slot, one) + self._is_ideal(slot, other)
        if self._gallery is None or not self._seen(one, other):
            return True, ideal, _UNSEEN_RATING
        return not self._gallery.are_duplicates(one, other), ideal, self._gallery.score(one, other)

    def _is_ideal(self, slot: Slot, photo: Photo) -> bool:
        return (slot.number, photo.id) in self._ideal

    def _quality(self, photo: Photo) -> float:
        return self._gallery.quality(photo) if self._gallery is not None and self._seen(photo) else 0.0

    def _compared(self) -> Gallery | None:
        fits = {photo.id: max(self._fit(slot, photo) for slot in self._slots) for photo in self._photos}
        some = sorted(self._photos, key=lambda photo: -fits[photo.id])[:_MOST_COMPARED]
        return Gallery(sorted(some, key=_age)) if any(photo.features for photo in some) else None

    def _seen(self, *photos: Photo) -> bool:
        return self._gallery is not None and all(photo in self._gallery for photo in photos)

    def _fit(self, slot: Slot, photo: Photo) -> int:
        return self._fits[slot.number, photo.id]

    def _unused(self, taken: Iterable[Sequence[Photo]]) -> list[Photo]:
        used = {photo.id for photos in taken for photo in photos}
        return [photo for photo in self._photos if photo.id not in used]


def _age(photo: Photo) -> int:
    return photo.age_rank
