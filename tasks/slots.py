"""Waiting for a place where only a few may work at once."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import assert_never

from models.providers import VideoEngine
from models.runs import JobLease
from storage import slots

_LOOK_INTERVAL_S = 0.1


@contextmanager
def slot(lease: JobLease, resource: str, holder: str, limit: int) -> Iterator[None]:
    """Hold one of ``limit`` places at a resource while the block runs, waiting for it as long as it takes.

    Raises Superseded while it waits when the job is cancelled or another run has taken over.
    """
    with _turn(lease.owner, resource):
        while not slots.try_take(lease, resource, holder, limit):
            time.sleep(_LOOK_INTERVAL_S)
    try:
        yield
    finally:
        slots.give_back(lease, resource, holder)


def engine_slot(engine: VideoEngine, lease: JobLease, holder: str) -> AbstractContextManager[None]:
    """Return the slot in which the engine may render a clip.

    On one host as many clips are rendered at once as it has cores: OpenCV and the encoder use all of them for each.
    """
    match engine:
        case "local":
            return slot(lease, f"render:{socket.gethostname()}", holder, os.cpu_count() or 1)
        case _:
            assert_never(engine)


@lru_cache(maxsize=32)
def _turn(_owner: str, _resource: str) -> threading.Lock:
    """Of a run's scenes that wait for the same, one looks at a time: twenty that look would keep a core busy."""
    return threading.Lock()
