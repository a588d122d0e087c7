"""How many may use a resource at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlmodel import select

from models.errors import Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from models.slots import ConcurrencySlot
from storage import job_actions, leases
from storage.database import get_database
from storage.slots import give_back, try_take

PLACE = "render:host"


@pytest.fixture
def make_lease(home: Path) -> Callable[[str], JobLease]:
    """Return a function that makes a job held by that owner."""

    def add(owner: str) -> JobLease:
        with get_database().write() as session:
            job = Job(workflow="image-pairs", name=owner, status=JobStatus.RUNNING)
            session.add(job)
            session.flush()
            lease = JobLease(job_id=job.id or 0, owner=owner)
        leases.claim(lease)
        return lease

    return add


def slots() -> list[tuple[str, str]]:
    with get_database().read() as session:
        return [(slot.owner, slot.holder) for slot in session.exec(select(ConcurrencySlot))]


def test_places_are_limited_over_all_jobs(make_lease: Callable[[str], JobLease]) -> None:
    one, two = make_lease("one"), make_lease("two")
    assert [try_take(one, PLACE, "a", 2), try_take(two, PLACE, "b", 2), try_take(two, PLACE, "c", 2)] == [
        True, True, False,
    ]  # fmt: skip
    assert try_take(two, "render:other", "c", 2), "another resource has places of its own"
    give_back(one, PLACE, "a")
    assert try_take(two, PLACE, "c", 2)
    assert not try_take(one, PLACE, "a", 2)
    assert not try_take(one, PLACE, "a", 1), "a limit that was lowered"


def test_taking_twice_is_taking_once(make_lease: Callable[[str], JobLease]) -> None:
    lease = make_lease("one")
    assert [try_take(lease, PLACE, "a", 1), try_take(lease, PLACE, "a", 1)] == [True, True]
    assert slots() == [("one", "a")]
    give_back(lease, PLACE, "a")
    give_back(lease, PLACE, "a")
    assert slots() == []


def lose_lease(lease: JobLease) -> None:
    """As recovery does after kill -9: the job is another run's."""
    with get_database().write() as session:
        job = session.get_one(Job, lease.job_id)
        job.lease_owner = "next run"
        session.add(job)


def cancel(lease: JobLease) -> None:
    with get_database().write() as session:
        job_actions.cancel(session, lease.job_id)


def delete_job(lease: JobLease) -> None:
    with get_database().write() as session:
        session.delete(session.get_one(Job, lease.job_id))


@pytest.mark.parametrize("end", [lose_lease, cancel, delete_job, leases.release])
def test_what_a_dead_run_held_is_free(make_lease: Callable[[str], JobLease], end: Callable[[JobLease], None]) -> None:
    dead, alive = make_lease("dead"), make_lease("alive")
    assert try_take(dead, PLACE, "a", 1)
    assert not try_take(alive, PLACE, "b", 1)
    end(dead)
    assert try_take(alive, PLACE, "b", 1)
    assert slots() == [("alive", "b")]
    with pytest.raises(Superseded):
        try_take(dead, PLACE, "a", 1)
    with pytest.raises(Superseded):
        try_take(dead, PLACE, "a", 2)


def test_releasing_frees_only_what_the_owner_held(make_lease: Callable[[str], JobLease]) -> None:
    one, two = make_lease("one"), make_lease("two")
    for lease, holder in ((one, "a"), (one, "b"), (two, "c")):
        assert try_take(lease, PLACE, holder, 3)
    leases.release(one)
    assert slots() == [("two", "c")]


def test_who_waits_writes_nothing(make_lease: Callable[[str], JobLease]) -> None:
    one, two = make_lease("one"), make_lease("two")
    assert try_take(one, PLACE, "a", 1)
    statements: list[str] = []
    engine = get_database().engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement))
    assert not try_take(two, PLACE, "b", 1)
    assert statements
    assert {statement.split()[0] for statement in statements} <= {"BEGIN", "SELECT"}
    assert not any("IMMEDIATE" in statement for statement in statements)


def test_a_place_that_another_took_meanwhile_is_not_shared(
    make_lease: Callable[[str], JobLease], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and writing the last place went: the transaction that writes decides."""
    one, two = make_lease("one"), make_lease("two")
    monkeypatch.setattr("storage.slots._seems_free", lambda *_: True)
    assert [try_take(one, PLACE, "a", 1), try_take(two, PLACE, "b", 1)] == [True, False]


def test_the_database_itself_refuses_a_place_twice(make_lease: Callable[[str], JobLease]) -> None:
    """PostgreSQL lets two transactions count at once; then the second insert is refused and its run goes on waiting."""
    one, two = make_lease("one"), make_lease("two")
    with get_database().write() as session:
        session.execute(
            text(
                "CREATE TRIGGER rival BEFORE INSERT ON concurrency_slots WHEN NEW.owner = 'two' BEGIN "
                f"INSERT INTO concurrency_slots VALUES ('{PLACE}', 0, {one.job_id}, 'one', 'a', '2026-01-01'); END"
            )
        )
    assert not try_take(two, PLACE, "b", 1)


def test_twenty_threads_never_exceed_two(make_lease: Callable[[str], JobLease]) -> None:
    held = [make_lease(f"run {number}") for number in range(4)]
    inside, most, done = 0, 0, 0
    counting = threading.Lock()
    stop = threading.Event()

    def work(number: int) -> None:
        nonlocal inside, most, done
        lease, holder = held[number % 4], f"scene {number}"
        while not try_take(lease, PLACE, holder, 2):
            stop.wait(0.01)
        with counting:
            inside += 1
            most = max(most, inside)
        stop.wait(0.02)
        with counting:
            inside -= 1
            done += 1
        give_back(lease, PLACE, holder)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    assert (most, done, slots()) == (2, 20, [])
