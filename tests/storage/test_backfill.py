"""Bytes for assets that know only where they come from, fetched from a real server."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.assets import Asset
from models.campaigns import Client
from models.columns import utc_now
from settings import get_settings
from storage.assets import asset_object
from storage.backfill import Summary, backfill_assets
from storage.database import get_database
from storage.stores import get_object_store


class _Handler(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self) -> None:
        data = self.files.get(self.path[1:])
        self.send_response(404 if data is None else 200)
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def served(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of a server that may be fetched from, and its files."""
    monkeypatch.setenv("ASSET_URL_ALLOW_PRIVATE", "true")
    get_settings.cache_clear()
    files: dict[str, bytes] = {}
    handler = type("Handler", (_Handler,), {"files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", files
    server.shutdown()
    thread.join()
    server.server_close()


def add(url: str, age_s: int = 0, **columns: object) -> str:
    with get_database().write() as session:
        owner = Client(name="Rossi")
        session.add(owner)
        session.flush()
        values = {"type": "image", "source_url": url, "client_id": owner.id, **columns}
        asset = Asset(**values, inserted_at=utc_now() - timedelta(seconds=age_s))
        session.add(asset)
    return asset.id


def found(asset_id: str) -> Asset:
    with get_database().read() as session:
        return session.get_one(Asset, asset_id)


def test_what_lacks_bytes_is_filled_and_the_rest_goes_on(
    served: tuple[str, dict[str, bytes]],
    make_pictures: Callable[..., list[Path]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, files = served
    photo = make_pictures(1, size=(96, 64))[0].read_bytes()
    files |= {"a.jpg": photo, "b.jpg": b"no picture"}
    good = add(f"{address}/a.jpg", age_s=3, extra={"original_name": "mine.jpg", "note": 1}, width=7)
    bad, gone = add(f"{address}/b.jpg", age_s=2), add(f"{address}/c.jpg", age_s=1)
    with caplog.at_level(logging.INFO, "atelier.backfill"):
        assert backfill_assets() == Summary(processed=3, stored=1, failed=2, skipped=0)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"asset {good}: stored",
        f"asset {bad}: failed, {lines[1].partition('failed, ')[2]}",
        f"asset {gone}: failed, HTTP 404",
        "processed=3 stored=1 failed=2 skipped=0",
    ]
    asset = found(good)
    assert (asset.width, asset.height) == (7, 64), "what was missing is filled in, and nothing else changed"
    assert asset.extra["blob_backfilled_at"].count(":") == 2
    with get_object_store().local_file(asset.object_sha256 or "") as path:
        assert asset.extra["blob_size_bytes"] == path.stat().st_size > 0
    assert {name: asset.extra[name] for name in ("original_content_type", "original_name", "note")} == {
        "original_content_type": "image/jpeg", "original_name": "mine.jpg", "note": 1,
    }  # fmt: skip
    with get_database().read() as session:
        assert asset_object(session, good)
    assert asset.thumbnail_sha256 is not None
    assert found(bad).object_sha256 is None
    assert backfill_assets() == Summary(processed=2, stored=0, failed=2, skipped=0), "the stored one is done"


def test_a_limit_takes_the_oldest_and_waits_between(
    served: tuple[str, dict[str, bytes]],
    make_pictures: Callable[..., list[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, files = served
    files["a.jpg"] = make_pictures(1)[0].read_bytes()
    ids = [add(f"{address}/a.jpg", age_s=age_s) for age_s in (1, 3, 2)]
    waits: list[float] = []
    monkeypatch.setattr("storage.backfill.time.sleep", waits.append)
    assert backfill_assets(limit=2, sleep_ms=250) == Summary(2, 2, 0, 0)
    assert [found(asset_id).object_sha256 is not None for asset_id in ids] == [False, True, True]
    assert waits == [0.25]


def test_the_rules_for_imports_hold(home: Path) -> None:
    asset = add("http://127.0.0.1:9/a.jpg")
    assert backfill_assets().failed == 1
    assert found(asset).object_sha256 is None


def test_one_that_was_filled_meanwhile_is_skipped(
    served: tuple[str, dict[str, bytes]], make_pictures: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, files = served
    files["a.jpg"] = make_pictures(1)[0].read_bytes()
    first = add(f"{address}/a.jpg", age_s=2)
    second, third = add(f"{address}/a.jpg", age_s=1), add(f"{address}/a.jpg")

    def meanwhile(_seconds: float) -> None:
        with get_database().write() as session:
            session.get_one(Asset, second).object_sha256 = session.get_one(Asset, first).object_sha256
            if asset := session.get(Asset, third):
                session.delete(asset)

    monkeypatch.setattr("storage.backfill.time.sleep", meanwhile)
    assert backfill_assets(sleep_ms=1) == Summary(processed=3, stored=1, failed=0, skipped=2)
