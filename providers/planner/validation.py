"""Making a proposal keep the planners' contract: what cannot be used goes, what is missing is filled in."""

from collections.abc import Sequence
from typing import NamedTuple

from models.errors import InvalidInput
from models.storyboard import Photo
from providers.planner.base import Pair
from providers.planner.groups import group_pairs


class RepairedPairs(NamedTuple):
    """``pairs`` that keep the contract, in story order, and plain sentences on what had to be dropped."""

    pairs: list[Pair]
    warnings: list[str]


def repair_pairs(pairs: Sequence[Pair], photos: Sequence[Photo], num_pairs: int) -> RepairedPairs:
    """Return exactly min(``num_pairs``, ⌊photos / 2⌋) pairs, keeping as many of ``pairs`` as can be kept, in order.

    A pair is dropped when an id is unknown, both ids are equal, or an earlier pair uses one of its photos. Surplus
    pairs are cut; missing ones are filled from unused photos by group and age. Raises InvalidInput when fewer than
    two photos are given or ``num_pairs`` is below one.
    """
    wanted = wanted_pairs(len(photos), num_pairs)
    unused = {photo.id: photo for photo in photos}
    usable: list[Pair] = []
    for pair in pairs:
        if pair.first_id != pair.last_id and pair.first_id in unused and pair.last_id in unused:
            usable.append(pair)
            del unused[pair.first_id], unused[pair.last_id]
    kept = usable[:wanted]
    # Photos of surplus pairs need not go back to the unused ones: where there is a surplus nothing is missing.
    filled = group_pairs(list(unused.values()), wanted - len(kept))
    return RepairedPairs(kept + filled, _sentences(len(pairs) - len(usable)))


def wanted_pairs(photo_count: int, num_pairs: int) -> int:
    """Return how many scenes a plan has. Raises InvalidInput below two photos or below one pair."""
    if photo_count < 2:
        raise InvalidInput(f"planning needs at least 2 photos, got {photo_count}")
    if num_pairs < 1:
        raise InvalidInput(f"num_pairs must be at least 1, got {num_pairs}")
    return min(num_pairs, photo_count // 2)


def _sentences(dropped: int) -> list[str]:
    if not dropped:
        return []
    pairs = "1 proposed pair was" if dropped == 1 else f"{dropped} proposed pairs were"
    return [f"{pairs} dropped: an image is unknown, or used more than once."]
