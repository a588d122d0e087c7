"""Submitting runs, against a real Prefect server; no worker takes them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from api.runs import Submitter, prefect_client, running_submitter, submitting, worker_is_alive, workers
from api.runs.submitting import WantedRuns
from deployments.catalog import WORK_POOL, WORKFLOWS
from deployments.registration import register
from models.columns import utc_now
from models.jobs import Job, JobStatus
from models.runs import ImagePairsRequest
from storage import jobs
from storage.database import get_database

pytestmark = pytest.mark.usefixtures("prefect_test_server")


@pytest.fixture
def job_id(make_campaign: Callable[..., str]) -> int:
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=make_campaign(2)))
        assert job.id is not None
        return job.id


def row(job_id: int) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, job_id)


def change(job_id: int, **columns: Any) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, job_id)
        for name, value in columns.items():
            setattr(job, name, value)
        session.add(job)


def with_server(script: Callable[[PrefectClient], Awaitable[None]]) -> None:
    """Run ``script`` on a server that knows the deployments."""

    async def together() -> None:
        async with get_client() as client:
            await register(client)
            await script(client)

    asyncio.run(together())


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not there():
            await asyncio.sleep(0.05)


async def runs_of(client: PrefectClient, job: Job) -> list[FlowRun]:
    found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(tags={"all_": [f"campaign:{job.campaign_id}"]}))
    return sorted(found, key=lambda run: run.created or utc_now())


def test_a_wanted_attempt_is_sent_once(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        async with running_submitter() as submitter:
            submitter.wake()
            await until(lambda: row(job_id).submitted_attempt == 1)
            assert submitter.reachable
        (run,) = await runs_of(client, row(job_id))
        assert run.name == "image-pairs · Villa Rosa 1"
        assert f"job:{job_id}" in run.tags
        assert run.parameters == {"request": {"job_id": job_id}}
        assert run.work_queue_name == "interactive"
        assert row(job_id).flow_run_id == str(run.id)
        # The answer was lost: the same attempt is sent again, and is the same run.
        change(job_id, submitted_attempt=0)
        assert await WantedRuns().send(client)
        assert row(job_id).submitted_attempt == 1
        assert len(await runs_of(client, row(job_id))) == 1
        change(job_id, wanted_attempt=2, plan_version=1, status=JobStatus.APPROVED)
        await asyncio.gather(WantedRuns().send(client), WantedRuns().send(client))  # as two API processes would
        assert row(job_id).submitted_attempt == 2
        assert [run.work_queue_name for run in await runs_of(client, row(job_id))] == ["interactive", "batch"]

    with_server(script)


def test_sending_a_run_is_one_request(job_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(client: PrefectClient) -> None:
        sender = WantedRuns()
        await sender.send(client)
        change(job_id, wanted_attempt=2)
        asked, request = list[str](), client.request

        async def counting(method: str, path: str, **rest: Any) -> httpx.Response:
            asked.append(path)
            return await request(method, path, **rest)

        monkeypatch.setattr(client, "request", counting)
        assert await sender.send(client)
        assert not await sender.send(client)
        assert len(asked) == 1

    with_server(script)


def test_a_deployment_that_was_made_anew_is_found(job_id: int) -> None:
    async def script(client: PrefectClient) -> None:
        sender = WantedRuns()
        await sender.send(client)
        deployment = await client.read_deployment_by_name(WORKFLOWS["image-pairs"].deployment)
        await client.delete_deployment(deployment.id)
        change(job_id, wanted_attempt=2)
        for _ in range(2):  # its id is no longer known, nor its name
            with pytest.raises((PrefectHTTPStatusError, prefect_client.FAULTS[1])):
                await sender.send(client)
        await register(client)
        assert await sender.send(client)
        assert row(job_id).submitted_attempt == 2

    with_server(script)


def refusal(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("POST", "http://prefect/")
    return PrefectHTTPStatusError("no", request=request, response=httpx.Response(status, request=request))


@pytest.mark.parametrize(("status", "asked"), [(422, 1), (500, 2)])
def test_a_run_that_is_refused_does_not_hold_up_others(
    job_id: int, make_campaign: Callable[..., str], monkeypatch: pytest.MonkeyPatch, status: int, asked: int
) -> None:
    with get_database().write() as session:
        other = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=make_campaign(2, seed=1))).id
    assert other is not None
    submit, refused = submitting.submit, []

    async def refuse_the_first(client: PrefectClient, job: Job, deployment: UUID) -> None:
        if job.id == job_id:
            refused.append(job.id)
            raise refusal(status)
        await submit(client, job, deployment)

    async def script(client: PrefectClient) -> None:
        sender = WantedRuns()
        for _ in range(2):
            try:
                await sender.send(client)
            except PrefectHTTPStatusError:
                assert status == 500
            else:
                assert status == 422

    monkeypatch.setattr(submitting, "submit", refuse_the_first)
    with_server(script)
    assert row(other).submitted_attempt == 1
    assert row(job_id).submitted_attempt == 0
    assert len(refused) == asked


def test_many_runs_are_sent_eight_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, sent = 0, 0, list[str]()

    async def submit(client: PrefectClient, job: Job, deployment: UUID) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        sent.append(job.name)

    async def script(client: PrefectClient) -> None:
        await WantedRuns().send(client)

    many = [Job(workflow="image-pairs", name=str(number)) for number in range(20)]
    monkeypatch.setattr(submitting, "submit", submit)
    monkeypatch.setattr(submitting, "_wanted", lambda limit: many)
    with_server(script)
    assert most == 8
    assert set(sent) == {job.name for job in many}


def test_jobs_wait_while_prefect_is_away(job_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script() -> None:
        submitter = Submitter()
        with monkeypatch.context() as away:
            away.setattr(prefect_client, "get_client", Unreachable)
            task = asyncio.create_task(submitter.run())
            await until(lambda: not submitter.reachable)
            assert not await worker_is_alive()
            assert row(job_id).submitted_attempt == 0
        await until(lambda: submitter.reachable)
        assert row(job_id).submitted_attempt == 1
        task.cancel()

    asyncio.run(script())


def test_a_server_that_goes_away_is_noticed_at_once() -> None:
    """Prefect's client would try for a minute, and be asleep when the server is back."""

    async def script() -> None:
        async with asyncio.timeout(2), prefect_client.prefect_client() as client:
            await client.hello()
            client._client.base_url = httpx.URL("http://127.0.0.1:9/api")
            with pytest.raises(httpx.ConnectError):
                await client.hello()

    asyncio.run(script())


class Unreachable:
    def __init__(self, **_: object) -> None: ...

    async def __aenter__(self) -> None:
        raise httpx.ConnectError("nobody there")

    async def __aexit__(self, *_: object) -> None: ...


def test_a_worker_is_alive_while_its_heartbeat_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(client: PrefectClient) -> None:
        assert not await worker_is_alive()
        await client.send_worker_heartbeat(WORK_POOL, f"worker {uuid4()}")
        for passed_s, alive in ((0, True), (120, False), (-3600, True), (-86400, False)):
            monkeypatch.setattr(workers, "utc_now", lambda passed_s=passed_s: utc_now() + timedelta(seconds=passed_s))
            assert await worker_is_alive() is alive, passed_s
        monkeypatch.undo()
        (worker,) = await client.read_workers_for_work_pool(WORK_POOL)
        await client._client.delete(f"/work_pools/{WORK_POOL}/workers/{worker.name}")

    with_server(script)
