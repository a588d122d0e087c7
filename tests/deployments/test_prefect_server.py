"""The Prefect server that Atelier launches, started for real."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect")
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.prefect_server", str(port)],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.TransportError:
                assert process.poll() is None, "the server died at start"
                time.sleep(0.1)
        else:
            pytest.fail("the server did not answer within a minute")
        yield process, url, home
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def test_simultaneous_submissions_are_all_accepted(server: tuple[subprocess.Popen[bytes], str, Path]) -> None:
    """With Prefect's own deferred transactions some of these are answered 503."""
    _, url, _ = server
    with httpx.Client() as client:
        flow_id = client.post(f"{url}/flows/", json={"name": "burst"}).json()["id"]

    def submit(number: int) -> int:
        run = {"flow_id": flow_id, "name": f"run {number}", "state": {"type": "PENDING"}, "tags": ["burst"]}
        return httpx.post(f"{url}/flow_runs/", json=run, timeout=60).status_code

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(submit, range(80)))
    assert set(statuses) == {201}


def test_its_files_are_where_it_was_told(server: tuple[subprocess.Popen[bytes], str, Path]) -> None:
    _, _, home = server
    with sqlite3.connect(home / "prefect.db") as database:
        assert database.execute("SELECT count(*) FROM flow_run").fetchone()[0] >= 0
    database.close()


def test_it_ends_when_its_parent_is_gone(server: tuple[subprocess.Popen[bytes], str, Path]) -> None:
    """Runs last of this module: closing standard input is what the death of a parent looks like."""
    process, _, _ = server
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_write_locks_are_taken_early(tmp_path: Path) -> None:
    code = (
        "from deployments.prefect_server import *\n"
        "use_immediate_transactions()\n"
        "from prefect.server.database.dependencies import provide_database_interface as get\n"
        "print(type(get().database_config).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "ImmediateSqliteConfiguration"
