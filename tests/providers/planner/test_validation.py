"""Repairing what a planner proposes."""

import random

import pytest

from models.storyboard import Photo
from providers.planner.base import Pair
from providers.planner.validation import repair_pairs

PHOTOS = [
    Photo(id=str(rank), age_rank=rank, name="Pool" if rank < 4 else "Bar", width=4, height=3) for rank in range(8)
]


def proposed(*ids: tuple[str, str]) -> list[Pair]:
    return [Pair(first_id=first, last_id=last, reasoning="proposed", score=0.9) for first, last in ids]


def ids(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.first_id, pair.last_id) for pair in pairs]


def test_a_good_proposal_stays_as_it_is() -> None:
    wanted = proposed(("7", "0"), ("3", "5"))
    assert repair_pairs(wanted, PHOTOS, 2) == (wanted, [])


@pytest.mark.parametrize("bad", [("1", "nobody"), ("nobody", "1"), ("2", "2"), ("7", "1"), ("1", "0")])
def test_a_pair_with_an_unknown_equal_or_used_photo_is_dropped_and_replaced(bad: tuple[str, str]) -> None:
    pairs, warnings = repair_pairs(proposed(("7", "0"), bad), PHOTOS, 2)
    assert ids(pairs) == [("7", "0"), ("1", "2")]
    assert pairs[1].group_name == "Pool"
    assert warnings == ["1 proposed pair was dropped: an image is unknown, or used more than once."]


def test_a_dropped_pair_does_not_use_up_its_photos() -> None:
    pairs, _ = repair_pairs(proposed(("1", "1"), ("1", "2")), PHOTOS, 1)
    assert ids(pairs) == [("1", "2")]


def test_surplus_is_cut_without_a_warning() -> None:
    pairs, warnings = repair_pairs(proposed(("0", "1"), ("2", "3"), ("4", "5")), PHOTOS, 2)
    assert ids(pairs) == [("0", "1"), ("2", "3")]
    assert warnings == []


def test_nothing_proposed_is_planned_by_group_and_age() -> None:
    assert ids(repair_pairs([], PHOTOS, 3).pairs) == [("0", "1"), ("4", "5"), ("2", "3")]


@pytest.mark.parametrize("seed", range(50))
def test_any_proposal_becomes_one_that_keeps_the_contract(seed: int) -> None:
    dice = random.Random(seed)
    known = [str(rank) for rank in range(10)]
    wild = proposed(*(tuple(dice.choices(known, k=2)) for _ in range(dice.randrange(12))))  # type: ignore[arg-type]
    photos, num_pairs = PHOTOS[: dice.randrange(2, 9)], dice.randrange(1, 6)
    pairs, _ = repair_pairs(wild, photos, num_pairs)
    used = [used_id for pair in ids(pairs) for used_id in pair]
    assert len(pairs) == min(num_pairs, len(photos) // 2)
    assert len(set(used)) == len(used)
    assert set(used) <= {photo.id for photo in photos}
