"""Waiting for a place at an engine."""

import os
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlmodel import select

from models.errors import Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from models.slots import ConcurrencySlot
from storage import job_actions, leases
from storage.database import get_database
from storage.slots import give_back, try_take
from tasks.slots import engine_slot, slot


@pytest.fixture
def lease(home: Path) -> JobLease:
    """A job at work."""
    with get_database().write() as session:
        job = Job(workflow="image-pairs", name="film", status=JobStatus.RUNNING)
        session.add(job)
        session.flush()
        held = JobLease(job_id=job.id or 0, owner="run")
    leases.claim(held)
    return held


def held() -> list[ConcurrencySlot]:
    with get_database().read() as session:
        return list(session.exec(select(ConcurrencySlot)))


def test_a_place_is_given_back_whatever_happens(lease: JobLease) -> None:
    with pytest.raises(KeyboardInterrupt), engine_slot("local", lease, "scene"):
        (row,) = held()
        assert (row.resource, row.holder) == (f"render:{socket.gethostname()}", "scene")
        raise KeyboardInterrupt
    assert held() == []


class Waits(Exception):
    """There was no place."""


def test_local_rendering_has_as_many_places_as_cores(lease: JobLease, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(_seconds: float) -> None:
        raise Waits

    monkeypatch.setattr("tasks.slots.time", SimpleNamespace(sleep=wait))
    with ExitStack() as stack:
        for number in range(os.cpu_count() or 1):
            stack.enter_context(engine_slot("local", lease, f"scene {number}"))
        with pytest.raises(Waits), engine_slot("local", lease, "one too many"):
            pytest.fail("more clips at once than cores")


@pytest.fixture
def waiting(lease: JobLease, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when somebody has looked for a place and found none."""
    looked = threading.Event()

    def look(*args: object) -> bool:
        took = try_take(*args)
        if not took:
            looked.set()
        return took

    monkeypatch.setattr("tasks.slots.slots.try_take", look)
    return looked


def test_who_waits_goes_on_when_a_place_is_free(lease: JobLease, waiting: threading.Event) -> None:
    assert try_take(lease, "place", "first", 1)
    holders: list[str] = []

    def work() -> None:
        with slot(lease, "place", "second", 1):
            holders.extend(row.holder for row in held())

    thread = threading.Thread(target=work)
    thread.start()
    assert waiting.wait(30)
    give_back(lease, "place", "first")
    thread.join()
    assert holders == ["second"]


def test_who_waits_stops_when_the_job_is_cancelled(lease: JobLease, waiting: threading.Event) -> None:
    assert try_take(lease, "place", "first", 1)
    ended: list[Exception] = []

    def work() -> None:
        try:
            with slot(lease, "place", "second", 1):
                pytest.fail("there was no place")
        except Superseded as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert waiting.wait(30)
    with get_database().write() as session:
        job_actions.cancel(session, lease.job_id)
    thread.join(30)
    assert len(ended) == 1
