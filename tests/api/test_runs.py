"""Submitting runs and recovering lost ones, against a real Prefect server; no worker takes them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelling, Completed, Crashed, Pending, Running

import api.runs
from api.runs import Submitter, running_submitter, worker_is_alive
from deployments.registration import register
from models.columns import utc_now
from models.jobs import Job, JobStatus
from models.runs import ImagePairsRequest, JobLease
from storage import jobs, leases
from storage.database import get_database
from storage.outbox import MAX_RECOVERIES

pytestmark = pytest.mark.usefixtures("prefect_test_server")
AGES = timedelta(seconds=3600)


@pytest.fixture
def job_id(make_campaign: Callable[..., str]) -> int:
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=make_campaign(2)))
        assert job.id is not None
        return job.id


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_OPENING_S", "_PENDING_S"):
        monkeypatch.setattr(api.runs, name, 0.0)
    monkeypatch.setattr(api.runs, "_RECOVERY_INTERVAL_S", 0.2)


def row(job_id: int) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, job_id)


def change(job_id: int, **columns: Any) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, job_id)
        for name, value in columns.items():
            setattr(job, name, value)
        session.add(job)


def with_submitter(script: Callable[[PrefectClient], Awaitable[None]]) -> None:
    """Run ``script`` beside a running submitter, on a server that knows the deployments."""

    async def together() -> None:
        async with get_client() as client:
            await register(client)
            async with running_submitter() as submitter:
                submitter.wake()
                await script(client)
                assert submitter.reachable

    asyncio.run(together())


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not there():
            await asyncio.sleep(0.05)


async def runs_of(client: PrefectClient, job: Job) -> list[FlowRun]:
    found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(tags={"all_": [f"campaign:{job.campaign_id}"]}))
    return sorted(found, key=lambda run: run.created or utc_now())


async def settle(client: PrefectClient, run: FlowRun, state: State[Any]) -> None:
    await client.set_flow_run_state(run.id, state, force=True)


def test_a_wanted_attempt_is_sent_once(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        await until(lambda: row(job_id).submitted_attempt == 1)
        (run,) = await runs_of(client, row(job_id))
        assert run.name == "image-pairs · Villa Rosa 1"
        assert f"job:{job_id}" in run.tags
        assert run.parameters == {"request": {"job_id": job_id}}
        assert run.work_queue_name == "interactive"
        assert row(job_id).flow_run_id == str(run.id)
        # The answer was lost: the same attempt is sent again, and is the same run.
        change(job_id, submitted_attempt=0)
        await until(lambda: row(job_id).submitted_attempt == 1)
        assert len(await runs_of(client, row(job_id))) == 1
        change(job_id, wanted_attempt=2, plan_version=1, status=JobStatus.APPROVED)
        await until(lambda: row(job_id).submitted_attempt == 2)
        assert [run.work_queue_name for run in await runs_of(client, row(job_id))] == ["interactive", "batch"]

    with_submitter(script)


@pytest.mark.parametrize(
    ("state", "recovered"),
    [(Crashed(), True), (Completed(), True), (Running(), True), (Pending(), True), (None, False)],
)
def test_a_run_that_died_without_a_word_is_replaced(job_id: int, state: State[Any] | None, recovered: bool) -> None:
    async def script(client: PrefectClient) -> None:
        await until(lambda: row(job_id).submitted_attempt == 1)
        (run,) = await runs_of(client, row(job_id))
        if state is not None:
            await settle(client, run, state)
        change(job_id, updated_at=utc_now() - AGES)
        if not recovered:  # it is still scheduled: no worker has taken it yet
            await asyncio.sleep(1)
            assert row(job_id).wanted_attempt == 1
            return
        await until(lambda: row(job_id).submitted_attempt == 2)
        assert row(job_id).recoveries == 1
        first, second = await runs_of(client, row(job_id))
        assert second.state is not None
        assert second.state.is_scheduled()
        assert first.state is not None
        assert first.state.is_final()

    with_submitter(script)


def test_a_job_that_is_held_is_left_alone(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        await until(lambda: row(job_id).submitted_attempt == 1)
        (run,) = await runs_of(client, row(job_id))
        await settle(client, run, Running())
        leases.claim(JobLease(job_id=job_id, owner="a run"))
        change(job_id, updated_at=utc_now() - AGES)
        await asyncio.sleep(1)
        assert row(job_id).recoveries == 0

    with_submitter(script)


def test_a_job_that_kills_every_run_fails_at_last(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        await until(lambda: row(job_id).submitted_attempt == 1)
        (run,) = await runs_of(client, row(job_id))
        await settle(client, run, Crashed())
        change(job_id, updated_at=utc_now() - AGES, recoveries=MAX_RECOVERIES)
        await until(lambda: row(job_id).status == JobStatus.FAILED)
        assert "died 4 times" in (row(job_id).error or "")
        assert row(job_id).lease_owner is None

    with_submitter(script)


def test_cancelling_the_run_in_prefect_cancels_the_job(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        await until(lambda: row(job_id).submitted_attempt == 1)
        (run,) = await runs_of(client, row(job_id))
        await settle(client, run, Cancelling())
        change(job_id, updated_at=utc_now() - AGES)
        await until(lambda: row(job_id).status == JobStatus.CANCELLED)

    with_submitter(script)


@pytest.mark.parametrize(("status", "asked"), [(422, 1), (500, 2)])
def test_a_run_that_is_refused_does_not_hold_up_others(
    job_id: int, make_campaign: Callable[..., str], monkeypatch: pytest.MonkeyPatch, status: int, asked: int
) -> None:
    with get_database().write() as session:
        other = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=make_campaign(2, seed=1))).id
    assert other is not None
    submit, refused = api.runs._submit, []

    async def refuse_the_first(client: PrefectClient, job: Job) -> None:
        if job.id == job_id:
            refused.append(job.id)
            request = httpx.Request("POST", "http://prefect/")
            raise PrefectHTTPStatusError("no", request=request, response=httpx.Response(status, request=request))
        await submit(client, job)

    async def script() -> None:
        async with get_client() as client:
            await register(client)
        async with running_submitter():
            await until(lambda: row(other).submitted_attempt == 1)
            await asyncio.sleep(2)

    monkeypatch.setattr(api.runs, "_submit", refuse_the_first)
    asyncio.run(script())
    assert row(job_id).submitted_attempt == 0
    assert len(refused) >= asked
    assert asked > 1 or len(refused) == 1


def test_jobs_wait_while_prefect_is_away(job_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script() -> None:
        submitter = Submitter()
        with monkeypatch.context() as away:
            away.setattr(api.runs, "get_client", Unreachable)
            task = asyncio.create_task(submitter.run())
            await until(lambda: not submitter.reachable)
            assert not await worker_is_alive()
            assert row(job_id).submitted_attempt == 0
        await until(lambda: submitter.reachable)
        assert row(job_id).submitted_attempt == 1
        task.cancel()

    asyncio.run(script())


class Unreachable:
    async def __aenter__(self) -> None:
        raise httpx.ConnectError("nobody there")

    async def __aexit__(self, *_: object) -> None: ...


def test_without_a_worker_none_is_alive() -> None:
    assert asyncio.run(worker_is_alive()) is False
