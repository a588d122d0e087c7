from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import pytest

from media.film import Timeline


def packet(pts: int, dts: int, *, hidden: bool = False) -> Any:
    return SimpleNamespace(pts=pts, dts=dts, duration=10, is_discard=hidden)


def timeline(*packets: Any) -> Timeline:
    line = Timeline(cast(Any, SimpleNamespace(time_base=Fraction(1, 100))))
    for each in packets:
        line.add(each)
    return line


def test_frames_out_of_order_are_counted_as_shown() -> None:
    line = timeline(packet(0, -10), packet(20, 0), packet(10, 10))
    assert (line.frames, line.duration_s, line.steady, line.ordered, line.trimmed) == (3, 0.3, True, True, False)


@pytest.mark.parametrize("second", [0, -5])
def test_decoding_times_that_stand_still_or_fall_are_noticed(second: int) -> None:
    assert not timeline(packet(0, 0), packet(10, second)).ordered


def test_uneven_and_hidden_frames_are_noticed() -> None:
    assert not timeline(packet(0, 0), packet(10, 10), packet(25, 20)).steady
    hidden = timeline(packet(-10, -10, hidden=True), packet(0, 0))
    assert (hidden.trimmed, hidden.frames) == (True, 1)


def test_nothing_has_no_length() -> None:
    assert timeline().duration_s == 0
