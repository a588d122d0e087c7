"""Running a flow from the command line, with no server needed.

A flow always reports to a Prefect server. When ``PREFECT_API_URL`` names one, or the service is up on this data
directory, that one is used; otherwise a private one is started for the length of the block, on a free loopback port,
keeping its records in the data directory.
"""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from cli.screen import console
from deployments.locks import SERVER_LOCK, holder_note
from models.errors import ProcessingFailed
from settings import Settings, get_settings, prefect_environment
from storage import scratch
from storage.database import get_database
from storage.migrations import upgrade

_START_TIMEOUT_S = 120.0  # the first start creates Prefect's tables, which takes long on a slow disk
_DRAIN_TIMEOUT_S = 5.0


def open_storage() -> None:
    """Make the data directory and bring the schema up to date."""
    get_settings().data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(get_database())


@contextmanager
def prefect_server() -> Iterator[None]:
    """Provide a Prefect server, and keep Prefect's own words in ``logs/prefect.log`` instead of on the screen."""
    settings = get_settings()
    environment = {**prefect_environment(settings), "PREFECT_SERVER_UI_ENABLED": "false"}
    standing = settings.prefect_api_url
    with ExitStack() as stack:
        stack.callback(scratch.discard, os.getpid())
        holder = None if standing else holder_note(settings.data_dir / "prefect" / SERVER_LOCK)
        if holder:
            standing = holder
        elif holder is not None:  # another `atelier run` has a private server, which ends with it
            environment["PREFECT_HOME"] = stack.enter_context(
                TemporaryDirectory(prefix="prefect-", dir=_scratch(settings))
            )
        os.environ.update(environment)
        if standing:
            os.environ["PREFECT_API_URL"] = standing
            _log_to_file(settings)
            yield
        else:
            with _private_server(settings, environment):
                yield


@contextmanager
def _private_server(settings: Settings, environment: dict[str, str]) -> Iterator[None]:
    port = _free_port()
    log = _log_path(settings).open("ab")
    server = subprocess.Popen(
        [sys.executable, "-m", "deployments.prefect_server", str(port)],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, **environment},
        cwd=Path(__file__).parent.parent,
        start_new_session=True,  # Ctrl-C is for the flow; the server stops when its standard input is closed
    )
    try:
        with console.status("starting the flow engine"):
            _wait_until_healthy(server, port)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        _log_to_file(settings)
        yield
    finally:
        _drain()
        os.environ.pop("PREFECT_API_URL", None)
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise ProcessingFailed(f"the flow engine did not start; {_log_path(get_settings())} says why")


def _scratch(settings: Settings) -> Path:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    return settings.scratch_dir


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _log_path(settings: Settings) -> Path:
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "prefect.log"


def _drain() -> None:
    """Let Prefect deliver what it still holds back while there is a server; at exit it would wait for one in vain."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=_DRAIN_TIMEOUT_S)
    EventsWorker.drain_all(timeout=_DRAIN_TIMEOUT_S)


def _log_to_file(settings: Settings) -> None:
    from prefect.logging.configuration import setup_logging

    setup_logging()
    handler = logging.FileHandler(_log_path(settings))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
