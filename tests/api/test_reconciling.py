"""Following runs, against a real Prefect server; no worker takes them, and the reconciler's clock is the test's."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import AwaitingRetry, Cancelling, Completed, Crashed, Pending, Running, Scheduled

from api.runs import reconciling, submitting
from api.runs.reconciling import Reconciler
from api.runs.submitting import WantedRuns
from deployments.registration import register
from models.columns import utc_now
from models.jobs import Job, JobStatus
from models.runs import ImagePairsRequest, JobLease
from storage import job_actions, jobs, leases
from storage.database import get_database
from storage.outbox import MAX_RECOVERIES

pytestmark = pytest.mark.usefixtures("prefect_test_server")


@pytest.fixture(autouse=True)
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's own server, unlike ours, refuses a request now and then when several come at once."""
    monkeypatch.setattr(submitting, "_AT_ONCE", 1)


class Prefect:
    """A server that knows the deployments, a reconciler that looks at it every two seconds of a clock of its own."""

    def __init__(self, client: PrefectClient) -> None:
        self.client, self._now_s = client, 0.0
        self.reconciler = Reconciler(self.clock)

    def clock(self) -> float:
        return self._now_s

    async def send(self) -> None:
        await WantedRuns().send(self.client)

    async def run_of(self, job_id: int) -> FlowRun:
        return await self.client.read_flow_run(UUID(row(job_id).flow_run_id))

    async def settle(self, job_id: int, state: State[Any]) -> FlowRun:
        run = await self.run_of(job_id)
        await self.client.set_flow_run_state(run.id, state, force=True)
        return run

    async def state_of(self, run: FlowRun) -> StateType | None:
        return (await self.client.read_flow_run(run.id)).state_type

    async def pass_time(self, seconds: float, each_round: Callable[[], object] = lambda: None) -> None:
        for _ in range(round(seconds / 2)):
            self._now_s += 2
            each_round()
            await self.reconciler.look(self.client)


@pytest.fixture
def make_jobs(make_campaign: Callable[..., str]) -> Callable[[int], list[int]]:
    campaign_id = make_campaign(2)

    def make(count: int) -> list[int]:
        with get_database().write() as session:
            request = ImagePairsRequest(campaign_id=campaign_id)
            return [jobs.create_image_pairs_job(session, request).id or 0 for _ in range(count)]

    return make


@pytest.fixture
def job_id(make_jobs: Callable[[int], list[int]]) -> int:
    return make_jobs(1)[0]


def row(job_id: int) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, job_id)


def change(job_id: int, **columns: Any) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, job_id)
        for name, value in columns.items():
            setattr(job, name, value)
        session.add(job)


def cancel(job_id: int) -> None:
    with get_database().write() as session:
        job_actions.cancel(session, job_id)


def play(script: Callable[[Prefect], Awaitable[None]]) -> None:
    async def together() -> None:
        async with get_client() as client:
            await register(client)
            prefect = Prefect(client)
            await prefect.send()
            await script(prefect)

    asyncio.run(together())


def take(job_id: int) -> JobLease:
    """Let the job's run hold it."""
    lease = JobLease(job_id=job_id, owner=f"{row(job_id).flow_run_id}/1")
    leases.claim(lease)
    return lease


def test_jobs_that_nobody_holds_get_another_run_when_theirs_cannot_come(
    make_jobs: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "_OPENING_S", 4.0)
    monkeypatch.setattr(reconciling, "_PENDING_S", 8.0)
    states: list[State[Any] | None] = [Crashed(), Completed(), Running(), Pending(), None]
    crashed, completed, running, pending, scheduled = ids = make_jobs(len(states))

    async def script(prefect: Prefect) -> None:
        runs = [await prefect.settle(id, state) for id, state in zip(ids, states, strict=True) if state is not None]
        recovered = lambda: {id for id in ids if row(id).recoveries}  # noqa: E731
        await prefect.pass_time(4)
        assert recovered() == set()
        await prefect.pass_time(4)
        assert recovered() == {crashed, completed}
        await prefect.pass_time(2)
        assert recovered() == {crashed, completed, running}
        await prefect.pass_time(4)
        assert recovered() == {crashed, completed, running, pending}
        assert scheduled not in recovered()
        ended = [await prefect.state_of(run) for run in runs]
        assert ended == [StateType.CRASHED, StateType.COMPLETED, StateType.CRASHED, StateType.CRASHED]
        await prefect.send()
        second = await prefect.run_of(crashed)
        assert second.id != runs[0].id
        assert second.state_type == StateType.SCHEDULED

    play(script)


@pytest.mark.parametrize(("expires_in", "silent_s"), [(timedelta(seconds=-1), 8), (timedelta(hours=1), 20)])
def test_a_run_dies_with_its_lease_whatever_the_clock_does(job_id: int, expires_in: timedelta, silent_s: float) -> None:
    async def script(prefect: Prefect) -> None:
        run = await prefect.settle(job_id, Running())
        lease = take(job_id)
        await prefect.pass_time(24, lambda: leases.renew(lease))
        assert row(job_id).recoveries == 0
        change(job_id, lease_expires_at=utc_now() + expires_in)
        await prefect.pass_time(silent_s)
        assert row(job_id).recoveries == 0
        await prefect.pass_time(2)
        assert (row(job_id).recoveries, row(job_id).lease_owner) == (1, None)
        assert await prefect.state_of(run) == StateType.CRASHED

    play(script)


def test_of_two_reconcilers_one_recovers(job_id: int) -> None:
    """The API runs on two hosts: both see the death, and the job counts one."""

    async def script(prefect: Prefect) -> None:
        await prefect.settle(job_id, Crashed())
        both = prefect.reconciler, Reconciler(prefect.clock)
        await both[1].look(prefect.client)
        for _ in range(3):
            prefect._now_s += 2
            await asyncio.gather(*(reconciler.look(prefect.client) for reconciler in both))
        assert (row(job_id).recoveries, row(job_id).wanted_attempt) == (1, 2)

    play(script)


def test_a_job_that_kills_every_run_fails_at_last(job_id: int) -> None:
    async def script(prefect: Prefect) -> None:
        await prefect.settle(job_id, Crashed(message="its process was killed (signal 9)"))
        change(job_id, recoveries=MAX_RECOVERIES["image-pairs"])
        await prefect.pass_time(8)
        assert row(job_id).status == JobStatus.FAILED
        assert row(job_id).error == (
            "Its run died 4 times; the last time Prefect shows it as Crashed: its process was killed (signal 9)"
        )

    play(script)


def test_a_run_that_prefect_has_forgotten_is_sent_anew(job_id: int) -> None:
    async def script(prefect: Prefect) -> None:
        first = await prefect.run_of(job_id)
        await prefect.client.delete_flow_run(first.id)
        await prefect.pass_time(8)
        await prefect.send()
        assert (await prefect.run_of(job_id)).id != first.id
        assert row(job_id).recoveries == 0

    play(script)


def test_cancelling_the_run_in_prefect_cancels_the_job(job_id: int) -> None:
    async def script(prefect: Prefect) -> None:
        run = await prefect.settle(job_id, Cancelling())
        await prefect.pass_time(8)
        assert row(job_id).status == JobStatus.CANCELLED
        assert await prefect.state_of(run) == StateType.CANCELLED

    play(script)


def test_cancelled_jobs_leave_no_run_behind(make_jobs: Callable[[int], list[int]]) -> None:
    _, begun, ended = ids = make_jobs(3)

    async def script(prefect: Prefect) -> None:
        await prefect.settle(begun, Running())
        await prefect.settle(ended, Completed())
        runs = [await prefect.run_of(id) for id in ids]
        for id in ids:
            cancel(id)
        with get_database().write() as session:
            job_actions.retry(session, begun)  # its old run must end all the same
            job_actions.cancel(session, begun)
        await prefect.pass_time(2)
        states = [await prefect.state_of(run) for run in runs]
        assert states == [StateType.CANCELLED, StateType.RUNNING, StateType.COMPLETED]
        await prefect.pass_time(6)
        assert await prefect.state_of(runs[1]) == StateType.CANCELLED
        assert not await prefect.reconciler.look(prefect.client)  # it asks no more

    play(script)


def test_a_run_that_the_clock_put_off_is_for_now(make_jobs: Callable[[int], list[int]]) -> None:
    put_off, retrying = make_jobs(2)

    async def script(prefect: Prefect) -> None:
        later = utc_now() + timedelta(hours=1)
        await prefect.settle(put_off, Scheduled(scheduled_time=later))
        await prefect.settle(retrying, AwaitingRetry(scheduled_time=later))
        await prefect.pass_time(8)
        starts = [(await prefect.run_of(id)).next_scheduled_start_time for id in (put_off, retrying)]
        assert [start is not None and start <= utc_now() for start in starts] == [True, False]
        assert row(put_off).recoveries == row(retrying).recoveries == 0

    play(script)


def test_a_run_that_could_not_say_how_it_ended_is_ended(make_jobs: Callable[[int], list[int]]) -> None:
    """Prefect was away when it ended, or its process died after its job was done."""
    over, at_work = make_jobs(2)

    async def script(prefect: Prefect) -> None:
        runs = [await prefect.settle(id, Running()) for id in (over, at_work)]
        change(over, status=JobStatus.COMPLETED)
        lease = take(at_work)
        await prefect.pass_time(60, lambda: leases.renew(lease))
        assert await prefect.state_of(runs[0]) == StateType.RUNNING
        await prefect.pass_time(10, lambda: leases.renew(lease))
        assert [await prefect.state_of(run) for run in runs] == [StateType.CRASHED, StateType.RUNNING]

    play(script)


def test_waiting_runs_are_looked_at_together_and_seldom(
    make_jobs: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_jobs(5)
    monkeypatch.setattr(reconciling, "_RUNS_PER_REQUEST", 3)

    async def script(prefect: Prefect) -> None:
        read, asked = prefect.client.read_flow_runs, list[float]()

        async def counting(**query: Any) -> list[FlowRun]:
            asked.append(prefect.clock())
            return await read(**query)

        monkeypatch.setattr(prefect.client, "read_flow_runs", counting)
        await prefect.pass_time(24)
        assert [when for when in asked if when in (6, 16)] == [6, 6, 16, 16]
        assert len(asked) == 4 + 3  # and three looks for what runs left behind

    play(script)
