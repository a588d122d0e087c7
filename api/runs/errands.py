"""What the API process does with Prefect again and again, beside answering requests."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from prefect.client.orchestration import PrefectClient

from api.runs.prefect_client import FAULTS, prefect_client

_RETRY_INTERVAL_S = 1.0
_log = logging.getLogger("atelier.runs")


class Errand:
    """Does ``act`` every ``interval_s`` with one client, for ever; whatever goes wrong is logged and tried again.

    ``act`` returns whether it talked with Prefect. ``succeeds`` says how it went the last time it did; ``trouble`` is
    what the log says when it starts to fail.
    """

    def __init__(self, act: Callable[[PrefectClient], Awaitable[bool]], interval_s: float, trouble: str) -> None:
        self._act, self._interval_s, self._trouble = act, interval_s, trouble
        self._wake = asyncio.Event()
        self.succeeds = True

    def wake(self) -> None:
        """Act now instead of after the interval."""
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self._go()
            except FAULTS as error:
                if self.succeeds:
                    _log.warning("%s (%s)", self._trouble, str(error).strip().split("\n")[0] or type(error).__name__)
                self.succeeds = False
            except Exception:  # noqa: BLE001 (jobs would wait for ever if this ended)
                _log.exception("the submitter met a fault of its own")
            await self._pause(_RETRY_INTERVAL_S)

    async def _go(self) -> None:
        async with prefect_client() as client:
            while True:
                if await self._act(client) and not self.succeeds:
                    _log.info("Prefect answers again")
                    self.succeeds = True
                await self._pause(self._interval_s)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()
