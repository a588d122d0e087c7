"""Following the runs that were sent: jobs whose run is lost get another, runs whose job was cancelled end.

Nothing is judged by the wall clock alone, which steps: a run is dead when its job's lease, or its state in Prefect, has
looked the same for long enough by this process's own monotonic clock. That memory is all that a reconciler has. Every
act is a compare-and-swap on the row, or harmless to repeat, so any number of them may run side by side.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Scheduled

from api.runs.leftovers import Leftovers
from api.runs.sightings import Sightings
from deployments.catalog import WORKFLOWS
from models.columns import utc_now
from storage import held_runs, leases, outbox
from storage.database import get_database
from storage.outbox import Standing

_UNHELD_S = 3.0  # how long nobody may hold a job that is at work, before its run is looked at
_OPENING_S = 10.0  # a run holds its job within seconds of its first state
_PENDING_S = 30.0  # a worker takes seconds from accepting a run to its first state
_STOPPING_S = 5.0  # a worker needs less to stop a run whose job was cancelled
_WAITING_LOOK_S = 10.0  # how often to look at a run that waits for a worker
_AHEAD = timedelta(seconds=10)
_CANCELLATIONS_FOLLOWED = timedelta(days=1)
_RUNS_PER_REQUEST = 200  # the server gives no more
_WAITING = (StateType.SCHEDULED, StateType.PAUSED)
_STOPPED = (StateType.CANCELLING, StateType.CANCELLED)
_REASON_CHARS = 300
_log = logging.getLogger("atelier.runs")


class Reconciler:
    """Looks, and does what is called for. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._jobs, self._states = Sightings[int](clock), Sightings[str](clock)
        self._next_look: dict[str, float] = {}  # at runs that wait for a worker
        self._ending: set[str] = set()  # runs of cancelled jobs, until they have ended
        self._ended: set[str] = set()
        self._leftovers = Leftovers(clock)

    async def look(self, client: PrefectClient) -> bool:
        """Look once; return whether Prefect was asked. One thing that fails does not hold up the others."""
        standings, cancelled = await asyncio.to_thread(_rows)
        suspects = self._suspects(standings)
        self._ended &= set(cancelled)
        self._ending |= set(cancelled) - self._ended
        if suspects or self._ending:
            await self._settle(client, suspects)
        has_job = {job.run_id for job in standings if job.run_id}
        return await self._leftovers.close(client, has_job) or bool(suspects or self._ending)

    def _suspects(self, standings: Sequence[Standing]) -> list[Standing]:
        """Return the jobs whose lease is dead, or which nobody has held for a while."""
        unchanged = self._jobs.look({job.id: job for job in standings})
        now = self._clock()
        self._next_look = {run: when for run, when in self._next_look.items() if when > now}
        return [
            job for job in standings if _is_silent(job, unchanged[job.id]) and (job.run_id or "") not in self._next_look
        ]

    async def _settle(self, client: PrefectClient, suspects: Sequence[Standing]) -> None:
        """Look at the suspects' runs, and at those of cancelled jobs, and do what they call for."""
        runs = await _read_runs(client, {job.run_id for job in suspects if job.run_id} | self._ending)
        unchanged = self._states.look({id: run.state.id for id, run in runs.items() if run.state is not None})
        follow = [partial(self._follow, client, job, runs.get(job.run_id or ""), unchanged) for job in suspects]
        end = [partial(self._end, client, id, runs.get(id), unchanged.get(id, 0.0)) for id in sorted(self._ending)]
        fault: Exception | None = None
        for act in (*follow, *end):
            try:
                await act()
            except (httpx.HTTPStatusError, ObjectNotFound) as error:
                fault = error
        if fault is not None:
            raise fault

    async def _follow(
        self, client: PrefectClient, job: Standing, run: FlowRun | None, unchanged: dict[str, float]
    ) -> None:
        """Do what the run of a silent job calls for."""
        if run is None or run.state is None:
            if await asyncio.to_thread(outbox.recover, job, "Prefect did not know it any more", counts=False):
                _log.warning("Prefect does not know the run of job %s any more", job.id)
        elif run.state.type in _STOPPED and await asyncio.to_thread(held_runs.cancel_run, str(run.id)):
            await _set_state(client, run, Cancelled())
        elif _may_live(job, run.state, unchanged[str(run.id)]):
            await self._await(client, job, run, run.state)
        elif await asyncio.to_thread(outbox.recover, job, reason := _reason(run.state)):
            _log.warning("the run of job %s is dead: %s", job.id, reason)
            await _set_state(client, run, Crashed(message=f"The run is dead: {reason}."))

    async def _await(self, client: PrefectClient, job: Standing, run: FlowRun, state: State) -> None:
        """Leave a run its time; one that the clock has put off to the future is for now."""
        if job.lease_owner is not None:  # of an earlier try of the same run
            await asyncio.to_thread(outbox.free, job)
        if state.type in _WAITING:
            self._next_look[str(run.id)] = self._clock() + _WAITING_LOOK_S
        start = run.next_scheduled_start_time
        put_off = start is not None and start > utc_now() + _AHEAD
        if state.type == StateType.SCHEDULED and state.name in ("Scheduled", "Late") and put_off:
            await client.set_flow_run_state(run.id, Scheduled(), force=True)

    async def _end(self, client: PrefectClient, id: str, run: FlowRun | None, unchanged_s: float) -> None:
        """End the run of a cancelled job. One that has begun is its worker's to stop, if there is one."""
        if run is not None and run.state is not None and not run.state.is_final():
            begun = run.state.type in (StateType.RUNNING, StateType.CANCELLING)
            if begun and unchanged_s < _STOPPING_S:
                return
            await _set_state(client, run, Cancelled(message="The job was cancelled."))
        self._ending.discard(id)
        self._ended.add(id)


def _is_silent(job: Standing, unchanged_s: float) -> bool:
    if job.lease_owner is None:
        return unchanged_s >= _UNHELD_S
    return leases.is_dead(job.lease_expires_at, unchanged_s)


def _may_live(job: Standing, state: State, unchanged_s: float) -> bool:
    """Return whether the run of a silent job may still come to hold it, or come to do so again."""
    match state.type:
        case StateType.SCHEDULED | StateType.PAUSED:
            return True
        case StateType.PENDING:
            return unchanged_s < _PENDING_S
        case StateType.RUNNING:
            return job.lease_owner is None and unchanged_s < _OPENING_S
        case _:  # ended, though the job has not; or being cancelled
            return False


def _reason(state: State) -> str:
    """Return how the run died, to go on from "the last time"."""
    if state.is_final():
        return f"Prefect shows it as {state.name}: {(state.message or 'no more is known')[:_REASON_CHARS]}"
    if state.type == StateType.PENDING:
        return "no process came up for it; the worker's log may say why"
    return "its process ended without a word; the worker's log may say why"


async def _read_runs(client: PrefectClient, ids: Iterable[str]) -> dict[str, FlowRun]:
    """Return those of the runs that Prefect knows; what is no id of a Prefect run is not among them."""
    known = list[UUID]()
    for id in sorted(ids):
        with contextlib.suppress(ValueError):
            known.append(UUID(id))
    runs: dict[str, FlowRun] = {}
    for first in range(0, len(known), _RUNS_PER_REQUEST):
        wanted = FlowRunFilterId(any_=known[first : first + _RUNS_PER_REQUEST])
        found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=wanted), limit=_RUNS_PER_REQUEST)
        runs |= {str(run.id): run for run in found}
    return runs


async def _set_state(client: PrefectClient, run: FlowRun, state: State) -> None:
    """Set the final state of a run that has none."""
    if run.state is None or not run.state.is_final():
        await client.set_flow_run_state(run.id, state, force=True)


def _rows() -> tuple[list[Standing], list[str]]:
    since = utc_now() - _CANCELLATIONS_FOLLOWED
    with get_database().read() as session:
        return outbox.standings(session, WORKFLOWS), outbox.cancelled_runs(session, WORKFLOWS, since)
