"""The warm worker: a Prefect worker type whose runs are carried out by children that are ready before they come.

To Prefect it is a worker like any other: the pool, its queues, deployments and the UI are plain, and the same
deployments run on a stock process, Docker or Kubernetes pool. What differs is how a run is taken up. Prefect's own
workers look once in some seconds and start a cold process for each run; this one looks five times a second, and at
once when a job's row says that a run was sent, and hands the run to a child that has everything imported.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from anyio.abc import TaskStatus
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus, WorkerFlowRunResponse
from prefect.exceptions import PrefectException
from prefect.states import Cancelled, Crashed, Pending
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from deployments.catalog import RELEASE, WORKFLOWS
from deployments.child import Order
from deployments.children import ChildPool
from deployments.memory import resident_bytes
from models.errors import ProcessingFailed
from models.jobs import JobStatus
from storage import held_runs, scratch

_TAKE_INTERVAL_S = 15.0  # when nothing seems to wait; Prefect shows queues that nobody asks for as not ready
_LOOK_INTERVAL_S = 0.2
_PATIENCE_S = 2.0
_GLANCE_INTERVAL_S = 0.04
_WATCH_INTERVAL_S = 0.25
_PREFECT_INTERVAL_S = 1.0
_RELEASE_INTERVAL_S = 5.0
_AWAY_INTERVAL_S = 1.0
_LAST_WORDS_S = 3.0
_URGENT, _OTHERS = "interactive", "others"
_FAULTS = (httpx.HTTPError, PrefectException, SQLAlchemyError)
_RUNS = TypeAdapter(list[WorkerFlowRunResponse])
_log = logging.getLogger("atelier.worker")


class WarmWorkerResult(BaseWorkerResult):
    """How a run's process ended: status code 0 unless it died."""


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, WarmWorkerResult]):
    """Takes runs from a work pool and hands them to ``children``.

    As many runs at once as there may be children; one place is kept for the queue ``interactive`` alone. A child whose
    run is being cancelled, or which grows beyond ``memory_limit_bytes``, is killed with all it started. Of every death
    Prefect and the job's row are told at once.
    """

    type = "atelier"
    job_configuration = BaseJobConfiguration
    _description = "Carries out runs in processes that have everything imported and are ready before a run comes."

    def __init__(
        self, work_pool_name: str, children: ChildPool, name: str, memory_limit_bytes: int, ready: Callable[[], None]
    ) -> None:
        """Work for a pool under ``name``; ``ready`` is called when runs can be taken."""
        super().__init__(work_pool_name, name=name)
        self._children, self._memory_limit_bytes, self._ready = children, memory_limit_bytes, ready
        self._queue_of: dict[UUID, str] = {}  # of the runs that have a place
        self._cancelled: set[UUID] = set()
        self._entrypoints: dict[UUID, str | None] = {}
        self._sent: set[str] = set()
        self._patient_until = 0.0
        self._news = asyncio.Event()
        self._given_up = asyncio.Event()
        self._stopping = False

    async def work(self) -> None:
        """Take runs until cancelled; those in progress are then stopped and wanted anew."""
        async with self:
            try:
                await self._children.refill()
                self._ready()
                async with asyncio.TaskGroup() as loops:
                    loops.create_task(self._forever(self.sync_with_backend, self.heartbeat_interval_seconds))
                    loops.create_task(self._forever(self._take_runs, _TAKE_INTERVAL_S, self._news))
                    loops.create_task(self._forever(self._look, _LOOK_INTERVAL_S))
                    loops.create_task(self._forever(self._glance, _GLANCE_INTERVAL_S))
                    loops.create_task(self._forever(self._watch_rows, _WATCH_INTERVAL_S))
                    loops.create_task(self._forever(self._watch_prefect, _PREFECT_INTERVAL_S))
                    loops.create_task(self._forever(self._release, _RELEASE_INTERVAL_S, self._given_up))
            finally:
                self._stopping = True
                await self._children.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS_S):
                        while self._queue_of:
                            await asyncio.sleep(0.02)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,  # noqa: ARG002 (Prefect's signature; there is nothing to configure)
        task_status: TaskStatus[Any] | None = None,
    ) -> WarmWorkerResult:
        """Carry out one run and return how its process ended. Raises ProcessingFailed when there is no process."""
        if task_status is not None:
            task_status.started(str(flow_run.id))
        died = await self._children.run(
            Order(flow_run.id, flow_run.model_dump_json(), await self._entrypoint(flow_run))
        )
        await self._settle(flow_run.id, died)
        return WarmWorkerResult(status_code=0 if died is None else 1, identifier=str(flow_run.id))

    async def _take_runs(self) -> None:
        """Take as many scheduled runs as there are places."""
        places = self._places()
        if not places:
            return
        wanted: dict[str, Any] = {"scheduled_before": _now(), "limit": max(places.values())}
        if places[_OTHERS] < 1:
            wanted["work_queue_names"] = [_URGENT]
        answer = await self.client.request(
            "POST",
            "/work_pools/{name}/get_scheduled_flow_runs",
            path_params={"name": self._work_pool_name},
            json=wanted,
        )
        taken = [self._take(entry.flow_run) for entry in _RUNS.validate_python(answer.json())]
        self._patient_until = 0.0 if any(taken) else time.monotonic() + _PATIENCE_S

    def _take(self, flow_run: FlowRun) -> bool:
        kind = _URGENT if flow_run.work_queue_name == _URGENT else _OTHERS
        if flow_run.id in self._queue_of or self._places().get(kind, 0) < 1:
            return False
        self._queue_of[flow_run.id] = kind
        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(self._carry_out, flow_run)
        return True

    def _places(self) -> dict[str, int]:
        """Return how many more runs there is room for, if any: urgent ones, and others."""
        free = self._children.size - len(self._queue_of)
        if free < 1 or self._stopping:
            return {}
        others = sum(kind == _OTHERS for kind in self._queue_of.values())
        return {_URGENT: free, _OTHERS: min(free, max(1, self._children.size - 1) - others)}

    async def _carry_out(self, flow_run: FlowRun) -> None:
        """Claim a run and see it through; its place is free again when its process has ended it."""
        try:
            await self._entrypoint(flow_run)  # whatever may fail comes before the claim
            with scratch.noted(str(flow_run.id)):
                claim: OrchestrationResult[Any] = await self.client.set_flow_run_state(flow_run.id, Pending())
                if claim.status == SetStateStatus.ACCEPT:
                    flow_run.state = claim.state
                    await self.run(flow_run, BaseJobConfiguration())
        except ProcessingFailed as error:
            await self._settle(flow_run.id, str(error))
        except _FAULTS as error:
            _log.warning("run %s was not taken: %s", flow_run.id, _words(error))
        finally:
            others_may_wait = min(self._places().values(), default=0) < 1
            del self._queue_of[flow_run.id]
            self._cancelled.discard(flow_run.id)
            if others_may_wait:
                self._news.set()

    async def _entrypoint(self, flow_run: FlowRun) -> str | None:
        """Return where the catalogue has the run's flow; None for a deployment that is not ours."""
        if flow_run.deployment_id is None:
            return None
        if flow_run.deployment_id not in self._entrypoints:
            deployment = await self.client.read_deployment(flow_run.deployment_id)
            ours = {workflow.entrypoint for workflow in WORKFLOWS.values()}
            known = deployment.entrypoint in ours and not deployment.pull_steps
            self._entrypoints[flow_run.deployment_id] = deployment.entrypoint if known else None
        return self._entrypoints[flow_run.deployment_id]

    async def _look(self) -> None:
        """Have runs taken when Prefect says that some wait.

        Counting them costs its server a seventh of asking for them, which also notes that the queues were asked for.
        When runs wait but are not given (their queue may be paused), that is believed for a while.
        """
        places = self._places()
        if not places:
            return
        due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": {"before_": _now()}}
        wanted: dict[str, Any] = {"flow_runs": due, "work_pools": {"name": {"any_": [self._work_pool_name]}}}
        if places[_OTHERS] < 1:
            wanted["work_pool_queues"] = {"name": {"any_": [_URGENT]}}
        answer = await self.client.request("POST", "/flow_runs/count", json=wanted)
        if int(answer.json()) and time.monotonic() >= self._patient_until:
            self._news.set()

    async def _glance(self) -> None:
        """Look at the jobs' rows, which costs next to nothing, for runs that were sent but not begun."""
        if self._places():
            sent = await asyncio.to_thread(held_runs.sent_and_not_begun)
            if sent - self._sent:
                self._news.set()
            self._sent = sent

    async def _watch_rows(self) -> None:
        """Stop runs whose job was cancelled, and children that have grown too large. Needs no Prefect."""
        for child in self._children.at_work():
            if resident_bytes(child.pid) > self._memory_limit_bytes:
                size = self._memory_limit_bytes // 1024**2
                child.kill(f"its process needed more than {size} MB of memory (WORKER_CHILD_MEMORY_MB) and was stopped")
        if self._queue_of:
            held = await asyncio.to_thread(held_runs.held, [str(run) for run in self._queue_of])
            for run in [run for run in self._queue_of if held.get(str(run)) == JobStatus.CANCELLED]:
                self._stop(run)

    async def _watch_prefect(self) -> None:
        """Stop runs that were cancelled in Prefect, and cancel their jobs."""
        if not self._queue_of:
            return
        stopped = {"id": {"any_": list(self._queue_of)}, "state": {"type": {"any_": ["CANCELLING", "CANCELLED"]}}}
        for run in await self.client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(stopped)):
            await asyncio.to_thread(held_runs.cancel_run, str(run.id))
            self._stop(run.id)

    async def _release(self) -> None:
        """Have calls that were given up cancelled at their vendor, outside the runs that made them."""
        if await asyncio.to_thread(held_runs.calls_to_release):
            try:
                await self._children.run(Order(uuid4(), None, RELEASE))
            except ProcessingFailed as error:
                _log.warning("calls at a vendor are not cancelled yet: %s", error)

    def _stop(self, run: UUID) -> None:
        self._cancelled.add(run)
        self._children.kill(run, "it was cancelled")

    async def _settle(self, run: UUID, died: str | None) -> None:
        """Tell the job's row, then Prefect, what the engine in the child could not tell."""
        held = await asyncio.to_thread(held_runs.held, [str(run)])
        state: State[Any]
        if run in self._cancelled or held.get(str(run)) == JobStatus.CANCELLED:
            state = Cancelled(message="The job was cancelled.")
            self._given_up.set()
        elif died is not None:
            await asyncio.to_thread(held_runs.run_died, str(run), died, counts=not self._stopping)
            state = Crashed(message=f"{died[:1].upper()}{died[1:]}.")
        else:
            return
        try:
            await self.client.set_flow_run_state(run, state, force=True)
        except _FAULTS as error:  # it was deleted, or Prefect is away; the reconciler ends what is left there
            _log.warning("Prefect was not told that run %s is over: %s", run, _words(error))

    async def _forever(
        self, work: Callable[[], Awaitable[None]], interval_s: float, wake: asyncio.Event | None = None
    ) -> None:
        """Work again and again, at once when woken; a fault of Prefect or the database is waited out."""
        wake = wake or asyncio.Event()
        away = False
        while True:
            try:
                await work()
                away = False
            except _FAULTS as error:
                if not away:
                    _log.warning("%s: %s; trying on", work.__name__.strip("_"), _words(error))
                away = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), _AWAY_INTERVAL_S if away else interval_s)
            wake.clear()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _words(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
