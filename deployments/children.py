"""The worker's warm children: kept ready, handed runs, replaced when they are worn or dead.

They are forked by a server process that has imported everything and has no threads (multiprocessing's forkserver), so a
child is there in milliseconds and shares its memory with the others. A few are always ready; more are made on demand.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from uuid import UUID

from deployments.child import Order, serve
from deployments.memory import resident_bytes
from models.errors import ProcessingFailed
from storage import scratch

_START_TIMEOUT_S = 120.0  # the first one waits for everything to be imported, which takes long on a slow disk
_EXIT_TIMEOUT_S = 5.0
_RUNS_PER_CHILD = 200
_WORN_BYTES = 1024**3
_log = logging.getLogger("atelier.children")


class Child:
    """One process, and the pipe to it. ``order`` is what it carries out now."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        assert process.pid is not None
        self.process, self.pid, self._pipe = process, process.pid, pipe
        self.order: Order | None = None
        self.killed_for: str | None = None
        self._runs = 0
        self._changed = False
        self._loop = asyncio.get_running_loop()
        self._word: asyncio.Future[bool] = self._loop.create_future()
        self._loop.add_reader(pipe.fileno(), self._heard)

    async def is_ready(self) -> bool:
        """Wait until the child can take a run; False when it has ended instead."""
        ready = await self._word
        if ready:
            self._word, self.order = self._loop.create_future(), None
        return ready

    def has_ended(self) -> bool:
        """Return whether the child, which was ready, is gone."""
        return self._word.done()

    def is_worn(self) -> bool:
        """Return whether the child should be replaced before it takes another run."""
        return self._changed or self._runs >= _RUNS_PER_CHILD or resident_bytes(self.pid) > _WORN_BYTES

    def send(self, order: Order) -> None:
        """Have a run carried out. A child that has just ended is noticed by ``is_ready``."""
        self.order = order
        self._runs += 1
        self._changed = order.entrypoint is None  # loading a foreign flow may change folder and import path
        with contextlib.suppress(OSError):
            self._pipe.send(order)

    def kill(self, reason: str) -> None:
        """End the child and every program that it started."""
        self.killed_for = self.killed_for or reason
        self._end_group()

    async def bury(self) -> None:
        """End what the child may have left behind: programs, the pipe, working files."""
        self._end_group()
        self._loop.remove_reader(self._pipe.fileno())
        await asyncio.to_thread(self.process.join, _EXIT_TIMEOUT_S)
        self._pipe.close()
        await asyncio.to_thread(scratch.discard, self.pid)

    def how_it_ended(self) -> str:
        """Return why the child is gone, in words; once it is buried."""
        status = self.process.exitcode or 0
        if self.killed_for:
            return self.killed_for
        if status == -signal.SIGKILL:
            return "its process was killed (signal 9); a picture may need more memory than there is"
        if status < 0:
            return f"its process crashed ({signal.Signals(-status).name})"
        return f"its process ended by itself (status {status})"

    def _end_group(self) -> None:
        for end in (os.killpg, os.kill):  # in its first moment it does not lead a group yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)

    def _heard(self) -> None:
        try:
            self._pipe.recv()
            alive = True
        except (EOFError, OSError):
            self._loop.remove_reader(self._pipe.fileno())
            alive = False
        if not self._word.done():
            self._word.set_result(alive)


class ChildPool:
    """At most ``size`` children, ``spare`` of them ready beyond those at work.

    ``modules`` are imported before the first is forked; ``serve`` is what a child does with its end of the pipe.
    """

    def __init__(
        self, size: int, modules: Sequence[str], spare: int = 2, serve: Callable[[Connection], None] = serve
    ) -> None:
        self.size, self._spare, self._serve = size, spare, serve
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*modules, "deployments.warm_up"])
        self._idle: list[Child] = []
        self._busy: dict[UUID, Child] = {}
        self._forking = asyncio.Lock()
        self._refilling: asyncio.Task[None] | None = None

    def at_work(self) -> list[Child]:
        """Return the children that carry out a run."""
        return list(self._busy.values())

    async def refill(self) -> None:
        """Make children until enough are ready. Raises ProcessingFailed when one does not come up."""
        while len(self._idle) < min(self._spare, self.size - len(self._busy)):
            self._idle.append(await self._fork())

    async def run(self, order: Order) -> str | None:
        """Have a run carried out and return when it has ended: None, or how its child died.

        Raises ProcessingFailed when no child comes up.
        """
        child = await self._take()
        self._busy[order.id] = child
        child.send(order)
        self._refill_beside()
        try:
            survived = await child.is_ready()
        finally:
            del self._busy[order.id]
        if survived and not child.killed_for and not child.is_worn():
            self._idle.append(child)
            return None
        died = not survived or child.killed_for is not None
        await child.bury()
        self._refill_beside()
        return child.how_it_ended() if died else None

    def kill(self, flow_run_id: UUID, reason: str) -> None:
        """End the child that carries out this run, if one does, with every program that it started."""
        if flow_run_id in self._busy:
            self._busy[flow_run_id].kill(reason)

    async def close(self) -> None:
        """End all children; who waits for a run learns that the worker was stopped."""
        self._spare = 0
        if self._refilling is not None:  # what it is forking now must be ended, too
            await asyncio.wait([self._refilling], timeout=_EXIT_TIMEOUT_S)
        idle, self._idle = self._idle, []
        for child in (*idle, *self._busy.values()):
            child.kill("the worker was stopped")
        await asyncio.gather(*(child.bury() for child in idle))

    async def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if not child.has_ended():
                return child
            await child.bury()
        return await self._fork()

    async def _fork(self) -> Child:
        async with self._forking:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=self._serve, args=(theirs,), name="atelier-child", daemon=True)
            await asyncio.to_thread(process.start)
            theirs.close()
        child = Child(process, ours)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                ready = await child.is_ready()
        except TimeoutError:
            ready = False
        if not ready:
            await child.bury()
            raise ProcessingFailed("a process for runs could not be started; the lines above say why")
        return child

    def _refill_beside(self) -> None:
        if self._refilling is None or self._refilling.done():
            self._refilling = asyncio.create_task(self._refill_quietly())

    async def _refill_quietly(self) -> None:
        try:
            await self.refill()
        except (ProcessingFailed, OSError):
            _log.exception("no child can be made ready; the next run tries again")
