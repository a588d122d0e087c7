"""Slowing down who tries passwords: the more a name or an address has failed, the longer its next attempt waits.

An attempt counts as failed from its beginning, so that many at once are not faster than one after the other. Waiting
costs a timer and no thread; who would wait too long is refused at once. The counts are of one process, and forgotten
after a quarter of an hour without an attempt.
"""

import time
from asyncio import Semaphore, sleep, to_thread
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI

from api.auth.login_form import Credentials
from models.users import User
from storage.users import user_with_password

FREE_FAILURES = 4  # somebody who mistypes is not to notice
LONGEST_DELAY_S, LONGEST_WAIT_S = 4.0, 10.0
FORGOTTEN_AFTER_S = 900.0
MOST_ENTRIES = 10_000
_HASHED_AT_ONCE = 2  # each takes memory and a core


class TooManyFailures(Exception):
    """There have been so many failures that this attempt is not even made; ``wait_s`` says when to come back."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


@dataclass
class _Record:
    failures: int = 0
    ready_at: float = 0.0
    seen_at: float = 0.0


class Failures:
    """What is known of names and addresses that have failed; the oldest are dropped when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def begin(self, keys: Sequence[str]) -> float:
        """Return how many seconds an attempt has to wait, and count it as failed. Raises TooManyFailures."""
        now = self._clock()
        records = [self._record(key, now) for key in keys]
        ready_at = max(now, *(record.ready_at for record in records))
        if ready_at - now > LONGEST_WAIT_S:
            raise TooManyFailures(ready_at - now)
        for record in records:
            record.failures, record.seen_at = record.failures + 1, now
            record.ready_at = ready_at + _delay_s(record.failures)
        return ready_at - now

    def succeeded(self, name: str, address: str) -> None:
        """Forget a name's failures. The address only gets its last count back: others may be trying from there."""
        self._records.pop(name, None)
        record = self._records.get(address)
        if record is not None:
            record.failures -= 1
            record.ready_at = min(record.ready_at, self._clock() + _delay_s(record.failures))

    def _record(self, key: str, now: float) -> _Record:
        record = self._records.get(key)
        if record is None or now - record.seen_at > FORGOTTEN_AFTER_S:
            record = self._records[key] = _Record(seen_at=now)
        self._records.move_to_end(key)
        while len(self._records) > MOST_ENTRIES:
            self._records.popitem(last=False)
        return record


class LoginGate:
    """The one way to a user by a password, for all forms of one application."""

    def __init__(self) -> None:
        self._failures = Failures()
        self._hashing = Semaphore(_HASHED_AT_ONCE)

    async def sign_in(self, attempts: Sequence[Credentials], address: str) -> User | None:
        """Return the user whom one of the attempts fits, or None. Raises TooManyFailures."""
        name, address = f"name {attempts[0].username}", f"address {address}"
        await sleep(self._failures.begin((name, address)))
        for credentials in attempts:
            async with self._hashing:
                user = await to_thread(user_with_password, *credentials)
            if user is not None:
                self._failures.succeeded(name, address)
                return user
        return None


def login_gate(app: FastAPI) -> LoginGate:
    """Return the application's gate."""
    if not hasattr(app.state, "login_gate"):
        app.state.login_gate = LoginGate()
    gate: LoginGate = app.state.login_gate
    return gate


def _delay_s(failures: int) -> float:
    """Return how long the attempt after so many failures waits: at first not at all, then twice as long each time."""
    return 0.0 if failures < FREE_FAILURES else min(LONGEST_DELAY_S, 0.5 * 2 ** min(failures - FREE_FAILURES, 10))
