"""A warm child: a process that has every flow imported and carries out one run after another.

It is forked by a server that has no threads (see ``deployments.children``), leads a process group of its own, and holds
a pipe to the worker. When the worker is gone, in whatever way, the pipe ends and the child kills its group.
"""

import logging
import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import NamedTuple
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.context import SyncClientContext
from prefect.engine import _drive_run_flow_result
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import load_flow, run_flow
from prefect.flows import Flow
from prefect.logging.configuration import setup_logging
from prefect.settings import (
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from prefect.utilities.importtools import import_object

READY = "ready"
_log = logging.getLogger("atelier.child")


class Order(NamedTuple):
    """A run to carry out: Prefect's flow run as JSON, and where its flow is, if the catalogue says so.

    Without a flow run it is an errand: ``entrypoint`` names a function, which is called.
    """

    id: UUID
    flow_run: str | None
    entrypoint: str | None


def serve(orders: Connection) -> None:
    """Carry out what comes through the pipe, one run after another. Says so when it is ready for the next one."""
    os.setpgid(0, 0)
    setup_logging()
    waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, waiting), name="orders", daemon=True).start()
    with _warm():
        orders.send(READY)
        while True:
            _carry_out(waiting.get())
            orders.send(READY)


def _listen(orders: Connection, waiting: "queue.SimpleQueue[Order]") -> None:
    with suppress(OSError, EOFError):
        while True:
            waiting.put(orders.recv())
    os.killpg(os.getpid(), signal.SIGKILL)


@contextmanager
def _warm() -> Iterator[None]:
    """Keep what every run needs: one connection to Prefect, which runs would otherwise each make anew.

    Flow heartbeats are off. A run would wait a second for their thread after its end, and nobody listens to them: a
    run's death is seen by its worker, and by the lease of its job.
    """
    changed = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    with temporary_settings(changed), SyncClientContext.get_or_create() as prefect:
        with suppress(httpx.HTTPError):  # a server that is away will be back when there is something to run
            prefect.client.hello()
        yield


def _carry_out(order: Order) -> None:
    """Run the flow. How it ends is between the engine and the server; here only what neither expects is logged."""
    try:
        if order.flow_run is None:
            import_object(order.entrypoint or "")()
            return
        flow_run = FlowRun.model_validate_json(order.flow_run)
        flow: Flow[..., object] = import_object(order.entrypoint) if order.entrypoint else load_flow(flow_run)
        if order.entrypoint:
            # The engine would watch for a suspension of the deployment's run: an event loop, a stream and a fifth of a
            # second at both ends of each run. Our flows never suspend; approval is a state of the job.
            flow_run.deployment_id = None
        _drive_run_flow_result(flow, run_flow(flow, flow_run=flow_run, return_type="state"))
    except (Abort, Pause) as error:
        _log.info("run %s was not carried out: %s", order.id, error)
    except Exception:  # noqa: BLE001 (the next run must not suffer from it)
        _log.exception("run %s ended unexpectedly", order.id)
