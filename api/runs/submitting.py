"""Sending the runs that jobs want."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from deployments.catalog import WORKFLOWS, Queue
from models.jobs import Job
from storage import outbox
from storage.database import get_database

_AT_ONCE = 8
_MOST_IN_A_ROUND = 100
_PASSING = (404, 408, 429)
"""Refusals that may be over when asked again: the deployment is registered anew, or the server is busy."""
_log = logging.getLogger("atelier.runs")


class WantedRuns:
    """What it remembers between rounds: the deployments' ids, and which runs Prefect refused for good."""

    def __init__(self) -> None:
        self._deployments: dict[str, UUID] = {}
        self._refused: set[tuple[str, int]] = set()

    async def send(self, client: PrefectClient) -> bool:
        """Send every run that is wanted; return whether there was any.

        A run that cannot be sent does not hold up the others; its fault is raised when they are sent.
        """
        wanted = await asyncio.to_thread(_wanted, _MOST_IN_A_ROUND + len(self._refused))
        jobs = [job for job in wanted if (job.uid, job.wanted_attempt) not in self._refused]
        faults = await self._find_deployments(client, {job.workflow for job in jobs})
        known = [job for job in jobs if job.workflow in self._deployments]
        for first in range(0, len(known), _AT_ONCE):
            sent = (self._send(client, job) for job in known[first : first + _AT_ONCE])
            faults += [fault for fault in await asyncio.gather(*sent, return_exceptions=True) if fault is not None]
            if any(isinstance(fault, httpx.TransportError) for fault in faults):
                break
        if faults:
            raise faults[0]
        return bool(jobs)

    async def _find_deployments(self, client: PrefectClient, workflows: Iterable[str]) -> list[BaseException]:
        """Learn the ids that are not known yet; return what went wrong."""
        faults: list[BaseException] = []
        for workflow in set(workflows) - set(self._deployments):
            try:
                deployment = await client.read_deployment_by_name(WORKFLOWS[workflow].deployment)
                self._deployments[workflow] = deployment.id
            except ObjectNotFound as fault:
                faults.append(fault)
        return faults

    async def _send(self, client: PrefectClient, job: Job) -> None:
        try:
            await submit(client, job, self._deployments[job.workflow])
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                self._deployments.clear()
            if error.response.is_server_error or error.response.status_code in _PASSING:
                raise
            self._refused.add((job.uid, job.wanted_attempt))
            _log.error("Prefect refused the run of job %s: %s", job.id, error)


async def submit(client: PrefectClient, job: Job, deployment: UUID) -> None:
    """Send the run that ``job`` wants; sent again, it is the same run."""
    run = await client.create_flow_run_from_deployment(
        deployment,
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


def _wanted(limit: int) -> Sequence[Job]:
    with get_database().read() as session:
        return outbox.wanted(session, WORKFLOWS, limit)


def _note_submitted(job: Job, flow_run_id: str) -> None:
    with get_database().write() as session:
        outbox.note_submitted(session, job, flow_run_id)
