"""A whole service, started for real with `atelier up`, and what tests ask of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from cli.photos import check_photo, import_photos
from models.jobs import Job
from models.runs import ImagePairsRequest
from settings import get_settings
from storage import jobs
from storage.database import get_database

ROOT = Path(__file__).parents[2]
_OURS = (
    "PREFECT_", "ATELIER_", "HOST", "PORT", "API_", "DATABASE_", "STORAGE_", "AUTH_", "SECRET_KEY", "WORKER_",
    "REPLICATE_", "XAI_", "OPENAI_", "VIDEO_GENERATION_MODEL",
)  # fmt: skip


class Service:
    """One `atelier up` on a folder of its own; ``start`` again after it ended."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.home = folder, folder / "home"
        self.api_port, self.port, self.prefect_port = ports
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "ATELIER_HOME": str(self.home),
            "API_PORT": str(self.api_port),
            "PORT": str(self.port),
            "PREFECT_PORT": str(self.prefect_port),
            "COLUMNS": "200",
        }
        self.line = ""
        self.process: subprocess.Popen[str] | None = None

    @property
    def prefect_api(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    def start(self) -> subprocess.Popen[str]:
        """Start the service and wait for its line."""
        self.kill()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from cli import main; main()", "up"],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        assert "studio http" in self.line, self.line + self.process.stdout.read()
        return self.process

    def atelier(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            [sys.executable, "-c", "from cli import main; main()", *map(str, arguments)], self.folder, environment
        )

    def prefect(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Prefect's own command, as in a checkout."""
        program = str(Path(sys.executable).parent / "prefect")
        home = str(self.folder / "prefect-of-the-user")
        environment = {"PREFECT_API_URL": self.prefect_api, "PREFECT_HOME": home, "DO_NOT_TRACK": "1"}
        return self.run([program, "--no-prompt", *arguments], ROOT, environment)

    def run(self, command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=cwd, env={**self.environment, **environment}, capture_output=True,
            stdin=subprocess.DEVNULL, text=True, timeout=120, check=False,
        )  # fmt: skip

    def ask_prefect(self, path: str, **body: Any) -> Any:
        return httpx.post(f"{self.prefect_api}{path}", json=body, timeout=30).raise_for_status().json()

    def processes(self) -> list[str]:
        """Return the command lines of living processes that were started for this service."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"ATELIER_HOME={self.home}".encode() in environ and command:
                found.append(command)
        return found

    def campaign(self, pictures: int = 4) -> str:
        """Add a campaign with pictures; return its id."""
        folder = self.folder / "pictures"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(pictures):
            noise = np.random.default_rng(number).integers(0, 255, (8, 12, 3), dtype=np.uint8)
            paths.append(folder / f"photo {number + 1}.jpg")
            Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC).save(paths[-1])
        with self.rows():
            return import_photos([check_photo(path) for path in paths], "Villa Rosa")

    def new_job(self, **request: Any) -> int:
        with self.rows(), get_database().write() as session:
            job = jobs.create_image_pairs_job(session, ImagePairsRequest(**request))
            assert job.id is not None
            return job.id

    def job(self, job_id: int) -> Job:
        with self.rows(), get_database().read() as session:
            return jobs.get_job(session, job_id)

    def wait_for(self, job_id: int, there: Callable[[Job], bool], timeout_s: float = 60) -> Job:
        deadline = time.monotonic() + timeout_s
        while not there(job := self.job(job_id)):
            assert time.monotonic() < deadline, f"job {job_id} is {job.status}, {job.progress}, {job.error}"
            time.sleep(0.1)
        return job

    @contextmanager
    def rows(self) -> Iterator[None]:
        """Let this process use the service's database and objects while the block lasts."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ATELIER_HOME", str(self.home))
            get_settings.cache_clear()
            yield
        get_settings.cache_clear()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """Return a function that finds so many different ports which nothing uses now."""

    def find(count: int) -> list[int]:
        probes = [socket.socket() for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [int(probe.getsockname()[1]) for probe in probes]
        for probe in probes:
            probe.close()
        return ports

    return find


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Service]:
    """The one service of the session, up."""
    service = Service(tmp_path_factory.mktemp("service"), free_ports(3))
    try:
        service.start()
        yield service
    finally:
        service.kill()
        with service.rows():
            get_database().dispose()
