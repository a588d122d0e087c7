"""Forty runs submitted at once, with one in progress: the launched Prefect server against the stock one, on SQLite.

Run with ``python -m benchmarks.bench_prefect``. Both start with an empty database and serve the same requests;
a refused one is sent again after two seconds, as Prefect's client does.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import httpx

from benchmarks.api_server import free_port, percentile

_BURST, _ROUNDS = 40, 3
_MOST_TRIES, _CLIENT_WAIT_S = 20, 2.0  # Prefect's own client waits at least so long before it tries again


def main() -> None:
    """Measure and print."""
    ours = _measured([sys.executable, "-m", "deployments.prefect_server"], with_flag=False)
    stock = _measured([sys.executable, "-m", "prefect", "server", "start", "--no-ui"], with_flag=True)
    for name, (taken, refused) in (("launched", ours), ("stock", stock)):
        p50, p95 = percentile(taken, 50), percentile(taken, 95)
        print(f"{name} server: {refused} answers refused for {len(taken)} runs, p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    ratio = percentile(ours[0], 95) / percentile(stock[0], 95)
    print(f"p95 of accepting {_BURST} at once: {ratio:.2f} x the stock server's")


def _measured(command: list[str], *, with_flag: bool) -> tuple[list[float], int]:
    with _server(command, with_flag=with_flag) as url, httpx.Client(timeout=120) as client:
        flow_id = client.post(f"{url}/flows/", json={"name": "bench"}).json()["id"]
        busy = client.post(f"{url}/flow_runs/", json={"flow_id": flow_id, "state": {"type": "RUNNING"}}).json()["id"]
        taken: list[float] = []
        statuses: list[int] = []
        stop = threading.Event()
        worker = threading.Thread(target=_run_in_progress, args=(url, busy, stop))
        worker.start()

        def submit(number: int) -> None:
            begun = time.perf_counter()
            body = {"flow_id": flow_id, "name": f"run {number}", "state": {"type": "SCHEDULED"}}
            for _ in range(_MOST_TRIES):
                status = httpx.post(f"{url}/flow_runs/", json=body, timeout=120).status_code
                statuses.append(status)
                if status < httpx.codes.BAD_REQUEST:
                    break
                time.sleep(_CLIENT_WAIT_S)
            taken.append((time.perf_counter() - begun) * 1000)

        for _ in range(_ROUNDS):
            with ThreadPoolExecutor(_BURST) as pool:
                list(pool.map(submit, range(_BURST)))
        stop.set()
        worker.join()
        return taken, sum(status >= httpx.codes.BAD_REQUEST for status in statuses)


def _run_in_progress(url: str, run_id: str, stop: threading.Event) -> None:
    """Do what a run does: create task runs and set their states."""
    with httpx.Client(timeout=120) as client:
        number = 0
        while not stop.is_set():
            number += 1
            body = {
                "flow_run_id": run_id,
                "task_key": "bench",
                "dynamic_key": str(number),
                "state": {"type": "RUNNING"},
            }
            with contextlib.suppress(httpx.TransportError):  # the stock server drops connections under load
                client.post(f"{url}/task_runs/", json=body)


@contextmanager
def _server(command: list[str], *, with_flag: bool) -> Iterator[str]:
    with TemporaryDirectory(prefix="prefect-bench-") as home:
        port = free_port()
        address = ["--port", str(port)] if with_flag else [str(port)]
        environment = {
            **os.environ,
            "PREFECT_HOME": home,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        environment.pop("PREFECT_API_URL", None)
        process = subprocess.Popen(
            [*command, *address],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}/api"
            for _ in range(1200):
                try:
                    if httpx.get(f"{url}/health").status_code == httpx.codes.OK:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
