"""Pairing by what the pictures show: near-duplicates apart, good pictures first, a clear change of view in a pair."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from models.media import CameraMovement
from models.storyboard import Photo
from providers.planner.base import Pair
from providers.planner.gallery import Gallery
from providers.planner.groups import photo_groups
from providers.planner.views import RELATED, Overlap

_MOST_COMPARED = 400  # the work grows with the square: 0.6 s
_CLOSER = 1.15
_MOVED = 0.1


class VisualPairs(NamedTuple):
    """Pairs in story order, perhaps fewer than wanted, and plain sentences about what was unusual."""

    pairs: list[Pair]
    warnings: list[str]


def visual_pairs(photos: Sequence[Photo], num_pairs: int) -> VisualPairs:
    """Choose at most ``num_pairs`` pairs by the photos' features; photos without features go by group and age.

    In order of preference: the best pairs of each group; pairs across groups that show the same thing; of what is
    left the better pictures, like with like; and only when nothing else is left, near-duplicates of pictures already
    used. The wide view comes first where the pictures show it, else the older one.
    """
    compared = sorted(photos, key=_age)[:_MOST_COMPARED]
    if not any(photo.features for photo in compared):
        return VisualPairs([], ["The pictures could not be looked at; they are paired by group and age."])
    gallery = Gallery(compared)
    kept, spares = gallery.without_duplicates()
    pairs = _pairs_by_group(gallery, kept, num_pairs)
    across = gallery.best_pairs(_unused(kept, pairs), gallery.rating, RELATED)
    pairs += _in_age_order(gallery, across[: num_pairs - len(pairs)])
    rest = gallery.best(_unused(kept, pairs), 2 * (num_pairs - len(pairs)))
    pairs += _in_age_order(gallery, gallery.best_pairs(rest, gallery.likeness))
    repeats = _repeats(gallery, _unused(kept, pairs) + spares, num_pairs - len(pairs))
    return VisualPairs(pairs + repeats, _sentences(photos, compared, len(pairs) < num_pairs))


def _pairs_by_group(gallery: Gallery, photos: Sequence[Photo], count: int) -> list[Pair]:
    """Take the best pair of each group, then the second best, until there are ``count``; inside a group by age."""
    groups = photo_groups(photos)
    ranked = [gallery.best_pairs(group.photos, gallery.rating) for group in groups]
    rounds = [number for layer in zip_longest(*ranked) for number, pair in enumerate(layer) if pair][:count]
    by_age = [sorted(ranked[number][: rounds.count(number)], key=_oldest) for number in range(len(groups))]
    return [_paired(gallery, *by_age[number].pop(0), groups[number].name) for number in rounds]


def _in_age_order(gallery: Gallery, found: Iterable[tuple[Photo, Photo]]) -> list[Pair]:
    return [_paired(gallery, *photos, None) for photos in sorted(found, key=_oldest)]


def _repeats(gallery: Gallery, photos: Iterable[Photo], count: int) -> list[Pair]:
    """Pair at most ``count`` times in age order, never two near-duplicates of each other."""
    waiting, found = sorted(photos, key=_age), list[Pair]()
    while len(found) < count and len(waiting) > 1:
        first = waiting.pop(0)
        last = next((photo for photo in waiting if not gallery.are_duplicates(first, photo)), None)
        if last is not None:
            waiting.remove(last)
            reasoning = "Near-duplicates of other photos; used because nothing else was left."
            found.append(Pair(first_id=first.id, last_id=last.id, reasoning=reasoning))
    return found


def _paired(gallery: Gallery, one: Photo, other: Photo, group: str | None) -> Pair:
    """Put the two in order, ``one`` being the older, and say how they relate."""
    overlap = gallery.overlap(one, other)
    if overlap is None:
        reasoning = "Paired by group and age: at least one of the two could not be looked at."
        return Pair(first_id=one.id, last_id=other.id, group_name=group, reasoning=reasoning)
    if overlap.similarity >= RELATED and overlap.zoom < 1 / _CLOSER:
        one, other, overlap = other, one, overlap.reversed()
    return Pair(
        first_id=one.id,
        last_id=other.id,
        group_name=group,
        score=gallery.score(one, other),
        reasoning=_reasoning(overlap),
        camera_movement=_movement(overlap),
    )


def _movement(overlap: Overlap) -> CameraMovement | None:
    """Return the camera movement that leads from the first view to the last, None where the pictures do not tell."""
    if overlap.similarity < RELATED:
        return None
    if overlap.zoom > _CLOSER:
        return CameraMovement.DOLLY_FORWARD
    right, down = overlap.shift
    if max(abs(right), abs(down)) < _MOVED:
        return CameraMovement.STATIC_FLOAT
    if abs(right) < abs(down):
        return None
    return CameraMovement.TRUCK_LATERAL if right > 0 else CameraMovement.TRUCK_LATERAL_OPPOSITE


def _reasoning(overlap: Overlap) -> str:
    if overlap.similarity < RELATED:
        return "The best match that was left, though the two pictures show little in common."
    if overlap.zoom > _CLOSER:
        return "The last picture shows a part of the first from nearer."
    if max(map(abs, overlap.shift)) >= _MOVED:
        return f"Overlapping views: the camera moved, and about {overlap.common:.0%} is seen in both."
    return "The same framing with a change inside it."


def _sentences(photos: Sequence[Photo], compared: Sequence[Photo], repeats: bool) -> list[str]:
    sentences = []
    if blind := sum(photo.features is None for photo in compared):
        which = "1 photo" if blind == 1 else f"{blind} photos"
        sentences.append(f"{which} could not be looked at and took part by group and age only.")
    if len(compared) < len(photos):
        sentences.append(f"Only the oldest {len(compared)} photos were looked at.")
    if repeats:
        sentences.append("There are too few different pictures: some scenes use near-duplicates of others.")
    return sentences


def _unused(photos: Iterable[Photo], pairs: Sequence[Pair]) -> list[Photo]:
    used = {used_id for pair in pairs for used_id in (pair.first_id, pair.last_id)}
    return [photo for photo in photos if photo.id not in used]


def _age(photo: Photo) -> int:
    return photo.age_rank


def _oldest(pair: tuple[Photo, Photo]) -> int:
    return min(pair[0].age_rank, pair[1].age_rank)
