"""The service in its parts, each a process that tests kill and start again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deployments.lifeline import READY
from deployments.supervisor import Part
from settings import Settings, service_environment

ROOT = Path(__file__).parents[2]
PARTS = ("prefect", "worker", "api")
_OURS = (
    "PREFECT_", "ATELIER_", "HOST", "PORT", "API_", "DATABASE_", "STORAGE_", "AUTH_", "SECRET_KEY", "WORKER_",
    "REPLICATE_", "XAI_", "OPENAI_", "VIDEO_GENERATION_MODEL",
)  # fmt: skip
_START_TIMEOUT_S, _STOP_TIMEOUT_S, _SETTLE_TIMEOUT_S = 90.0, 8.0, 10.0
_ROWS = pytest.StashKey[list[tuple[Any, ...]]]()
_HEADINGS = ("seed", "victim", "moment", "delay ms", "down s", "found at the kill", "s", "again", "runs", "verdict")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-seeds", metavar="A-B", help="kill at all points of these seeds instead of a chosen few")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = [_HEADINGS, *((*map(str, row),) for row in config.stash[_ROWS])]
    if len(rows) == 1 or not config.getoption("--chaos-seeds", None):
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    terminalreporter.section("kill points")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())


class _Running(NamedTuple):
    process: subprocess.Popen[bytes]
    line: socket.socket


class Service:
    """Prefect's server, the worker and the API, each a process of its own on a folder of their own."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self.folder, self.home = folder, folder / "home"
        self.api = f"http://127.0.0.1:{ports[0]}/api/v3"
        self.prefect = f"http://127.0.0.1:{ports[2]}/api"
        self.environment = self._environment(ports)
        self._parts = {
            "prefect": Part("prefect", "", "deployments.prefect_server", (str(ports[2]), self.prefect)),
            "worker": Part("worker", "", "deployments.worker"),
            "api": Part("api", "", "api.server"),
        }
        self._running: dict[str, _Running] = {}

    def start(self, *names: str) -> None:
        """Start parts side by side, and wait until each says that it answers."""
        for name in names:
            self._running[name] = self._start(self._parts[name])
        for name in names:
            line = self._running[name].line
            line.settimeout(_START_TIMEOUT_S)
            assert line.recv(len(READY)) == READY, f"{name} did not start: {self._log(name).read_text()[-2000:]}"

    def kill(self, *names: str) -> None:
        """Kill parts outright, all at once; what they started is left to notice it."""
        gone = [self._running.pop(name) for name in names]
        for part in gone:
            part.process.kill()
        for part in gone:
            part.process.wait()
            part.line.close()

    def stop(self) -> None:
        """End all parts in good order."""
        for part in self._running.values():
            part.process.terminate()
            part.line.close()
        for part in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                part.process.wait(_STOP_TIMEOUT_S)
        self.kill(*self._running)

    def clear(self) -> None:
        """End whatever still runs for this service, however that came about."""
        self.kill(*self._running)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def revive(self) -> list[str]:
        """Start again the parts that ended though nobody killed them, and return their names."""
        fallen = [name for name, part in self._running.items() if part.process.poll() is not None]
        self.kill(*fallen)
        missing = [name for name in PARTS if name not in self._running]
        self.start(*missing)
        return fallen

    def processes(self) -> dict[int, str]:
        """Return the command lines of the living processes that were started for this service, by their ids."""
        found = {}
        for pid in _pids():
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if command and f"ATELIER_HOME={self.home}".encode() in environ:
                    found[pid] = command
        return found

    def orphans(self) -> dict[int, str]:
        """Return the processes of this service that descend from no living part, after a grace to end in."""
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while True:
            parts = {part.process.pid for part in self._running.values()}
            family = parts.union(*map(descendants, parts))
            found = {pid: command for pid, command in self.processes().items() if pid not in family}
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def children(self) -> dict[int, set[int]]:
        """Return the worker's processes that carry out runs, each with the programs that it has started.

        They are the last Python processes of the worker's family: what forks them is none, nor what they start.
        """
        family = descendants(self._running["worker"].process.pid)
        commands = {pid: command for pid, command in self.processes().items() if pid in family}
        pythons = {pid for pid, command in commands.items() if _is_python(command)}
        families = {pid: descendants(pid) for pid in pythons}
        return {pid: programs for pid, programs in families.items() if not programs & pythons}

    def effort(self) -> dict[int, int]:
        """Return the clock ticks that each child has worked so far, with its programs that have ended."""
        return {pid: sum(map(int, words[11:15])) for pid in self.children() if (words := _stat(pid))}

    def child_at_work(self, before: dict[int, int]) -> int | None:
        """Return the child that has worked most since ``effort`` gave ``before``; None when there is no child."""
        now = self.effort()
        return max(now, key=lambda pid: now[pid] - before.get(pid, 0), default=None)

    def atelier(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-c", "from cli import main; main()", *map(str, arguments)],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip

    def _start(self, part: Part) -> _Running:
        ours, theirs = socket.socketpair()
        with theirs, self._log(part.name).open("ab") as words:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", part.module, *part.arguments],
                cwd=self.folder, env=self.environment, stdin=theirs.fileno(), stdout=words, stderr=words,
                start_new_session=True,
            )  # fmt: skip
        return _Running(process, ours)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _environment(self, ports: Sequence[int]) -> dict[str, str]:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(_OURS)]:
                patch.delenv(name)
            patch.chdir(self.folder)
            for name, value in zip(("API_PORT", "PORT", "PREFECT_PORT"), ports, strict=True):
                patch.setenv(name, str(value))
            patch.setenv("ATELIER_HOME", str(self.home))
            patch.setenv("WORKER_CHILD_MEMORY_MB", "1500")
            patch.setenv("PYTHONPATH", f"{Path(__file__).parent / 'poison'}:{ROOT}")
            return service_environment(Settings())


def descendants(pid: int) -> set[int]:
    """Return all processes that descend from one, by the links of living parents."""
    parents = {entry: int(words[1]) for entry in _pids() if (words := _stat(entry))}
    found, unseen = set[int](), {pid}
    while unseen:
        unseen = {entry for entry, parent in parents.items() if parent in unseen}
        found |= unseen
    return found


def _is_python(command: str) -> bool:
    """Return whether a command line is Python's and not the one that only keeps multiprocessing's books."""
    return Path(command.partition(" ")[0]).name.startswith("python") and "resource_tracker" not in command


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state (the third) on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """All parts up; one service for all tests of this folder, gone before those of the next."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("finds processes by /proc, which only Linux has")
    service = Service(tmp_path_factory.mktemp("chaos"), _free_ports(3))
    try:
        service.start(*PARTS)
        yield service
    finally:
        service.clear()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> list[tuple[Any, ...]]:
    """Rows of the table that is printed at the end, a cell for each of ``_HEADINGS``."""
    return pytestconfig.stash[_ROWS]
