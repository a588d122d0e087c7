"""The API on a real socket; nothing behind it, or a worker that plans at once and renders by the real flow."""

import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import api.app
from api import runs
from deployments.catalog import WORKFLOWS
from models.errors import AtelierError
from models.jobs import Job
from settings import get_settings
from storage import outbox
from storage.database import get_database
from storage.users import create_user


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


class Protected:
    """What opens the application when authentication is on."""

    keys = ("first-key", "second-key")
    username, password = "rosa", "100% sun+sea"


@pytest.fixture
def protected(home: Path, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch) -> Protected:
    """Authentication is on, with two keys and one user. Ask for it before ``client``, which reads the settings."""
    monkeypatch.setenv("API_AUTH_KEY", " , ".join(Protected.keys))
    get_settings.cache_clear()
    create_user(Protected.username, Protected.password)
    return Protected()


@pytest.fixture
def client(home: Path, submitter: FakeSubmitter) -> Iterator[httpx.Client]:
    """A client of the whole application.

    Settings are read when it starts: set variables in a fixture that comes before this one.
    """
    with _listening(api.app.create_app()) as session:
        yield session


SECONDS = 0.4


class Worker:
    """Runs what jobs want, in threads, whenever it is woken; ``planning`` and ``rendering`` can be switched off."""

    def __init__(self) -> None:
        self.planning = self.rendering = True
        self._context = contextvars.copy_context()  # where Prefect's test server is known
        self._pool = ThreadPoolExecutor(4)
        self._running: list[Any] = []

    def wake(self) -> None:
        self._running.append(self._pool.submit(self._context.copy().run, self._look))

    def settle(self) -> None:
        """Wait until everything that was wanted has ended."""
        while self._running:
            self._running.pop().result()

    def close(self) -> None:
        self.settle()
        self._pool.shutdown()

    def _look(self) -> None:
        for job_id in self._wanted():
            self._run(job_id)

    def _wanted(self) -> list[int]:
        found: list[int] = []
        with get_database().write() as session:
            for job in outbox.wanted(session, WORKFLOWS):
                may = self.rendering if job.plan_version else self.planning
                if may:
                    job.submitted_attempt = job.wanted_attempt
                    session.add(job)
                    found.append(job.id or 0)
        return found

    def _run(self, job_id: int) -> None:
        from tasks.open_job import open_job

        with get_database().read() as session:
            job = session.get_one(Job, job_id)
        workflow = WORKFLOWS[job.workflow]
        request = workflow.request(job_id=job_id)
        try:
            if job.plan_version > 0:
                module, _, name = workflow.entrypoint.rpartition(".")
                getattr(import_module(module), name)(request)
            else:
                with open_job(request) as lease:
                    _planning_task(job.workflow).fn(lease)
        except AtelierError:
            pass  # the job's row says so


def _planning_task(workflow: str) -> Any:
    from tasks.plan_property_scenes import plan_property_scenes
    from tasks.plan_scenes import plan_scenes

    return {"image-pairs": plan_scenes, "property-video": plan_property_scenes}[workflow]


@pytest.fixture
def worker(submitter: Any, engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A living worker, woken by the API."""

    async def alive() -> bool:
        return True

    monkeypatch.setattr(runs, "worker_is_alive", alive)
    working = Worker()
    monkeypatch.setattr(submitter, "wake", working.wake)
    yield working
    working.close()


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker sends a heartbeat."""

    async def dead() -> bool:
        return False

    monkeypatch.setattr(runs, "worker_is_alive", dead)


Create = Callable[..., dict[str, Any]]


@pytest.fixture
def create(worker: Worker, client: httpx.Client, make_campaign: Callable[..., str]) -> Create:
    """Return a function that creates a job from pictures over HTTP and returns the answer."""
    seeds = iter(range(1000))

    def post(pictures: int = 4, campaign_id: str | None = None, **body: Any) -> dict[str, Any]:
        campaign = campaign_id or make_campaign(pictures=pictures, seed=next(seeds))
        answer = client.post(
            "/api/v3/jobs/from-image-pairs", json={"campaign_id": campaign, "clip_duration": SECONDS, **body}
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return post


@pytest.fixture
def film(prefect_test_server: None, create: Create, client: httpx.Client, worker: Worker) -> Callable[..., int]:
    """Return a function that makes a completed job and returns its number."""

    def make(pictures: int = 4, **body: Any) -> int:
        job_id: int = create(pictures, **body)["job_id"]
        assert client.post(f"/api/v3/jobs/{job_id}/approve").status_code == 200
        worker.settle()
        assert client.get(f"/api/v3/jobs/{job_id}").json()["status"] == "completed"
        return job_id

    return make


@pytest.fixture
def until(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Return a function that reads a job until it has a status."""

    def wait(job_id: int, status: str) -> dict[str, Any]:
        for _ in range(600):
            job: dict[str, Any] = client.get(f"/api/v3/jobs/{job_id}").json()
            if job["status"] == status:
                return job
            time.sleep(0.05)
        raise AssertionError(f"job {job_id} is {job['status']}, not {status}: {job['error']}")

    return wait
