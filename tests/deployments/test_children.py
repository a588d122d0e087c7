"""The worker's children, with a small program in the place of Prefect's engine: real forks, pipes and signals."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deployments import children
from deployments.child import Order
from deployments.children import ChildPool
from storage import scratch

pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc, which only Linux has"),
]

PRETEND = """
import os, signal, subprocess, sys, time
def serve(pipe):
    os.setpgid(0, 0)
    pipe.send("ready")
    while True:
        try:
            order = pipe.recv()
        except OSError:
            os._exit(0)
        match order.flow_run.split():
            case ["work", path]:
                open(path, "a").write(f"{os.getpid()}\\n")
            case ["die"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["crash"]:
                os.kill(os.getpid(), signal.SIGSEGV)
            case ["leave"]:
                os._exit(3)
            case ["hang", path]:
                program = subprocess.Popen(["sleep", "600"])
                open(path, "a").write(f"{os.getpid()} {program.pid}\\n")
                time.sleep(600)
        pipe.send("ready")
"""


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "pretend_child.py").write_text(PRETEND)
    monkeypatch.syspath_prepend(tmp_path)
    import pretend_child  # type: ignore[import-not-found]

    return pretend_child.serve


def within(serve: Any, script: Callable[[ChildPool], Awaitable[None]], **options: Any) -> None:
    """Run the script with a pool, and check that none of its processes outlives it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[ChildPool]:
        pool = ChildPool(**{"size": 3, "modules": ["deployments.child"], "spare": 1, "serve": serve, **options})
        await pool.refill()
        try:
            yield pool
        finally:
            await pool.close()

    async def main() -> None:
        async with opened() as pool:
            await script(pool)

    asyncio.run(main())


def order(words: str) -> Order:
    return Order(uuid4(), words, "a.flow")


async def numbers_in(path: Path) -> list[int]:
    while not path.exists() or not path.read_text().endswith("\n"):
        await asyncio.sleep(0.01)
    return [int(word) for word in path.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(*pids: int) -> bool:
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return not any(map(alive, pids))


def test_one_child_serves_run_after_run(serve: Any, tmp_path: Path) -> None:
    async def script(pool: ChildPool) -> None:
        for _ in range(3):
            assert await pool.run(order(f"work {tmp_path / 'pids'}")) is None
        assert len(set(await numbers_in(tmp_path / "pids"))) == 1
        assert pool.at_work() == []

    within(serve, script, size=1)


def test_runs_at_the_same_time_have_children_of_their_own(serve: Any, tmp_path: Path) -> None:
    async def script(pool: ChildPool) -> None:
        paths = [tmp_path / str(number) for number in range(3)]
        runs = [asyncio.create_task(pool.run(order(f"hang {path}"))) for path in paths]
        pids = [(await numbers_in(path))[0] for path in paths]
        assert {child.pid for child in pool.at_work()} == set(pids)
        for child in pool.at_work():
            child.kill("it was enough")
        assert await asyncio.gather(*runs) == ["it was enough"] * 3
        assert os.getpgid(os.getpid()) not in pids

    within(serve, script)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("die", "its process was killed (signal 9); a picture may need more memory than there is"),
        ("crash", "its process crashed (SIGSEGV)"),
        ("leave", "its process ended by itself (status 3)"),
    ],
)
def test_a_death_fails_its_own_run_only(serve: Any, tmp_path: Path, words: str, reason: str) -> None:
    async def script(pool: ChildPool) -> None:
        path = tmp_path / "pids"
        assert await pool.run(order(words)) == reason
        assert await pool.run(order(f"work {path}")) is None
        assert alive((await numbers_in(path))[0])

    within(serve, script)


def test_killing_a_run_ends_its_programs_and_removes_its_files(serve: Any, tmp_path: Path) -> None:
    async def script(pool: ChildPool) -> None:
        asked = order(f"hang {tmp_path / 'pids'}")
        run = asyncio.create_task(pool.run(asked))
        child, program = await numbers_in(tmp_path / "pids")
        left = scratch.process_folder(child) / "clip.mp4"
        left.write_bytes(b"half a clip")
        pool.kill(uuid4(), "another run is meant")
        assert alive(child)
        pool.kill(asked.id, "it was cancelled")
        assert await run == "it was cancelled"
        assert await gone(child, program)
        assert not left.parent.exists()

    within(serve, script)


def test_a_child_that_died_while_idle_is_replaced(serve: Any, tmp_path: Path) -> None:
    async def script(pool: ChildPool) -> None:
        path = tmp_path / "pids"
        await pool.run(order(f"work {path}"))
        (first,) = await numbers_in(path)
        os.kill(first, 9)
        assert await gone(first)
        await asyncio.sleep(0)
        assert await pool.run(order(f"work {path}")) is None
        assert len(set(await numbers_in(path))) == 2

    within(serve, script, size=1)


def test_a_worn_child_is_replaced(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_RUNS_PER_CHILD", 2)

    async def script(pool: ChildPool) -> None:
        for _ in range(4):
            assert await pool.run(order(f"work {tmp_path / 'pids'}")) is None
        pids = await numbers_in(tmp_path / "pids")
        assert pids[0] == pids[1] != pids[2] == pids[3]
        assert await gone(pids[0])

    within(serve, script, size=1)


def test_a_child_that_has_grown_is_replaced(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_WORN_BYTES", 1024)

    async def script(pool: ChildPool) -> None:
        for _ in range(2):
            assert await pool.run(order(f"work {tmp_path / 'pids'}")) is None
        first, second = await numbers_in(tmp_path / "pids")
        assert first != second

    within(serve, script, size=1)


def test_closing_ends_all(serve: Any, tmp_path: Path) -> None:
    found: list[int] = []

    async def script(pool: ChildPool) -> None:
        run = asyncio.create_task(pool.run(order(f"hang {tmp_path / 'pids'}")))
        found.extend(await numbers_in(tmp_path / "pids"))
        await pool.close()
        assert await run == "the worker was stopped"
        assert await gone(*found)

    within(serve, script)
