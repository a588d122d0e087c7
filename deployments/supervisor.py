"""Starting several parts together and ending them together.

Each part is a process group of its own with a line to this process (see ``deployments.lifeline``). When one ends, or a
signal comes, all end; when this process is killed, the lines break and the parts end by themselves.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import ProcessingFailed

_STOP_TIMEOUT_S = 6.0
_LOOK_INTERVAL_S = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Part(NamedTuple):
    """A part: its name, which its log bears, how messages call it, the module it runs, and the module's arguments."""

    name: str
    title: str
    module: str
    arguments: tuple[str, ...] = ()


class _Running(NamedTuple):
    part: Part
    process: subprocess.Popen[bytes]
    line: socket.socket
    log: Path


class Interrupted(Exception):
    """A signal asked for the end."""


class Supervisor:
    """The parts that run. Use ``supervised``, which ends them."""

    def __init__(self, logs: Path, environment: Mapping[str, str], signals: socket.socket) -> None:
        self._logs, self._environment, self._signals = logs, dict(environment), signals
        self._running: list[_Running] = []

    def start(self, part: Part) -> None:
        """Start a part. Its words go to a file in the logs folder."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{part.name}.log"
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as words:
            process = subprocess.Popen(
                # -P: the working directory may hold a `models` or `storage` of its own, which must not be imported
                [sys.executable, "-P", "-m", part.module, *part.arguments],
                stdin=theirs.fileno(),
                stdout=words,
                stderr=words,
                env=self._environment,
                start_new_session=True,
            )
        self._running.append(_Running(part, process, ours, log))

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when every part has said that it answers.

        Raises ProcessingFailed when one ends or none answers in time, and Interrupted at a signal.
        """
        deadline = time.monotonic() + timeout_s
        waiting = {entry.part for entry in self._running}
        for entry in self._said(deadline):
            waiting.discard(entry.part)
            if not waiting:
                return
        slow = next(entry for entry in self._running if entry.part in waiting)
        raise ProcessingFailed(f"{slow.part.title} did not answer within {timeout_s:g} s; {slow.log} says more")

    def wait(self) -> None:
        """Wait for the end: raises Interrupted at a signal, ProcessingFailed when a part ends by itself."""
        for _ in self._said(float("inf")):
            pass

    def stop(self) -> None:
        """End all parts, the first started last; what does not end in time is killed with all it started."""
        for entry in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                entry.process.terminate()
            entry.line.close()
            try:
                entry.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                entry.process.kill()
                entry.process.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(entry.process.pid, signal.SIGKILL)
        self._running.clear()

    def _said(self, deadline: float) -> Iterator[_Running]:
        """Yield each part that says something, until the deadline."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals, selectors.EVENT_READ)
            for entry in self._running:
                selector.register(entry.line, selectors.EVENT_READ, entry)
            while time.monotonic() < deadline:
                for key, _ in selector.select(_LOOK_INTERVAL_S):
                    if key.data is None:
                        raise Interrupted
                    entry = key.data
                    if not entry.line.recv(1024):
                        raise _ended(entry)
                    yield entry
                for entry in self._running:
                    if entry.process.poll() is not None:
                        raise _ended(entry)


@contextlib.contextmanager
def supervised(logs: Path, environment: Mapping[str, str]) -> Iterator[Supervisor]:
    """Provide a supervisor whose parts end with the block; signals end the waiting instead of this process."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def note(_signal: int, _frame: object) -> None:
        with contextlib.suppress(BlockingIOError):
            ours.send(b"!")

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    supervisor = Supervisor(logs, environment, theirs)
    try:
        yield supervisor
    finally:
        supervisor.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        theirs.close()


def run_parts(parts: Sequence[Part], supervisor: Supervisor, timeout_s: float) -> None:
    """Start the parts and wait until all answer. Raises like ``wait_until_ready``."""
    for part in parts:
        supervisor.start(part)
    supervisor.wait_until_ready(timeout_s)


def _ended(entry: _Running) -> ProcessingFailed:
    with contextlib.suppress(subprocess.TimeoutExpired):
        entry.process.wait(1)
    return ProcessingFailed(f"{entry.part.title} ended by itself, so everything was stopped; {entry.log} says why")
