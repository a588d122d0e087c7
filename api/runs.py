"""Submitting flow runs: the only place of the API that knows Prefect.

The row is the outbox. A request commits the job's row and answers; the submitter sends the run, with an idempotency key
made of the job and the attempt, so that sending it twice makes one run. While Prefect is down jobs wait in their rows.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from sqlmodel import col, select

from deployments.catalog import WORK_POOL, WORKFLOWS
from models.columns import utc_now
from models.jobs import Job, JobStatus
from storage.database import get_database

_LOOK_INTERVAL_S = 0.5
_RETRY_INTERVAL_S = 5.0
_FRESH_HEARTBEAT_S = 90.0  # a stock worker sends one every 30 s
_STARTABLE = (JobStatus.QUEUED, JobStatus.APPROVED, JobStatus.RUNNING)
_PREFECT_FAULTS = (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound)
_log = logging.getLogger("atelier.runs")


class Submitter:
    """Sends the runs that jobs want. ``wake`` makes it look at once."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self.reachable = True

    def wake(self) -> None:
        """Look for wanted runs now instead of at the next round."""
        self._wake.set()

    async def run(self) -> None:
        """Submit what is wanted, for ever; a Prefect server that is down is tried again."""
        while True:
            try:
                async with get_client() as client:
                    while True:
                        await self._submit_wanted(client)
                        self.reachable = True
                        await self._pause(_LOOK_INTERVAL_S)
            except _PREFECT_FAULTS as error:
                if self.reachable:
                    _log.warning("Prefect cannot be reached; jobs wait in their rows (%s)", error)
                self.reachable = False
                await asyncio.sleep(_RETRY_INTERVAL_S)

    async def _submit_wanted(self, client: PrefectClient) -> None:
        for job in await asyncio.to_thread(_wanted):
            workflow = WORKFLOWS[job.workflow]
            deployment = await client.read_deployment_by_name(workflow.deployment)
            run = await client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"request": {"job_id": job.id}},
                idempotency_key=f"{job.uid}:{job.wanted_attempt}",
                name=f"{job.workflow} · {job.name}",
                tags=[f"job:{job.id}", *([f"campaign:{job.campaign_id}"] if job.campaign_id else [])],
            )
            await asyncio.to_thread(_submitted, job, str(run.id))

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
    except _PREFECT_FAULTS:
        return False
    now = utc_now()
    beats = [worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time]
    return any((now - beat).total_seconds() < _FRESH_HEARTBEAT_S for beat in beats)


def _wanted() -> Sequence[Job]:
    query = select(Job).where(col(Job.wanted_attempt) > Job.submitted_attempt, col(Job.status).in_(_STARTABLE))
    with get_database().read() as session:
        return session.exec(query.order_by(col(Job.id)).limit(100)).all()


def _submitted(job: Job, flow_run_id: str) -> None:
    """Note the attempt that was sent; the user may want another one already, which stays wanted."""
    with get_database().write() as session:
        row = session.get_one(Job, job.id)
        row.submitted_attempt = max(row.submitted_attempt, job.wanted_attempt)
        row.flow_run_id = flow_run_id
        session.add(row)
