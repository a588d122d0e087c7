"""Waiting for a place where only a few may work at once."""

import hashlib
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
from settings import get_settings
from storage import jobs, leases, slots
from storage.database import get_database
from storage.progress import waiting_scenes

_LOOK_INTERVAL_S = 0.1
_WAIT_LOOK_S = 0.25
_NO_LIMIT = 1_000_000


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


def engine_slot(
    engine: VideoEngine, lease: JobLease, holder: str, *, goes_on: bool = False
) -> AbstractContextManager[None]:
    """Return the slot in which the engine may render a clip.

    On one host as many clips are rendered at once as it has cores: OpenCV and the encoder use all of them for each. At
    a vendor the settings say how many at once with one key; a prediction that ``goes_on`` there is counted, and does
    not wait.
    """
    match engine:
        case "local":
            return slot(lease, f"render:{socket.gethostname()}", holder, os.cpu_count() or 1)
        case "replicate":
            settings = get_settings()
            key = settings.replicate_api_key.get_secret_value() if settings.replicate_api_key else ""
            resource = f"replicate:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
            if goes_on:
                return _counted(lease, resource, holder)
            return slot(lease, resource, holder, settings.replicate_max_concurrency)
        case _:
            assert_never(engine)


def start_turn(lease: JobLease, scene_id: str) -> None:
    """Wait until this scene of the run may start at a vendor: the scenes of a run start one after another.

    Raises Superseded when the work must stop.
    """
    started, order = _start(lease)
    place = order.index(scene_id) if scene_id in order else 0
    start = started + place * get_settings().replicate_start_delay_ms / 1000
    while (left_s := start - time.monotonic()) > 0:
        leases.check(lease)
        time.sleep(min(left_s, _WAIT_LOOK_S))


@contextmanager
def _counted(lease: JobLease, resource: str, holder: str) -> Iterator[None]:
    slots.try_take(lease, resource, holder, _NO_LIMIT)
    try:
        yield
    finally:
        slots.give_back(lease, resource, holder)


@lru_cache(maxsize=32)
def _start(lease: JobLease) -> tuple[float, list[str]]:
    """Return when the run first started something at a vendor, on the monotonic clock, and what it has to render."""
    with get_database().read() as session:
        scenes = waiting_scenes(session, jobs.get_job(session, lease.job_id))
    return time.monotonic(), [scene.id for scene in scenes]


@lru_cache(maxsize=32)
def _turn(_owner: str, _resource: str) -> threading.Lock:
    """Of a run's scenes that wait for the same, one looks at a time: twenty that look would keep a core busy."""
    return threading.Lock()
