"""When to try again at the vendor, and how long to wait: the one layer of retries (video-v3 §19.3)."""

import random
import time
from collections import Counter

from models.errors import VendorFailed
from providers.video.base import PaidCall
from providers.video.replicate.client import Passing, Trouble

WAITS_S = (5.0, 15.0, 45.0)
"""Before the second, third and each further try."""

_MOST_TRIES: dict[Trouble, int] = {"throttled": 5, "unreachable": 3, "broken": 3, "lost": 2}
_JITTER = 0.25
_LOOK_S = 0.25


class Patience:
    """What is left of it for one step. Waiting looks at the call's account, so it ends when the work must stop."""

    def __init__(self, call: PaidCall) -> None:
        self._call = call
        self._tries: Counter[Trouble] = Counter()

    def after(self, trouble: Passing) -> None:
        """Wait before the next try. Raises VendorFailed when there shall be none."""
        self._tries[trouble.kind] += 1
        tries = self._tries[trouble.kind]
        if tries >= _MOST_TRIES[trouble.kind]:
            raise VendorFailed(f"{trouble}, tried {tries} times; try again later") from trouble
        self.wait(jittered(tries) if trouble.retry_after_s is None else trouble.retry_after_s)

    def wait(self, seconds: float, *, wakes: bool = False) -> None:
        """Wait, or until the vendor sends word if that ``wakes``. Raises Superseded when the work must stop."""
        end = time.monotonic() + seconds
        while True:
            if self._call.look() and wakes:
                return
            left_s = end - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(left_s, _LOOK_S))


def jittered(tries: int) -> float:
    """Return the wait after so many tries, in seconds, a little longer each time so that not all come back at once."""
    return WAITS_S[min(tries, len(WAITS_S)) - 1] * (1 + _JITTER * random.random())
