"""The API on a real socket, with nothing behind it: runs are wanted but never sent."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import api.app


class FakeSubmitter:
    """Stands where the submitter would; counts how often it was woken."""

    def __init__(self) -> None:
        self.reachable = True
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def submitter(monkeypatch: pytest.MonkeyPatch) -> FakeSubmitter:
    """The submitter of ``client``'s application; it contacts nobody."""
    fake = FakeSubmitter()

    @asynccontextmanager
    async def running() -> AsyncIterator[FakeSubmitter]:
        yield fake

    monkeypatch.setattr(api.app, "running_submitter", running)
    return fake


@contextmanager
def _listening(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve ``app`` on a free loopback port while the block lasts; yields a client of it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the application did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def listening() -> Callable[[FastAPI], AbstractContextManager[httpx.Client]]:
    """Return the context manager that serves any application on a real socket."""
    return _listening


@pytest.fixture
def client(home: Path, submitter: FakeSubmitter) -> Iterator[httpx.Client]:
    """A client of the whole application.

    Settings are read when it starts: set variables in a fixture that comes before this one.
    """
    with _listening(api.app.create_app()) as session:
        yield session
