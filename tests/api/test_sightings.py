"""Judging by one's own clock whether something moves."""

from api.runs.sightings import Sightings


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_time_adds_up_while_nothing_changes() -> None:
    sightings = Sightings[int](clock := Clock())
    assert sightings.look({1: "a"}) == {1: 0.0}
    clock.now_s += 2
    assert sightings.look({1: "a", 2: "x"}) == {1: 2.0, 2: 0.0}
    clock.now_s += 3
    assert sightings.look({1: "a", 2: "y"}) == {1: 5.0, 2: 0.0}


def test_what_was_out_of_sight_begins_anew() -> None:
    sightings = Sightings[int](clock := Clock())
    sightings.look({1: "a"})
    clock.now_s += 2
    sightings.look({})
    clock.now_s += 2
    assert sightings.look({1: "a"}) == {1: 0.0}


def test_a_long_pause_counts_as_a_short_one() -> None:
    """A machine that slept must not bury its runs before they could show a sign of life."""
    sightings = Sightings[int](clock := Clock(), longest_gap_s=4.0)
    sightings.look({1: "a"})
    clock.now_s += 3600
    assert sightings.look({1: "a"}) == {1: 4.0}
