"""What goes wrong without anybody killing a part: a cancelled job, a full disk, a picture that kills its process."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

Jobs = Any
Service = Any

DISK_BYTES = 256 * 1024**2
MAX_RECOVERIES = 3
PLACES = (os.cpu_count() or 1) + 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def soon(there: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Wait for something, and return whether it came."""
    deadline = time.monotonic() + timeout_s
    while not (came := there()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return came


def rendering(service: Service) -> set[int]:
    """Return the processes that render now: children of the worker with the programs that they have started."""
    return {pid for child, programs in service.children().items() if programs for pid in (child, *programs)}


def cancel_by_api(service: Service, films: Jobs, job_id: int) -> None:
    assert httpx.post(f"{service.api}/jobs/{job_id}/cancel").status_code == 200
    assert films.state(job_id).status == "cancelled"


def cancel_by_command(service: Service, films: Jobs, job_id: int) -> None:
    done = service.atelier("cancel", job_id)
    assert done.returncode == 0, done.stderr
    assert films.state(job_id).status == "cancelled"


def cancel_in_prefect(service: Service, films: Jobs, job_id: int) -> None:
    """Do what the button of Prefect's UI does."""
    (run,) = [run for run in films.flow_runs(job_id) if run["state_type"] == "RUNNING"]
    state = {"type": "CANCELLING", "name": "Cancelling", "message": "Cancelled in the UI"}
    answer = httpx.post(f"{service.prefect}/flow_runs/{run['id']}/set_state", json={"state": state})
    assert answer.json()["status"] == "ACCEPT", answer.text
    films.until(job_id, lambda job: job.status == "cancelled")


@pytest.mark.parametrize("cancel", [cancel_by_api, cancel_by_command, cancel_in_prefect])
def test_a_cancelled_job_ends_with_all_its_processes(
    service: Service, films: Jobs, cancel: Callable[[Service, Jobs, int], None]
) -> None:
    service.revive()
    job_id = films.new(films.campaign(scenes=2), num_pairs=2, clip_duration=60)
    assert soon(lambda: bool(rendering(service))), "nothing is being rendered"
    workers = rendering(service)
    cancel(service, films, job_id)
    assert soon(lambda: not workers & set(service.processes())), "what rendered lives on"
    assert soon(lambda: {run["state_type"] for run in films.flow_runs(job_id)} == {"CANCELLED"}), [
        run["state"] for run in films.flow_runs(job_id)
    ]
    assert films.left_behind(job_id) == []
    assert service.revive() == []


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Put a disk of DISK_BYTES in the place of a folder while the block lasts."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"needs a small disk, and may not mount one: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_fails_the_job_and_harms_nothing(service: Service, films: Jobs) -> None:
    service.revive()
    objects = service.home / "objects"
    objects.mkdir(exist_ok=True)
    with small_disk(objects):
        known = films.objects()
        campaign = films.campaign(scenes=2)
        ballast = objects / "ballast"
        with ballast.open("wb") as file:
            space = os.statvfs(objects)
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)
        job_id = films.new(campaign, num_pairs=2)
        ended = films.when_ended(job_id)
        assert ended.status == "failed", ended
        assert "no space left" in (ended.error or "")
        assert "free some" in (ended.error or "")
        stored = {f"{path.parent.name}{path.name}" for path in objects.rglob("*") if path.is_file()}
        assert stored == (films.objects() - known) | {"objectsballast"}
        assert films.left_behind(job_id) == []

        ballast.unlink()
        assert httpx.post(f"{service.api}/jobs/{job_id}/retry").status_code == 200
        ended = films.when_ended(job_id)
        assert ended.status == "completed", ended.error
        assert films.film_faults(job_id, scene_frames=10) == []
        assert films.left_behind(job_id) == []


@pytest.mark.parametrize(
    ("poison", "reason"),
    [((255, 0, 255), "its process was killed (signal 9)"), ((0, 255, 255), "more than 1500 MB of memory")],
    ids=["killing", "hungry"],
)
def test_a_picture_that_kills_its_process_fails_only_its_own_job(
    service: Service, films: Jobs, poison: tuple[int, int, int], reason: str
) -> None:
    service.revive()
    poisoned = films.new(films.campaign(scenes=2, poison=poison), num_pairs=2)
    other = films.new(films.campaign(scenes=3), num_pairs=3)
    ended = films.when_ended(other)
    assert (ended.status, ended.recoveries) == ("completed", 0)
    assert films.film_faults(other, scene_frames=10) == []
    ended = films.when_ended(poisoned, timeout_s=200)
    assert (ended.status, ended.recoveries) == ("failed", MAX_RECOVERIES)
    assert f"died {MAX_RECOVERIES + 1} times" in (ended.error or "")
    assert reason in (ended.error or "")
    assert ended.scenes[0].status == "failed"
    assert films.left_behind(poisoned) == []
    assert service.revive() == []


def test_who_waits_for_a_storyboard_finds_a_place(service: Service, films: Jobs) -> None:
    service.revive()
    busy = [films.new(films.campaign(scenes=1), num_pairs=1, clip_duration=60) for _ in range(PLACES)]
    assert soon(lambda: sum(films.state(job).attempt for job in busy) == PLACES - 1), "not every other place is taken"
    body = {"campaign_id": films.campaign(scenes=2), "num_pairs": 2}
    answer = httpx.post(f"{service.api}/jobs/from-image-pairs", json=body, timeout=60).json()
    assert answer["storyboard_ready"], answer
    assert sum(films.state(job).attempt for job in busy) == PLACES - 1
    for job_id in busy:
        cancel_by_api(service, films, job_id)
    assert [fault for job_id in busy for fault in films.left_behind(job_id)] == []
