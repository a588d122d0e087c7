"""Photos known by their address only, brought in before their scenes are rendered."""

import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models.assets import Asset
from models.errors import NotFound
from models.runs import ImagePairsRequest, JobLease
from settings import get_settings
from storage import jobs, leases
from storage.assets import asset_object, candidate_images
from storage.database import get_database
from tasks.fetch_photos import fetch_photos
from tasks.plan_scenes import plan_scenes


@pytest.fixture
def site(make_pictures: Callable[..., list[Path]]) -> Iterator[str]:
    """A web server on loopback that has two pictures and a text."""
    folder = make_pictures(2, seed=7)[0].parent
    (folder / "text.jpg").write_text("no picture")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def planned(make_campaign: Callable[..., str], site: str) -> Callable[..., JobLease]:
    """Return a function that plans a job of one scene of two addresses."""

    def plan(*names: str) -> JobLease:
        campaign_id = make_campaign(pictures=0)
        with get_database().write() as session:
            for name in names:
                session.add(Asset(type="image", campaign_id=campaign_id, source_url=f"{site}/{name}"))
                session.flush()
            job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign_id))
        lease = JobLease(job_id=job.id or 0, owner="test")
        leases.claim(lease)
        plan_scenes.fn(lease)
        return lease

    return plan


def assets_of(lease: JobLease) -> list[Asset]:
    with get_database().read() as session:
        return list(candidate_images(session, jobs.get_job(session, lease.job_id).campaign_id or ""))


def test_photos_are_brought_in_once(
    planned: Callable[..., JobLease], site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSET_URL_ALLOW_PRIVATE", "true")
    get_settings.cache_clear()
    lease = planned("photo%201.jpg", "photo%202.jpg")
    fetch_photos.fn(lease)
    fetched = assets_of(lease)
    assert [(asset.width, asset.height) for asset in fetched] == [(96, 64)] * 2
    assert len({asset.object_sha256 for asset in fetched} - {None}) == 2
    assert all(asset.thumbnail_sha256 for asset in fetched)
    monkeypatch.setattr("tasks.fetch_photos.fetch", lambda *_, **__: pytest.fail("fetched again"))
    fetch_photos.fn(lease)


@pytest.mark.parametrize(
    ("private", "name", "reason"),
    [
        ("true", "text.jpg", "no accepted format"),
        ("true", "gone.jpg", "HTTP 404"),
        ("false", "photo%201.jpg", "host is"),
    ],
)
def test_what_cannot_be_had_is_said_where_it_is_needed(
    planned: Callable[..., JobLease], monkeypatch: pytest.MonkeyPatch, private: str, name: str, reason: str
) -> None:
    monkeypatch.setenv("ASSET_URL_ALLOW_PRIVATE", private)
    get_settings.cache_clear()
    lease = planned(name, "gone.jpg")
    fetch_photos.fn(lease)
    with get_database().read() as session, pytest.raises(NotFound, match=reason):
        asset_object(session, assets_of(lease)[0].id)
