"""Locks on the data directory, held by an open file for as long as its process lives: no stale lock can remain."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UP_LOCK = "up.lock"
"""In the data directory: held by the `atelier up` that uses it, its note the addresses."""

SERVER_LOCK = "server.lock"
"""In Prefect's home: held by the Prefect server that uses it, its note the server's address if others may use it."""


class Taken(Exception):
    """Another process holds the lock; ``note`` is what it wrote into it."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note = note


@contextmanager
def held(path: Path, note: str = "") -> Iterator[None]:
    """Hold the lock while the block runs, with a note for others to read. Raises Taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            file.seek(0)
            raise Taken(file.read().strip()) from exc
        file.truncate(0)
        file.write(note)
        file.flush()
        yield


def holder_note(path: Path) -> str | None:
    """Return what the lock's holder wrote into it; None when nobody holds it."""
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip()
    return None
