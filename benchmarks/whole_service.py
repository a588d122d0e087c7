"""The whole service, started as a user starts it, with an engine that only waits."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from PIL import Image

from benchmarks.api_server import free_port, proportional_memory_bytes
from benchmarks.waiting_engine import prepare
from settings import get_settings
from storage.database import get_database

_DURATIONS_S = (0.2, 1.0, 2.0)


class WholeService:
    """A service that is up; this process reads and writes the same rows."""

    def __init__(self, home: Path, api_port: int, prefect_port: int) -> None:
        self.home = home
        self.prefect_url = f"http://127.0.0.1:{prefect_port}/api"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{api_port}/api/v3", timeout=120)

    def campaign(self, scenes: int) -> str:
        """Store photos for so many scenes and return their campaign's id."""
        from cli.photos import check_photo, import_photos

        folder = self.home / "photos"
        folder.mkdir(exist_ok=True)
        photos = []
        for number in range(2 * scenes):
            noise = np.random.default_rng(number).integers(0, 255, (8, 12, 3), dtype=np.uint8)
            photos.append(folder / f"photo {number}.jpg")
            Image.fromarray(noise).resize((96, 64)).save(photos[-1])
        return import_photos([check_photo(photo) for photo in photos], "Benchmark")

    def create(self, campaign: str, scenes: int, duration_s: float) -> int:
        """Create a job with its storyboard."""
        body = {"campaign_id": campaign, "num_pairs": scenes, "clip_duration": duration_s}
        answer = self.client.post("/jobs/from-image-pairs", json=body).raise_for_status().json()
        if not answer["storyboard_ready"]:
            raise RuntimeError("no worker planned the job")
        return int(answer["job_id"])

    def seconds_until(self, job_id: int, statuses: tuple[str, ...], since: float) -> float:
        """Return the seconds from ``since`` (perf_counter) until the job has one of the statuses; asked 200 ×/s."""
        while True:
            job = self.client.get(f"/jobs/{job_id}").json()
            if job["status"] in statuses:
                return time.perf_counter() - since
            if job["status"] == "failed":
                raise RuntimeError(job["error"])
            time.sleep(0.005)

    def memory_bytes(self) -> int:
        """Return the memory of all its processes, shared pages counted once (PSS, Linux)."""
        mark = f"ATELIER_HOME={self.home}".encode()
        total = 0
        for entry in Path("/proc").iterdir():
            try:
                if entry.name != str(os.getpid()) and mark in (entry / "environ").read_bytes().split(b"\0"):
                    total += proportional_memory_bytes(int(entry.name))
            except OSError:
                continue
        return total


@contextmanager
def whole_service() -> Iterator[WholeService]:
    """Run ``atelier up`` on an empty data directory while the block lasts."""
    with TemporaryDirectory(prefix="atelier-bench-") as folder, TemporaryDirectory(prefix="atelier-bench-") as engine:
        prepare(Path(engine), _DURATIONS_S)
        ports = {name: free_port() for name in ("API_PORT", "PORT", "PREFECT_PORT")}
        os.environ.update({"ATELIER_HOME": folder, **{name: str(port) for name, port in ports.items()}})
        get_settings.cache_clear()
        path = os.pathsep.join(filter(None, (engine, os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-P", "-c", "from cli import main; main()", "up"]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError("the service did not start")
            yield WholeService(Path(folder), ports["API_PORT"], ports["PREFECT_PORT"])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            get_database().dispose()
