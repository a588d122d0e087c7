"""How long whoever fails has to wait, by a clock that the test turns."""

import pytest

from api.auth import slowing
from api.auth.slowing import Failures, TooManyFailures


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures(clock: Clock) -> Failures:
    return Failures(clock)


def attempt(failures: Failures, clock: Clock, *keys: str) -> float:
    """Make an attempt after its wait; return the wait."""
    waited = failures.begin(keys)
    clock.now += waited
    return waited


def test_waits_grow_to_a_limit(failures: Failures, clock: Clock) -> None:
    waits = [attempt(failures, clock, "name rosa", "address a") for _ in range(10)]
    assert waits == [0, 0, 0, 0, 0.5, 1, 2, 4, 4, 4]


def test_many_at_once_are_not_faster(failures: Failures) -> None:
    waits = []
    with pytest.raises(TooManyFailures) as refused:
        for _ in range(100):
            waits.append(failures.begin(("name rosa", "address a")))
    assert waits == [0, 0, 0, 0, 0.5, 1.5, 3.5, 7.5]
    assert refused.value.wait_s == 11.5


def test_names_and_addresses_count_each_for_itself(failures: Failures, clock: Clock) -> None:
    for number in range(6):
        attempt(failures, clock, "name rosa", f"address {number}")
    assert failures.begin(("name rosa", "address new")) > 0, "one name from many addresses"
    assert failures.begin(("name bruno", "address 1")) == 0
    for number in range(6):
        attempt(failures, clock, f"name {number}", "address a")
    assert failures.begin(("name new", "address a")) > 0, "many names from one address"


def test_success_forgets_the_name_but_not_the_address(failures: Failures, clock: Clock) -> None:
    for _ in range(4):
        attempt(failures, clock, "name rosa", "address a")
    failures.begin(("name mine", "address a"))
    failures.succeeded("name mine", "address a")
    clock.now += 0.5
    assert failures.begin(("name mine", "address b")) == 0
    waits = [attempt(failures, clock, "name rosa", "address a") for _ in range(2)]
    assert waits == [0, 1], "an account of one's own does not make guessing others faster"


def test_time_forgets(failures: Failures, clock: Clock) -> None:
    for _ in range(8):
        attempt(failures, clock, "name rosa", "address a")
    clock.now += slowing.FORGOTTEN_AFTER_S + 1
    assert [attempt(failures, clock, "name rosa", "address a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_memory_is_bounded(failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowing, "MOST_ENTRIES", 10)
    for number in range(100):
        failures.begin((f"name {number}", "address a" if number < 3 else f"address {number}"))
    assert len(failures._records) == 10
