"""Runs that Prefect shows as at work, although they are over."""

import time
from collections.abc import Callable, Collection
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.states import Crashed

from api.runs.sightings import Sightings
from deployments.catalog import WORKFLOWS

_LOOK_INTERVAL_S = 10.0
_OVER_S = 60.0  # a run that works holds a job; one that has none is opening or closing it


class Leftovers:
    """Ends what a run left behind in Prefect that could not say how it ended: its process died, or Prefect was away.

    Only runs of our own flows are touched. ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._next_look = clock, clock()
        self._states = Sightings[str](clock, longest_gap_s=2 * _LOOK_INTERVAL_S)

    async def close(self, client: PrefectClient, has_job: Collection[str]) -> bool:
        """End the runs that have long been without a job; return whether Prefect was asked.

        ``has_job`` are the runs that hold a job, or were sent for one that nobody holds.
        """
        if self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + _LOOK_INTERVAL_S
        at_work = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING])
        runs = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(WORKFLOWS))),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)),
        )
        idle = {str(run.id): run.state_id for run in runs if str(run.id) not in has_job}
        for run, unchanged_s in self._states.look(idle).items():
            if unchanged_s >= _OVER_S:
                over: State[Any] = Crashed(message="The run is over, but could not say how it ended.")
                await client.set_flow_run_state(run, over, force=True)
        return True
