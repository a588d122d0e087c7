"""Submitting flow runs and following them: the only place of the API that knows Prefect.

The row is the outbox. A request commits the job's row and answers; the submitter sends the run, with an idempotency key
made of the job and the attempt, so that sending it twice makes one run. While Prefect is down jobs wait in their rows.
The reconciler gives jobs whose run is lost another one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.runs.errands import Errand
from api.runs.reconciling import Reconciler
from api.runs.submitting import WantedRuns
from api.runs.workers import worker_is_alive

__all__ = ["Submitter", "running_submitter", "worker_is_alive"]

_SUBMIT_INTERVAL_S = 0.5  # for wishes of other processes, the command line among them; the API's own wake it
_RECONCILE_INTERVAL_S = 2.0


class Submitter:
    """Sends the runs that jobs want, and follows them. ``wake`` makes it look at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._submitting = Errand(
            WantedRuns().send, _SUBMIT_INTERVAL_S, "runs cannot be submitted now; jobs wait in their rows"
        )
        self._reconciling = Errand(Reconciler().look, _RECONCILE_INTERVAL_S, "runs cannot be followed now")

    @property
    def reachable(self) -> bool:
        """Whether Prefect answered when it was last asked."""
        return self._submitting.succeeds and self._reconciling.succeeds

    def wake(self) -> None:
        """Look for wanted runs now instead of at the next round. Any thread may call it."""
        self._loop.call_soon_threadsafe(self._submitting.wake)

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as errands:
            errands.create_task(self._submitting.run())
            errands.create_task(self._reconciling.run())


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
