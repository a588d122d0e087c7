"""The worker: takes runs from the work pool and gives each a process of its own.

It is Prefect's process worker twice over in one process, so that runs somebody waits for always find a place: one
serves the queue ``interactive`` alone, the other ``batch`` and whatever other queues the pool has.

``python -m deployments.worker`` works until SIGTERM or the end of its parent.
"""

import asyncio
import logging
import os
import shlex
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.logging.configuration import setup_logging
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from deployments import lifeline
from deployments.catalog import WORK_POOL
from deployments.registration import register

_SERVER_TIMEOUT_S = 60.0
_INTERACTIVE_RUNS = 2
_BATCH_RUNS = (os.cpu_count() or 1) + 2
_log = logging.getLogger("atelier.worker")


class FlowProcessConfiguration(ProcessJobConfiguration):
    """How a run's process is started: with this interpreter, in this working directory, tied to this worker.

    Both can be set otherwise on the deployment or the work pool, as ever.
    """

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        """Fill in what was left open."""
        # -P: the working directory may hold a `models` or `storage` of its own, which must not be imported
        self.command = self.command or shlex.join([sys.executable, "-P", "-m", "deployments.flow_process"])
        self.working_dir = self.working_dir or Path.cwd()
        super().prepare_for_flow_run(*args, **kwargs)


class PatientProcessWorker(ProcessWorker):
    """Prefect's process worker, which leaves a run alone while its former process is still ending.

    A run that is retried within a second or two of its failure is scheduled again before its place is free. Prefect's
    worker takes it for a second one with the same id, and falls with every run it has.
    """

    job_configuration = FlowProcessConfiguration

    @classmethod
    def __dispatch_key__(cls) -> str:
        return "atelier-process"  # beside Prefect's own class, not in its place

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        still_here = self.limiter.statistics().borrowers
        return await super()._submit_scheduled_flow_runs(
            [entry for entry in flow_run_response if entry.flow_run.id not in still_here]
        )


async def work() -> None:
    """Register everything and take runs until cancelled."""
    await _await_server()
    async with get_client() as client:
        await register(client)
        queues = await client.read_work_queues(work_pool_name=WORK_POOL)
    others = sorted(queue.name for queue in queues if queue.name != "interactive")
    host = socket.gethostname()
    workers = [
        PatientProcessWorker(WORK_POOL, ["interactive"], f"{host} interactive", limit=_INTERACTIVE_RUNS),
        PatientProcessWorker(WORK_POOL, others, f"{host} batch", limit=_BATCH_RUNS),
    ]
    started = 0

    def note(words: str) -> None:
        nonlocal started
        _log.info(words)
        started += 1
        if started == len(workers):
            lifeline.say_ready()

    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.start(printer=note))


async def main() -> None:
    """Work until a signal or the parent's end."""
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


async def _await_server() -> None:
    deadline = time.monotonic() + _SERVER_TIMEOUT_S
    async with get_client() as client:
        while (fault := await client.api_healthcheck()) is not None:
            if time.monotonic() > deadline or not isinstance(fault, httpx.TransportError):
                sys.exit(f"the Prefect server at {client.api_url} does not answer: {fault}")
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    setup_logging()
    asyncio.run(main())
