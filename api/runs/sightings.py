"""Judging from outside whether something moves, without any clock that people can set."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Sightings(Generic[Key]):
    """For how long things have looked the same, in seconds of this process's monotonic clock.

    A pause between two looks counts for ``longest_gap_s`` at most: what stopped the observer (a suspended machine, a
    starved processor) stopped those who are watched, too, and they get the time to show a sign of life.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, longest_gap_s: float = 4.0) -> None:
        self._clock, self._longest_gap_s = clock, longest_gap_s
        self._looked_at = clock()
        self._seen: dict[Key, tuple[Hashable, float]] = {}

    def look(self, seen: Mapping[Key, Hashable]) -> dict[Key, float]:
        """Note how things look now; return for how long each has looked so, 0 at first sight.

        What is not among ``seen`` is forgotten.
        """
        now = self._clock()
        passed_s = min(now - self._looked_at, self._longest_gap_s)
        self._looked_at = now
        before, self._seen = self._seen, {}
        for key, value in seen.items():
            same = key in before and before[key][0] == value
            self._seen[key] = (value, before[key][1] + passed_s if same else 0.0)
        return {key: unchanged_s for key, (_, unchanged_s) in self._seen.items()}
