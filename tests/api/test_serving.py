"""Bytes over HTTP: ranges, conditions and HEAD, against a real socket and both stores."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from api.errors import install_error_handlers
from api.serving import serve_object
from models.objects import StoredObject
from settings import get_settings
from storage.database import get_database
from storage.migrations import upgrade
from storage.objects import record_object
from storage.stores import get_object_store

Listening = Callable[[FastAPI], AbstractContextManager[httpx.Client]]
DATA = bytes(range(256)) * 4000  # 1,024,000 bytes: several chunks
SIZE = len(DATA)
ETAG = f'"{hashlib.md5(DATA).hexdigest()}"'
SHA256 = hashlib.sha256(DATA).hexdigest()

app = FastAPI()
install_error_handlers(app)


@app.api_route("/object/{sha256}", methods=["GET", "HEAD"])
def show(request: Request, sha256: str, ranges: bool = True) -> Response:
    with get_database().read() as session:
        row = session.get_one(StoredObject, sha256)
    return serve_object(
        request,
        row,
        content_type="video/mp4",
        disposition='inline; filename="a.mp4"',
        cache_control="public, max-age=60",
        accept_ranges=ranges,
    )


@pytest.fixture(scope="module", params=["file://", "db://"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, listening: Listening
) -> Iterator[httpx.Client]:
    """A client of one route that serves stored bytes; the store holds ``DATA``."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ATELIER_HOME", str(tmp_path_factory.mktemp("home")))
        environment.setenv("STORAGE_URL", request.param)
        get_settings.cache_clear()
        upgrade(get_database())
        keep(DATA)
        with listening(app) as client:
            yield client
        get_database().dispose()
    get_settings.cache_clear()


def keep(data: bytes) -> str:
    key = get_object_store().put([data])
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    return key.sha256


def get(served: httpx.Client, **headers: str) -> httpx.Response:
    return served.get(f"/object/{SHA256}", headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_whole(served: httpx.Client) -> None:
    answer = get(served)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == 'inline; filename="a.mp4"'
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == ETAG
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-9", 0, 9), ("bytes=10-", 10, SIZE - 1), ("bytes=-5", SIZE - 5, SIZE - 1), ("bytes=0-0", 0, 0),
        ("bytes=262000-600000", 262000, 600000), (f"bytes=5-{SIZE * 9}", 5, SIZE - 1), ("bytes=-99999999", 0, SIZE - 1),
        ("BYTES = 3 - 4", 3, 4), (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
    ],
)  # fmt: skip
def test_ranges(served: httpx.Client, header: str, first: int, last: int) -> None:
    answer = get(served, Range=header)
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last + 1 - first)
    assert answer.headers["etag"] == ETAG


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", f"bytes={'9' * 25}-"])
def test_ranges_behind_the_end(served: httpx.Client, header: str) -> None:
    answer = get(served, Range=header)
    assert (answer.status_code, answer.text) == (416, "Range Not Satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header", ["bytes=9-3", "bytes=0-1,4-5", "bytes=", "bytes=-", "lines=1-2", "bytes=a-b", f"bytes={'1' * 5000}-", "x"]
)
def test_useless_ranges_are_ignored(served: httpx.Client, header: str) -> None:
    answer = get(served, Range=header)
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}", ETAG.strip('"'), "*", f'"other", {ETAG}', f'W/"x",W/{ETAG}'])
def test_who_has_it_gets_nothing(served: httpx.Client, tag: str) -> None:
    answer = get(served, If_None_Match=tag, Range="bytes=0-9")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", ETAG)


def test_other_tags_do_not_match(served: httpx.Client) -> None:
    assert get(served, If_None_Match='"other", ""').status_code == 200


def test_if_range(served: httpx.Client) -> None:
    assert get(served, Range="bytes=0-9", If_Range=ETAG).status_code == 206
    for stale in ('"other"', f"W/{ETAG}", "Fri, 20 Nov 2026 10:00:00 GMT"):
        assert get(served, Range="bytes=0-9", If_Range=stale).content == DATA


def test_head(served: httpx.Client) -> None:
    answer = served.head(f"/object/{SHA256}", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(SIZE))
    assert answer.headers["etag"] == ETAG


def test_ranges_can_be_left_out(served: httpx.Client) -> None:
    answer = served.get(f"/object/{SHA256}", params={"ranges": "false"}, headers={"Range": "bytes=0-9"})
    assert answer.status_code == 200
    assert "accept-ranges" not in answer.headers


def test_lost_bytes_are_said_before_the_answer_begins(served: httpx.Client) -> None:
    sha256 = keep(b"soon gone")
    get_object_store().delete(sha256)
    assert served.get(f"/object/{sha256}").status_code == 404


def test_nothing_has_no_ranges(served: httpx.Client) -> None:
    sha256 = keep(b"")
    assert served.get(f"/object/{sha256}").content == b""
    for header in ("bytes=0-", "bytes=-1"):
        answer = served.get(f"/object/{sha256}", headers={"Range": header})
        assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")
