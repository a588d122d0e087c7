"""How much the kernel adds to the work: waiting, starting, ending, memory, and whether a long queue slows it down.

Run with ``python -m benchmarks.bench_kernel``. The service is a real `atelier up` whose engine only waits; its peer is
Prefect's own ``flow.serve()`` on the same server, in the same run.
"""

import os
import subprocess
import sys
import time
from statistics import median
from uuid import UUID

import httpx
from sqlmodel import col, select

from benchmarks.api_server import percentile
from benchmarks.whole_service import WholeService, whole_service
from models.jobs import Job, JobStatus
from models.runs import ImagePairsRequest
from storage.database import get_database
from storage.jobs import create_image_pairs_job

_JOBS, _SERVED_RUNS, _BURSTS = 30, 6, 3
_SCENES, _SCENE_S = 10, 2.0
_QUEUED, _SAMPLE = 300, 100


def main() -> None:
    """Measure and print."""
    with whole_service() as service:
        time.sleep(5)
        print(f"idle memory of everything (PSS): {service.memory_bytes() / 1024**2:.0f} MB (aim ≤ 800)")
        creating, running = _latencies(service)
        print(f"create with storyboard: {_spread(creating)} (aim p50 ≤ 1.0 s)")
        print(f"approve → running: {_spread(running)} (aim p50 ≤ 0.6 s, p95 ≤ 0.9 s)")
        stock = _served(service.prefect_url)
        ratio = median(stock) / median(running)
        print(f"stock flow.serve(), submit → running: {_spread(stock)}; {ratio:.1f} × ours (aim ≥ 10)")
        added = _spread(_overheads(service))
        print(f"{_SCENES} scenes that wait {_SCENE_S:g} s, what the job adds: {added} (aim ≤ 1.0 s)")
        first, last = _throughput(service)
        print(
            f"{_QUEUED} jobs of 1 s queued at once: first {_SAMPLE} {first:.2f}/s, last {_SAMPLE} {last:.2f}/s, "
            f"ratio {last / first:.2f} (aim ≥ 0.9)"
        )


def _latencies(service: WholeService) -> tuple[list[float], list[float]]:
    campaign = service.campaign(1)
    creating, running = [], []
    for _ in range(_JOBS):
        begun = time.perf_counter()
        job_id = service.create(campaign, 1, 0.2)
        creating.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        service.client.post(f"/jobs/{job_id}/approve").raise_for_status()
        running.append(service.seconds_until(job_id, ("processing", "completed"), begun))
        service.seconds_until(job_id, ("completed",), begun)
    return creating, running


def _overheads(service: WholeService) -> list[float]:
    """Return what is left of the time from approval to completion without the wait and the stitching."""
    campaign, found = service.campaign(_SCENES), []
    for _ in range(_BURSTS):
        job_id = service.create(campaign, _SCENES, _SCENE_S)
        begun = time.perf_counter()
        service.client.post(f"/jobs/{job_id}/approve").raise_for_status()
        found.append(service.seconds_until(job_id, ("completed",), begun) - _SCENE_S - _stitching_s(service, job_id))
    return found


def _stitching_s(service: WholeService, job_id: int) -> float:
    """Return how long the job's run was stitching, as Prefect recorded it."""
    wanted = {"flow_runs": {"tags": {"all_": [f"job:{job_id}"]}}, "task_runs": {"name": {"like_": "stitch_clips"}}}
    for _ in range(100):
        runs = httpx.post(f"{service.prefect_url}/task_runs/filter", json=wanted).json()
        if runs and runs[0]["end_time"]:
            return float(runs[0]["total_run_time"])
        time.sleep(0.1)
    raise RuntimeError(f"Prefect knows nothing of the stitching of job {job_id}")


def _throughput(service: WholeService) -> tuple[float, float]:
    """Queue jobs that need no approval, and return how many a second ended among the first and among the last."""
    campaign = service.campaign(1)
    request = ImagePairsRequest(campaign_id=campaign, num_pairs=1, clip_duration=1.0, approve=True)
    with get_database().write() as session:
        wanted = [create_image_pairs_job(session, request).id for _ in range(_QUEUED)]
    query = select(Job.finished_at).where(col(Job.id).in_(wanted), Job.status == JobStatus.COMPLETED)
    while True:
        with get_database().read() as session:
            ended = sorted(moment.timestamp() for moment in session.exec(query) if moment)
        if len(ended) == _QUEUED:
            break
        time.sleep(1)
    gaps = _SAMPLE - 1
    return gaps / (ended[_SAMPLE - 1] - ended[0]), gaps / (ended[-1] - ended[-_SAMPLE])


def _served(prefect_url: str) -> list[float]:
    """Return the seconds from submitting a run of a served flow until it is running, one run after another."""

    environment = {**os.environ, "PREFECT_API_URL": prefect_url}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.served_flow"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=prefect_url, timeout=60) as client:
            deployment = _deployment(client)
            return [_until_running(client, deployment) for _ in range(_SERVED_RUNS)]
    finally:
        process.terminate()
        process.wait()


def _deployment(client: httpx.Client) -> UUID:
    for _ in range(300):
        found = client.get("/deployments/name/nothing/nothing")
        if found.is_success:
            return UUID(found.json()["id"])
        time.sleep(0.1)
    raise RuntimeError("the served flow did not appear")


def _until_running(client: httpx.Client, deployment: UUID) -> float:
    begun = time.perf_counter()
    run = client.post(f"/deployments/{deployment}/create_flow_run", json={}).raise_for_status().json()["id"]
    while client.get(f"/flow_runs/{run}").json()["state_type"] in ("SCHEDULED", "PENDING"):
        time.sleep(0.01)
    taken = time.perf_counter() - begun
    while client.get(f"/flow_runs/{run}").json()["state_type"] == "RUNNING":
        time.sleep(0.05)
    return taken


def _spread(values: list[float]) -> str:
    return f"p50 {median(values):.2f} s, p95 {percentile(values, 95):.2f} s over {len(values)}"


if __name__ == "__main__":
    main()
