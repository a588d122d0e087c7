"""Starting several parts together and ending them together.

Each part is a process group of its own with a line to this process (see ``deployments.lifeline``). One that ends by
itself is started again, unless that happens again and again: then all end, as at a signal. When this process is killed,
the lines break and the parts end by themselves.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import ProcessingFailed

_STOP_TIMEOUT_S = 6.0
_LOOK_INTERVAL_S = 0.5
_LOG_BYTES = 20 * 1000**2
_MOST_RESTARTS, _RESTARTS_WITHIN_S = 5, 60.0
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


class PartEnded(ProcessingFailed):
    """A part ended by itself."""

    def __init__(self, entry: _Running) -> None:
        super().__init__(f"{entry.part.title} ended by itself, so everything was stopped; {entry.log} says why")
        self.entry = entry


class Interrupted(Exception):
    """A signal asked for the end."""


class Supervisor:
    """The parts that run. Use ``supervised``, which ends them."""

    def __init__(self, logs: Path, environment: Mapping[str, str], signals: socket.socket) -> None:
        self._logs, self._environment, self._signals = logs, dict(environment), signals
        self._running: list[_Running] = []
        self._restarts: list[float] = []

    def start(self, part: Part) -> None:
        """Start a part. Its words go to a file in the logs folder; one that has grown large is set aside before."""
        self._running.append(self._started(part))

    def _started(self, part: Part) -> _Running:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{part.name}.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_name(f"{part.name}.old.log"))
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
        return _Running(part, process, ours, log)

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

    def wait(self, note: Callable[[str], None]) -> None:
        """Keep the parts running until a signal; ``note`` gets a sentence whenever one is started again.

        Raises Interrupted at a signal, ProcessingFailed when parts end by themselves again and again.
        """
        while True:
            try:
                for _ in self._said(float("inf")):
                    pass
            except PartEnded as ended:
                self._replace(ended, note)

    def _replace(self, ended: "PartEnded", note: Callable[[str], None]) -> None:
        now = time.monotonic()
        self._restarts = [moment for moment in self._restarts if now - moment < _RESTARTS_WITHIN_S]
        if len(self._restarts) >= _MOST_RESTARTS:
            raise ended
        self._restarts.append(now)
        entry = ended.entry
        _end_group(entry)
        note(f"{entry.part.title} ended by itself and is started again; {entry.log} says why")
        self._running[self._running.index(entry)] = self._started(entry.part)

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
            _end_group(entry)
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
                        raise PartEnded(entry)
                    yield entry
                for entry in self._running:
                    if entry.process.poll() is not None:
                        raise PartEnded(entry)


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


def _end_group(entry: _Running) -> None:
    """End what a part has left behind: it has ended, or closed its line and must."""
    entry.line.close()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(entry.process.pid, signal.SIGKILL)
    entry.process.wait()
