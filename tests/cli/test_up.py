"""`atelier up`: the whole service, started, used, stopped and killed for real.

The tests share one service and build on one another; the last ones end it.
"""

import json
import os
import signal
import socket
import subprocess
import time
from typing import Any

import av
import httpx
import pytest

from models.errors import NotFound
from models.jobs import Job, JobStatus
from storage.stores import get_object_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
Service = Any
SECONDS = 0.4
PORTS = ("API_PORT", "PORT", "PREFECT_PORT")


def ends_within(service: Service, seconds: float) -> list[str]:
    """Return the processes that are left after so many seconds, sooner when there are none."""
    deadline = time.monotonic() + seconds
    while (left := service.processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return list(left)


def rendering(job: Job) -> bool:
    return job.status == JobStatus.RUNNING and float(job.progress["percentage"]) > 10


def length_of(service: Service, job: Job) -> float:
    with service.rows(), get_object_store().local_file(job.video_sha256 or "") as path, av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0)) / 30


def runs_of(service: Service, job_id: int) -> list[dict[str, Any]]:
    tagged = {"tags": {"all_": [f"job:{job_id}"]}}
    runs: list[dict[str, Any]] = service.ask_prefect("/flow_runs/filter", flow_runs=tagged)
    return runs


def artifacts_of(service: Service, job_id: int) -> dict[str, dict[str, Any]]:
    found = service.ask_prefect("/artifacts/latest/filter", artifacts={"key": {"like_": f"job-{job_id}-"}})
    return {artifact["key"].removeprefix(f"job-{job_id}-"): artifact for artifact in found}


def test_one_line_names_what_answers(service: Service) -> None:
    words = service.line.split()
    addresses = [word for word in words if word.startswith("http")]
    assert addresses == [
        f"http://localhost:{service.api_port}/",
        f"http://localhost:{service.api_port}/docs",
        f"http://localhost:{service.prefect_port}/",
    ]
    for address in addresses[1:]:
        assert httpx.get(address, follow_redirects=True, timeout=30).status_code == 200, address
    bodies = {httpx.get(f"http://localhost:{port}/docs").text for port in (service.api_port, service.port)}
    assert len(bodies) == 1, "both ports serve the same"
    assert {path.name for path in (service.home / "logs").iterdir()} == {"prefect.log", "api.log", "worker.log"}


def test_nothing_is_written_outside_the_data_directory(service: Service) -> None:
    assert {path.name for path in service.folder.iterdir()} <= {"home", "pictures", "prefect-of-the-user"}


def test_a_second_up_on_the_same_data_is_refused(service: Service) -> None:
    done = service.atelier("up", API_PORT="1", PORT="1", PREFECT_PORT="1")
    assert done.returncode == 2
    assert f"in use by another `atelier up` (studio http://localhost:{service.api_port}/" in done.stderr


@pytest.mark.parametrize("setting", PORTS)
def test_a_port_in_use_is_refused_by_name(service: Service, free_ports: Any, setting: str, tmp_path: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {name: str(number) for name, number in zip(PORTS, free_ports(3), strict=True)} | {setting: str(port)}
        done = service.atelier("up", ATELIER_HOME=str(tmp_path / "home"), **ports)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert f"set {setting} to another port" in done.stderr


@pytest.mark.parametrize("command", ["up", "api"])
def test_an_open_address_without_authentication_is_refused(service: Service, command: str, tmp_path: Any) -> None:
    done = service.atelier(command, ATELIER_HOME=str(tmp_path / "home"), HOST="0.0.0.0")
    assert done.returncode == 2
    assert "HOST=0.0.0.0" in done.stderr
    assert "AUTH_REQUIRED=false" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_job_of_the_api_becomes_a_film(service: Service) -> None:
    job_id = service.new_job(campaign_id=service.campaign(), num_pairs=2, clip_duration=SECONDS)
    service.wait_for(job_id, lambda job: job.status == JobStatus.PLANNED)
    assert "Villa Rosa 1" in service.atelier("jobs").stdout
    assert service.atelier("approve", job_id, "--version", 7).returncode == 1
    assert service.atelier("approve", job_id).returncode == 0
    watched = service.atelier("watch", job_id)
    assert watched.returncode == 0, watched.stderr
    assert "completed" in watched.stdout
    assert length_of(service, service.job(job_id)) == pytest.approx(2 * SECONDS)
    assert service.atelier("approve", job_id).returncode == 1


def test_prefect_shows_the_job(service: Service) -> None:
    runs = runs_of(service, 1)
    assert {run["name"] for run in runs} == {"image-pairs · Villa Rosa 1"}
    assert {run["work_queue_name"] for run in runs} == {"interactive", "batch"}
    campaign = service.job(1).campaign_id
    assert all(f"campaign:{campaign}" in run["tags"] for run in runs)
    seen = artifacts_of(service, 1)
    assert seen["progress"]["data"] == 100
    assert seen["storyboard"]["data"].count("/thumbnail)") == 4
    assert f"http://localhost:{service.port}/jobs/1" in seen["result"]["data"]


def test_a_run_of_prefects_own_command_makes_its_job_and_a_retry_goes_on_with_it(service: Service) -> None:
    """The photos are away while it runs for the first time; then Retry is pressed as the UI does it.

    It is pressed as soon as the run has failed, while its process is still ending: a stock worker falls over that.
    """
    deployed = service.prefect("deploy", "--all")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    request = {"campaign_id": service.campaign(), "num_pairs": 2, "clip_duration": SECONDS, "approve": True}
    (service.home / "objects").rename(service.home / "away")
    try:
        started = service.prefect(
            "deployment", "run", "image-pairs/image-pairs", "-p", f"request={json.dumps(request)}"
        )
        assert started.returncode == 0, started.stdout + started.stderr
        wait_for_row(service, 2)
        service.wait_for(2, lambda job: job.status == JobStatus.FAILED)
    finally:
        (service.home / "away").rename(service.home / "objects")
    (run,) = runs_of(service, 2)
    assert run["name"] == "image-pairs · Villa Rosa 1"
    wait_for_state(service, run["id"], "FAILED")
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    service.ask_prefect(f"/flow_runs/{run['id']}/set_state", state=state, force=True)
    job = service.wait_for(2, lambda job: job.status == JobStatus.COMPLETED)
    assert (job.attempt, job.run, job.flow_run_id) == (2, 2, run["id"])
    assert length_of(service, job) == pytest.approx(2 * SECONDS)
    assert len(runs_of(service, 2)) == 1


def wait_for_row(service: Service, job_id: int) -> None:
    for _ in range(300):
        try:
            service.job(job_id)
        except NotFound:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"job {job_id} was never made")


def wait_for_state(service: Service, flow_run_id: str, wanted: str) -> None:
    for _ in range(100):
        run = httpx.get(f"{service.prefect_api}/flow_runs/{flow_run_id}").json()
        if run["state_type"] == wanted:
            return
        time.sleep(0.1)
    pytest.fail(f"the flow run is {run['state_type']}")


def test_run_uses_the_server_that_is_up(service: Service) -> None:
    photos = sorted((service.folder / "pictures").iterdir())
    options = ("--approve", "--seconds", SECONDS, "--pairs", 1, "-o", service.home / "here.mp4")
    done = service.atelier("run", "image-pairs", *photos, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = service.ask_prefect("/flow_runs/filter", flow_runs={"tags": {"all_": ["job:3"]}}, limit=1)
    assert row["deployment_id"] is None, "run here, not by the worker"
    assert service.job(3).recoveries == 0


def test_a_cancelled_job_stops_rendering(service: Service) -> None:
    job_id = service.new_job(campaign_id=service.job(1).campaign_id, num_pairs=2, clip_duration=60, approve=True)
    service.wait_for(job_id, rendering)
    assert service.atelier("cancel", job_id).returncode == 0
    watched = service.atelier("watch", job_id)
    assert watched.returncode == 1
    assert "cancelled" in watched.stderr
    deadline = time.monotonic() + 20
    while any("ffmpeg" in command for command in service.processes()):
        assert time.monotonic() < deadline, service.processes()
        time.sleep(0.1)
    assert service.job(job_id).status == JobStatus.CANCELLED


def test_ctrl_c_stops_everything(service: Service) -> None:
    job_id = service.new_job(campaign_id=service.job(1).campaign_id, num_pairs=2, clip_duration=60, approve=True)
    service.wait_for(job_id, rendering)
    os.kill(service.process.pid, signal.SIGINT)
    said, _ = service.process.communicate(timeout=30)
    assert service.process.returncode == 0, said
    assert said.strip() == "stopping"
    assert service.processes() == []


def test_killed_outright_it_leaves_no_process(service: Service) -> None:
    service.start()
    job_id = service.new_job(campaign_id=service.job(1).campaign_id, num_pairs=2, clip_duration=60, approve=True)
    service.wait_for(job_id, rendering)
    for _ in range(100):
        if any("ffmpeg" in command for command in service.processes()):
            break
        time.sleep(0.1)
    else:
        pytest.fail("nothing is being rendered")
    service.process.kill()
    service.process.wait()
    assert ends_within(service, 15) == []


def test_doctor_sees_the_parts(service: Service) -> None:
    done: subprocess.CompletedProcess[str] = service.atelier("doctor")
    assert "not running" in done.stdout
    assert f"{service.api_port}, {service.port}, {service.prefect_port} of 127.0.0.1 are free" in done.stdout
