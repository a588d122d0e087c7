"""The API alone on a free port with an empty data directory, for the length of a measurement."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

from settings import get_settings
from storage.database import get_database
from storage.migrations import upgrade


class MeasuredServer(NamedTuple):
    """A server under measurement: its address, its process id and its data directory (in use by this process too)."""

    url: str
    port: int
    pid: int
    home: Path


@contextmanager
def api_server() -> Iterator[MeasuredServer]:
    """Start the API with nothing behind it (runs are wanted but never sent) and stop it at the end."""
    with TemporaryDirectory(prefix="atelier-bench-") as folder:
        port = free_port()
        variables = {
            "ATELIER_HOME": folder, "API_PORT": str(port), "PORT": str(port), "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "PREFECT_CLIENT_MAX_RETRIES": "0",
        }  # fmt: skip
        os.environ.update(variables)
        get_settings.cache_clear()
        upgrade(get_database())
        process = subprocess.Popen([sys.executable, "-m", "api.server"], stdin=subprocess.PIPE)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process)
            yield MeasuredServer(url, port, process.pid, Path(folder))
        finally:
            process.terminate()
            process.wait()
            get_database().dispose()


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def proportional_memory_bytes(pid: int) -> int:
    """Return a process's memory, shared pages counted by their share (PSS, Linux)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no Pss of process {pid}")


def percentile(values: list[float], percent: float) -> float:
    """Return the value below which ``percent`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{url}/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
        if process.poll() is not None:
            break
    raise RuntimeError("the API did not start")
