"""Submitting flow runs: the only place of the API that knows Prefect.

The row is the outbox. A request commits the job's row and answers; the submitter sends the run, with an idempotency key
made of the job and the attempt, so that sending it twice makes one run. While Prefect is down jobs wait in their rows.
A job whose run has died without a word is given another one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelled, Crashed
from sqlalchemy.exc import SQLAlchemyError

from deployments.catalog import WORK_POOL, WORKFLOWS, Queue
from models.columns import utc_now
from models.errors import Conflict
from models.jobs import Job
from storage import job_actions, outbox
from storage.database import get_database

_LOOK_INTERVAL_S = 0.5
_RETRY_INTERVAL_S = 1.0
_RECOVERY_INTERVAL_S = 5.0
_SILENCE_S = 3.0  # how long nobody may hold a job that is at work, before its run is looked at
_OPENING_S = 20.0  # a run holds its job within seconds of its first state
_PENDING_S = 120.0  # a worker takes seconds from accepting a run to its first state
_FRESH_HEARTBEAT_S = 90.0  # a stock worker sends one every 30 s
_FAULTS = (httpx.HTTPError, ObjectNotFound, SQLAlchemyError)
_log = logging.getLogger("atelier.runs")


class Submitter:
    """Sends the runs that jobs want. ``wake`` makes it look at once; ``reachable`` says whether Prefect answers."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._refused: set[tuple[str, int]] = set()
        self._next_recovery = 0.0
        self.reachable = True

    def wake(self) -> None:
        """Look for wanted runs now instead of at the next round. Any thread may call it."""
        self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Submit what is wanted, for ever; whatever goes wrong is logged and tried again."""
        while True:
            try:
                await self._work()
            except _FAULTS as error:
                if self.reachable:
                    _log.warning("runs cannot be submitted now; jobs wait in their rows (%s)", _words(error))
                self.reachable = False
            except Exception:  # noqa: BLE001 (jobs would wait for ever if this loop ended)
                _log.exception("the submitter met a fault of its own")
            await self._pause(_RETRY_INTERVAL_S)

    async def _work(self) -> None:
        async with get_client() as client:
            while True:
                await self._submit_wanted(client)
                if time.monotonic() >= self._next_recovery:
                    self._next_recovery = time.monotonic() + _RECOVERY_INTERVAL_S
                    await _recover_lost(client)
                if not self.reachable:
                    _log.info("runs can be submitted again")
                    self.reachable = True
                await self._pause(_LOOK_INTERVAL_S)

    async def _submit_wanted(self, client: PrefectClient) -> None:
        """Send every run that is wanted. One that cannot be sent does not hold up the others; its fault is raised."""
        failed: PrefectHTTPStatusError | None = None
        for job in await asyncio.to_thread(_wanted):
            if (job.uid, job.wanted_attempt) in self._refused:
                continue
            try:
                await _submit(client, job)
            except PrefectHTTPStatusError as error:
                if error.response.is_server_error:
                    failed = error
                else:  # asking again would not help
                    self._refused.add((job.uid, job.wanted_attempt))
                    _log.error("Prefect refused the run of job %s: %s", job.id, _words(error))
        if failed is not None:
            raise failed

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()


@asynccontextmanager
async def running_submitter() -> AsyncIterator[Submitter]:
    """Run a submitter in the background while the block lasts."""
    submitter = Submitter()
    task = asyncio.create_task(submitter.run())
    try:
        yield submitter
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def worker_is_alive() -> bool:
    """Return whether a worker of our pool has sent a heartbeat lately; False when Prefect does not answer."""
    try:
        async with get_client() as client:
            workers = await client.read_workers_for_work_pool(WORK_POOL)
    except _FAULTS:
        return False
    now = utc_now()
    beats = [worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time]
    return any((now - beat).total_seconds() < _FRESH_HEARTBEAT_S for beat in beats)


async def _submit(client: PrefectClient, job: Job) -> None:
    deployment = await client.read_deployment_by_name(WORKFLOWS[job.workflow].deployment)
    run = await client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"request": {"job_id": job.id}},
        idempotency_key=f"{job.uid}:{job.wanted_attempt}",
        name=f"{job.workflow} · {job.name}",
        tags=[f"job:{job.id}", *([f"campaign:{job.campaign_id}"] if job.campaign_id else [])],
        work_queue_name=_queue(job),
    )
    await asyncio.to_thread(_note_submitted, job, str(run.id))


def _queue(job: Job) -> Queue:
    """Planning is waited for; everything else is long."""
    return "interactive" if job.plan_version == 0 and not job.auto_approve else "batch"


async def _recover_lost(client: PrefectClient) -> None:
    for job in await asyncio.to_thread(_unheld):
        run = await _flow_run(client, job.flow_run_id)
        if run is not None and _may_live(run):
            continue
        if run is not None and run.state_type in (StateType.CANCELLING, StateType.CANCELLED):
            await asyncio.to_thread(_cancel, job)
            await client.set_flow_run_state(run.id, Cancelled(), force=True)
        elif await asyncio.to_thread(outbox.recover, job):
            _log.warning("the run of job %s has died; recovery %s", job.id, job.recoveries + 1)
            if run is not None and run.state is not None and not run.state.is_final():
                await client.set_flow_run_state(run.id, Crashed(message="Its process died."), force=True)


async def _flow_run(client: PrefectClient, flow_run_id: str | None) -> FlowRun | None:
    if flow_run_id is None:
        return None
    try:
        return await client.read_flow_run(UUID(flow_run_id))
    except ObjectNotFound:
        return None


def _may_live(run: FlowRun) -> bool:
    """Return whether a run that does not hold its job may still come to do so."""
    if run.state is None:
        return False
    age_s = (utc_now() - run.state.timestamp).total_seconds()
    match run.state.type:
        case StateType.SCHEDULED | StateType.PAUSED:
            return True
        case StateType.PENDING:
            return age_s < _PENDING_S
        case StateType.RUNNING:
            return age_s < _OPENING_S
        case _:  # ended, though the job has not; or being cancelled
            return False


def _wanted() -> Sequence[Job]:
    with get_database().read() as session:
        return outbox.wanted(session, list(WORKFLOWS))


def _note_submitted(job: Job, flow_run_id: str) -> None:
    with get_database().write() as session:
        outbox.note_submitted(session, job, flow_run_id)


def _unheld() -> Sequence[Job]:
    with get_database().read() as session:
        return outbox.unheld(session, list(WORKFLOWS), _SILENCE_S)


def _cancel(job: Job) -> None:
    assert job.id is not None
    with contextlib.suppress(Conflict), get_database().write() as session:
        job_actions.cancel(session, job.id)


def _words(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
