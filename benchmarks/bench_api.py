"""The API's everyday requests: a job's document at a steady 50 a second, an upload, and a large download.

Run with ``python -m benchmarks.bench_api``. Each is also given as a ratio to a peer measured in the same run: an empty
answer of the same server (its framework's own cost), and ``cat`` writing the same file to a socket.
"""

import asyncio
import io
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import skimage
from PIL import Image

from benchmarks.api_server import MeasuredServer, api_server, percentile, proportional_memory_bytes
from models.assets import Asset
from models.campaigns import Campaign, Client
from models.runs import ImagePairsRequest, JobLease
from models.storyboard import Plan, ScenePlan
from storage import jobs, leases
from storage.database import get_database
from storage.objects import record_object
from storage.stores import get_object_store

_RATE, _SECONDS = 50, 10
_UPLOADS, _UPLOAD_SIZE_PX, _GRAIN = 20, (3000, 2250), 9.0  # a portrait of 7 megapixels with grain: a JPEG of 2 MB
_DOWNLOAD_BYTES = 200 * 1000**2
_SCENES = 7


def main() -> None:
    """Measure and print."""
    with api_server() as server:
        campaign_id, job_id = _rows()
        _report_reads(server, job_id)
        _report_uploads(server, campaign_id)
        _report_download(server, campaign_id)


def _rows() -> tuple[str, int]:
    """Add a campaign with fourteen pictures and a job of seven planned scenes."""
    key = get_object_store().put([_photo(0)])
    with get_database().write() as session:
        record_object(session, key, "image/jpeg")
        client = Client(name="Bench")
        session.add(client)
        session.flush()
        campaign = Campaign(client_id=client.id, name="Bench")
        session.add(campaign)
        session.flush()
        photos = [Asset(type="image", campaign_id=campaign.id, object_sha256=key.sha256) for _ in range(2 * _SCENES)]
        session.add_all(photos)
        session.flush()
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign.id))
        pairs = [(photos[2 * n].id, photos[2 * n + 1].id) for n in range(_SCENES)]
        campaign_id, job_id = campaign.id, job.id or 0
    lease = JobLease(job_id=job_id, owner="bench")
    leases.claim(lease)
    words = {"title": "Scene", "description": "A scene", "prompt": "A move " * 40, "duration_s": 5.0}
    scenes = [ScenePlan.model_validate({**words, "first_asset_id": a, "last_asset_id": b}) for a, b in pairs]
    jobs.keep_plan(lease, Plan(scenes=scenes, planner="template"))
    return campaign_id, job_id


def _report_reads(server: MeasuredServer, job_id: int) -> None:
    job = asyncio.run(_steadily(f"{server.url}/api/v3/jobs/{job_id}"))
    empty = asyncio.run(_steadily(f"{server.url}/api"))
    print(
        f"GET /jobs/{{id}} at {_RATE}/s: p50 {percentile(job, 50):.1f} ms, p99 {percentile(job, 99):.1f} ms"
        f" (aim 5 and 30); {percentile(job, 50) / percentile(empty, 50):.2f} x an empty answer's p50"
    )


async def _steadily(url: str) -> list[float]:
    """Send requests on a fixed timetable, whether or not earlier ones were answered; return latencies in ms."""
    latencies: list[float] = []
    async with httpx.AsyncClient() as client:
        await client.get(url)

        async def one() -> None:
            begun = time.perf_counter()
            (await client.get(url)).raise_for_status()
            latencies.append((time.perf_counter() - begun) * 1000)

        started = time.perf_counter()
        tasks = []
        for number in range(_RATE * _SECONDS):
            await asyncio.sleep(max(0.0, started + number / _RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(one()))
        await asyncio.gather(*tasks)
    return latencies


def _report_uploads(server: MeasuredServer, campaign_id: str) -> None:
    pictures = [_photo(seed) for seed in range(1, _UPLOADS + 1)]
    taken = []
    with httpx.Client(timeout=60) as client:
        for number, picture in enumerate(pictures):
            begun = time.perf_counter()
            answer = client.post(
                f"{server.url}/api/v3/assets",
                data={"campaign_id": campaign_id},
                files={"file": (f"{number}.jpg", picture, "image/jpeg")},
            )
            answer.raise_for_status()
            taken.append((time.perf_counter() - begun) * 1000)
    megabytes = len(pictures[0]) / 1e6
    p50, p95 = percentile(taken, 50), percentile(taken, 95)
    print(f"upload of {megabytes:.1f} MB: p50 {p50:.0f} ms, p95 {p95:.0f} ms (aim p50 50)")


def _report_download(server: MeasuredServer, campaign_id: str) -> None:
    chunk = np.random.default_rng(0).integers(0, 255, 1_000_000, np.uint8).tobytes()
    key = get_object_store().put(chunk for _ in range(_DOWNLOAD_BYTES // len(chunk)))
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
        film = Asset(type="video", campaign_id=campaign_id, object_sha256=key.sha256, extra={"format": "mp4"})
        session.add(film)
        session.flush()
        path = f"/api/v3/assets/{film.id}/data"
    before = proportional_memory_bytes(server.pid)
    peak, ours_s, peer_s = before, [], []
    with get_object_store().local_file(key.sha256) as file:
        for _ in range(3):
            seconds, most = _download(server, path)
            ours_s.append(seconds)
            peak = max(peak, most)
            peer_s.append(_cat(file))
    print(
        f"download of {_DOWNLOAD_BYTES / 1e6:.0f} MB: {_DOWNLOAD_BYTES / 1e6 / min(ours_s):.0f} MB/s,"
        f" {min(peer_s) / min(ours_s):.2f} x the throughput of cat over a socket (aim 0.5);"
        f" memory grew by {(peak - before) / 1e6:.1f} MB (aim 20)"
    )


def _download(server: MeasuredServer, path: str) -> tuple[float, int]:
    """Read a whole answer from a raw socket; return the seconds taken and the server's largest memory meanwhile."""
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, proportional_memory_bytes(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        received = _drain(line)
    seconds = time.perf_counter() - begun
    done.set()
    watcher.join()
    if received < _DOWNLOAD_BYTES:
        raise RuntimeError(f"only {received} bytes came")
    return seconds, most


def _cat(file: Path) -> float:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        begun = time.perf_counter()
        with socket.create_connection(listener.getsockname()) as line:
            sender, _ = listener.accept()
            with sender:
                process = subprocess.Popen(["cat", str(file)], stdout=sender.fileno())
            _drain(line)
            process.wait()
        return time.perf_counter() - begun


def _drain(line: socket.socket) -> int:
    buffer, received = bytearray(1 << 18), 0
    while count := line.recv_into(buffer):
        received += count
    return received


def _photo(seed: int) -> bytes:
    portrait = (
        Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png")
        .convert("RGB")
        .resize(_UPLOAD_SIZE_PX, Image.Resampling.BICUBIC)
    )
    grain = np.random.default_rng(seed).normal(0, _GRAIN, _UPLOAD_SIZE_PX[::-1])[..., None]
    file = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(portrait) + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


if __name__ == "__main__":
    main()
