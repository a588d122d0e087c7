"""The worker as a part: ``python -m deployments.worker`` works until SIGTERM or the end of its parent.

Every child imports its parent's main module once more, so this one imports nothing of weight by itself.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

_SERVER_TIMEOUT_S = 60.0
_log = logging.getLogger("atelier.worker")


async def main() -> None:
    """Work until a signal or the parent's end."""
    from deployments import lifeline

    task = asyncio.create_task(work())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)

    def stop() -> None:
        loop.call_soon_threadsafe(task.cancel)

    lifeline.hold(stop)
    try:
        await task
    except asyncio.CancelledError:
        _log.info("stopped")


async def work() -> None:
    """Register what can be run, and take runs until cancelled."""
    from prefect.client.orchestration import get_client

    from deployments import lifeline
    from deployments.catalog import WORK_POOL, WORKFLOWS
    from deployments.children import ChildPool
    from deployments.memory import machine_bytes
    from deployments.registration import register
    from deployments.warm_worker import WarmWorker
    from settings import get_settings
    from storage import held_runs, scratch

    settings = get_settings()
    dead = await asyncio.to_thread(scratch.sweep)
    for run in dead:
        await asyncio.to_thread(held_runs.run_died, run, "its worker was killed")
    await _await_server()
    async with get_client() as client:
        await register(client)
        for run in dead:
            await _close(client, UUID(run))
    modules = [module for workflow in WORKFLOWS.values() for module in workflow.modules]
    children = ChildPool(settings.worker_children or (os.cpu_count() or 1) + 2, modules)
    limit = settings.worker_child_memory_mb * 1024**2 or machine_bytes() * 3 // 4
    await WarmWorker(WORK_POOL, children, socket.gethostname(), limit, ready=lifeline.say_ready).work()


async def _close(client: "PrefectClient", run_id: UUID) -> None:
    """Tell Prefect that a run died with its worker."""
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    with contextlib.suppress(ObjectNotFound):
        run = await client.read_flow_run(run_id)
        if run.state is not None and not run.state.is_scheduled() and not run.state.is_final():
            await client.set_flow_run_state(run_id, Crashed(message="Its worker was killed."), force=True)


async def _await_server() -> None:
    import httpx
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + _SERVER_TIMEOUT_S
    async with get_client() as client:
        while (fault := await client.api_healthcheck()) is not None:
            if time.monotonic() > deadline or not isinstance(fault, httpx.TransportError):
                sys.exit(f"the Prefect server at {client.api_url} does not answer: {fault}")
            await asyncio.sleep(0.2)


def _configure_logging() -> None:
    from prefect.logging.configuration import setup_logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    setup_logging()


if __name__ == "__main__":
    _configure_logging()
    asyncio.run(main())
