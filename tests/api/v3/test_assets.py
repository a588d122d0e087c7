"""Assets over HTTP: real files, a real server to import from, and the awkward inputs."""

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ffmpeg
import httpx
import pytest
from PIL import Image
from sqlmodel import select

from media.ffmpeg import run_graph
from models.assets import Asset
from models.jobs import Job, Scene
from models.objects import StoredObject
from settings import get_settings
from storage.assets import candidate_images
from storage.database import get_database
from storage.stores import get_object_store

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOT_FOUND = {"error": "Asset not found"}
FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
NOBODY = ["must include campaign_id or client_id"]


@pytest.fixture
def bad(test_data: Path) -> Path:
    return test_data / "media" / "bad"


@pytest.fixture
def owner(client: httpx.Client) -> str:
    return str(client.post("/api/v3/clients", json={"name": "Rossi"}).json()["data"]["id"])


@pytest.fixture
def campaign(client: httpx.Client, owner: str) -> str:
    body = {"name": "Villa Rosa", "client_id": owner}
    return str(client.post("/api/v3/campaigns", json=body).json()["data"]["id"])


@pytest.fixture
def photo(make_pictures: Callable[..., list[Path]]) -> bytes:
    return make_pictures(1, size=(640, 320))[0].read_bytes()


def upload(
    client: httpx.Client, content: bytes, path: str = "", file_name: str = "photo.jpg", **fields: Any
) -> httpx.Response:
    return client.post(f"/api/v3/assets{path}", files={"file": (file_name, content, "text/html")}, data=fields)


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


class Source(ThreadingHTTPServer):
    """Serves files under their paths and counts how many requests it answers at once."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        self.gate: threading.Event | None = None
        super().__init__(("127.0.0.1", 0), SourceHandler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class SourceHandler(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.busy += 1
            self.server.most_busy = max(self.server.busy, self.server.most_busy)
        if self.server.gate is not None:
            self.server.gate.wait(10)
        data = self.server.files.get(self.path[1:])
        with self.server.lock:
            self.server.busy -= 1
        self.send_response(404 if data is None else 200)
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Source]:
    """A server that may be imported from."""
    monkeypatch.setenv("ASSET_URL_ALLOW_PRIVATE", "true")
    get_settings.cache_clear()
    server = Source()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# --- uploads


def test_upload_comes_back_as_it_is(client: httpx.Client, campaign: str, owner: str, photo: bytes) -> None:
    asset = made(
        upload(client, photo, campaign_id=campaign, tags="pool, garden", caption="The pool", metadata='{"a": 1}')
    )
    assert asset == {
        "id": asset["id"], "userId": "", "clientId": owner, "campaignId": campaign, "name": "photo.jpg",
        "url": f"/api/v3/assets/{asset['id']}/data", "size": asset["size"], "uploadedAt": asset["uploadedAt"],
        "description": "The pool", "tags": ["pool", "garden"], "thumbnailBlobId": asset["thumbnailBlobId"],
        "sourceUrl": None, "type": "image", "format": "jpeg", "width": 640, "height": 320,
    }  # fmt: skip
    assert client.get(f"/api/v3/assets/{asset['id']}").json() == {"data": asset}
    served = client.get(asset["url"])
    assert served.headers["content-type"] == "image/jpeg"
    assert served.headers["content-disposition"] == f'inline; filename="{asset["id"]}.jpg"'
    assert served.headers["etag"] == f'"{hashlib.md5(served.content).hexdigest()}"'
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["accept-ranges"] == "bytes"
    assert len(served.content) == asset["size"]
    with Image.open(io.BytesIO(served.content)) as shown, Image.open(io.BytesIO(photo)) as sent:
        assert shown.tobytes() == sent.tobytes()
    part = client.get(asset["url"], headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, served.content[-5:])
    head = client.head(asset["url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(asset["size"]))
    listed = client.get(f"/api/v3/campaigns/{campaign}/assets").json()["data"][0]
    assert listed["has_blob_data"] is True
    assert listed["metadata"] == {
        "a": 1, "size": asset["size"], "content_type": "image/jpeg", "format": "jpeg", "original_name": "photo.jpg",
        "width": 640, "height": 320,
    }  # fmt: skip


def test_thumbnail(client: httpx.Client, owner: str, photo: bytes) -> None:
    answer = upload(client, photo, "/unified", client_id=owner)
    assert answer.json()["meta"] == {"has_thumbnail": True}
    path = f"/api/v3/assets/{made(answer)['id']}/thumbnail"
    served = client.get(path, headers={"Range": "bytes=0-9"})
    assert (served.status_code, served.headers["content-type"]) == (200, "image/jpeg")
    assert served.headers["cache-control"] == "public, max-age=86400"
    with Image.open(io.BytesIO(served.content)) as small:
        assert (small.format, small.size) == ("JPEG", (320, 160))
    assert client.get(path, headers={"If-None-Match": served.headers["etag"]}).status_code == 304
    assert client.head(path).headers["content-length"] == str(len(served.content))


def test_thumbnail_is_made_later_for_assets_that_came_without(
    client: httpx.Client, make_campaign: Callable[..., str]
) -> None:
    campaign_id = make_campaign(1)
    with get_database().write() as session:
        (row,) = candidate_images(session, campaign_id)
        row.thumbnail_sha256 = None
        session.add(row)
    asset = client.get(f"/api/v3/assets?campaign_id={campaign_id}").json()["data"][0]
    assert asset["thumbnailBlobId"] is None
    assert client.get(f"/api/v3/assets/{asset['id']}/thumbnail").status_code == 200
    assert client.get(f"/api/v3/assets/{asset['id']}").json()["data"]["thumbnailBlobId"] is not None


BROUGHT = {
    "png-renamed.jpg": ("image", "png", "image/png", "png"), "photo.webp": ("image", "webp", "image/webp", "webp"),
    "animated.gif": ("image", "gif", "image/gif", "gif"), "one-pixel.png": ("image", "png", "image/png", "png"),
    "cmyk.jpg": ("image", "jpeg", "image/jpeg", "jpg"), "gray.jpg": ("image", "jpeg", "image/jpeg", "jpg"),
    "gray-16bit.png": ("image", "png", "image/png", "png"), "palette-alpha.png": ("image", "png", "image/png", "png"),
    "rotated-90.mp4": ("video", "mp4", "video/mp4", "mp4"), "one-frame.mp4": ("video", "mp4", "video/mp4", "mp4"),
    "mp4-renamed.jpg": ("video", "mp4", "video/mp4", "mp4"), "audio-only.mp4": ("audio", "m4a", "audio/mp4", "m4a"),
    "silence.wav": ("audio", "wav", "audio/wav", "wav"),
}  # fmt: skip
REFUSED = [
    "truncated.jpg", "header-only.jpg", "bad-crc-header.png", "corrupt-data.png", "zero-bytes.jpg", "text-renamed.jpg",
    "html-renamed.png", "svg-renamed.png", "script.svg", "strip-12000x2.png", "bomb-20000x20000.png",
    "lying-header-60000x60000.png", "photo.avif", "photo.heic", "photo.tiff", "truncated-faststart.mp4",
    "truncated-no-moov.mp4", "zero-bytes.mp4", "zero-length.wav", "zero-bytes.mp3",
]  # fmt: skip


def test_bytes_decide_what_a_file_is(client: httpx.Client, owner: str, bad: Path) -> None:
    for name, (kind, format, content_type, extension) in BROUGHT.items():
        answer = upload(client, (bad / name).read_bytes(), "/unified", name, clientId=owner)
        asset = made(answer)
        assert (name, asset["type"], asset["format"]) == (name, kind, format)
        served = client.get(asset["url"])
        assert served.headers["content-type"] == content_type
        assert served.headers["content-disposition"].endswith(f'.{extension}"')
        thumbnail = client.get(f"/api/v3/assets/{asset['id']}/thumbnail")
        assert (thumbnail.status_code == 200) == answer.json()["meta"]["has_thumbnail"] == (kind != "audio")
    assert client.get(f"/api/v3/assets/{asset['id']}/thumbnail").json() == {"error": "Thumbnail not available"}


def test_what_is_no_accepted_file_is_refused_and_leaves_nothing(
    client: httpx.Client, owner: str, bad: Path, home: Path
) -> None:
    for name in REFUSED:
        answer = upload(client, (bad / name).read_bytes(), file_name=name, client_id=owner)
        assert (name, answer.status_code, answer.json()["error"]) == (name, 400, "Invalid file format")
        assert answer.json()["reason"]
    assert client.get("/api/v3/assets").json()["meta"]["total"] == 0
    assert not [path for folder in ("objects", "scratch") for path in (home / folder).rglob("*") if path.is_file()]


def test_nothing_handed_out_says_where_it_was_taken(client: httpx.Client, owner: str, bad: Path) -> None:
    for name in ("exif-gps.jpg", "trailing-html.jpg", "exif-rotated.jpg"):
        asset = made(upload(client, (bad / name).read_bytes(), client_id=owner))
        data = client.get(asset["url"]).content
        with Image.open(io.BytesIO(data)) as shown:
            assert set(dict(shown.getexif())) <= {0x0112}
            assert shown.getexif().get_ifd(0x8825) == {}
        assert b"<html" not in data.lower()
        assert len(data) == asset["size"]
    assert (asset["width"], asset["height"]) == (480, 360)


def test_a_declared_type_must_fit(client: httpx.Client, owner: str, bad: Path) -> None:
    film = (bad / "rotated-90.mp4").read_bytes()
    for field in ("type", "asset_type", "assetType"):
        answer = upload(client, film, client_id=owner, **{field: "IMAGE"})
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid file format")
    assert made(upload(client, film, client_id=owner, type="Video"))["duration"] == 2
    assert made(upload(client, film, client_id=owner, type="whatever"))["type"] == "video"
    sound = made(upload(client, (bad / "audio-only.mp4").read_bytes(), client_id=owner, type="audio"))
    assert (sound["format"], sound["duration"], sound["waveformUrl"]) == ("m4a", 2, None)
    assert client.get(sound["url"]).headers["content-type"] == "audio/mp4"


def test_the_same_bytes_can_be_a_film_and_a_sound(client: httpx.Client, owner: str, tmp_path: Path) -> None:
    picture, tone = (ffmpeg.input(name, format="lavfi") for name in ("testsrc=d=1:s=64x48", "sine=d=1"))
    run_graph(ffmpeg.output(picture, tone, str(tmp_path / "a.mp4")), timeout_s=60)
    content = (tmp_path / "a.mp4").read_bytes()
    assets = [made(upload(client, content, client_id=owner, type=kind)) for kind in ("video", "audio")]
    types = [client.get(asset["url"]).headers["content-type"] for asset in assets]
    assert types == ["video/mp4", "audio/mp4"]


def test_document(client: httpx.Client, owner: str) -> None:
    answer = upload(client, b"%PDF-1.7\n%%EOF\n", "/unified", "Plan\x00.pdf", client_id=owner)
    asset = made(answer)
    assert (asset["type"], asset["pageCount"], asset["thumbnailUrl"], asset["width"]) == ("document", None, None, None)
    assert answer.json()["meta"] == {"has_thumbnail": False}
    assert client.get(f"/api/v3/assets/{asset['id']}/thumbnail").json() == {"error": "Thumbnail not available"}


def test_names_descriptions_and_tags_from_many_places(client: httpx.Client, owner: str, photo: bytes) -> None:
    def brought(**fields: Any) -> dict[str, Any]:
        return made(upload(client, photo, client_id=owner, **fields))

    assert brought()["name"] == "photo.jpg"
    assert brought(metadata='{"originalName": "o", "name": ""}')["name"] == "o"
    assert brought(name="n", metadata='{"name": "m"}')["name"] == "n"
    assert brought(meta='{"description": "d", "tags": ["x"]}')["description"] == "d"
    assert brought(meta='{"tags": ["x", " y "]}')["tags"] == ["x", "y"]
    assert brought(tag_list='["a", "b,c"]')["tags"] == ["a", "b,c"]
    assert brought(tags=["a", "b"])["tags"] == ["a", "b"]
    assert brought(tags="")["tags"] == []
    assert brought(width="320.0", height="")["width"] == 320
    assert made(upload(client, photo, file_name="C:\\fotos\\../pool.jpg", client_id=owner))["name"] == "pool.jpg"


# --- requests that cannot be used


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({}, {"campaign_id": NOBODY, "client_id": NOBODY}),
        ({"campaign_id": " ", "client_id": ""}, {"campaign_id": NOBODY, "client_id": NOBODY}),
        ({"campaign_id": UNKNOWN}, {"campaign_id": ["does not exist"]}),
        ({"clientId": UNKNOWN}, {"client_id": ["does not exist"]}),
        ({"campaign_id": "7"}, {"campaign_id": ["is invalid"]}),
        ({"client_id": UNKNOWN, "width": "wide", "height": 0},
         {"width": ["is invalid"], "height": ["must be greater than 0"]}),
        ({"client_id": UNKNOWN, "tags": [1]}, {"tags": ["must be an array of strings"]}),
        ({"client_id": UNKNOWN, "tags": "[1]"}, {"tags": ["must be an array of strings"]}),
        ({"client_id": UNKNOWN, "metadata": {"tags": {"a": 1}}}, {"tags": ["must be an array of strings"]}),
        ({"client_id": UNKNOWN, "metadata": "nothing"}, {"metadata": ["is invalid"]}),
        ({"client_id": UNKNOWN, "source_url": ["x"]}, {"source_url": ["is invalid"]}),
    ],
)  # fmt: skip
def test_fields_are_checked_before_anything_is_fetched(
    client: httpx.Client, source: Source, fields: dict[str, Any], details: dict[str, list[str]]
) -> None:
    for path in ("", "/unified", "/from-url"):
        answer = client.post(f"/api/v3/assets{path}", json={"url": source.url("x"), **fields})
        assert (answer.status_code, answer.json()) == (422, {"error": "Validation failed", "details": details})
    assert source.most_busy == 0


def test_nothing_brought(client: httpx.Client, owner: str) -> None:
    nothing = {"error": "Either file upload or source_url must be provided"}
    for path in ("", "/unified"):
        assert client.post(f"/api/v3/assets{path}").json() == nothing
        assert client.post(f"/api/v3/assets{path}", json={"client_id": owner, "source_url": ""}).json() == nothing
        empty = client.post(f"/api/v3/assets{path}", files={"file": ("", b"", "image/png")}, data={"client_id": owner})
        assert (empty.status_code, empty.json()) == (400, nothing)
    answer = client.post("/api/v3/assets/from-url", json={"client_id": owner})
    assert (answer.status_code, answer.json()) == (400, {"error": "source_url is required"})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"), ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=" + "b" * 400, b"x"), ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"noise"),
        ("multipart/form-data; boundary=x", FILE_PART + b"half"),
        ("application/json", b"{"), ("application/x-www-form-urlencoded", b"client_id=1"),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_read(client: httpx.Client, content_type: str, body: bytes, home: Path) -> None:
    answer = client.post("/api/v3/assets", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Malformed ")
    assert not list((home / "scratch").glob("*"))


def test_uploads_are_limited_whatever_they_promise(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, owner: str, home: Path
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()
    begin = FILE_PART + b"%PDF-"

    def endless(begin: bytes) -> Iterator[bytes]:  # chunked: no Content-Length at all
        yield begin
        for _ in range(40):
            yield b"\0" * 100_000
        yield b"\r\n--x--\r\n"

    for first in (begin, begin.replace(b'"file"', b'"other"')):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = client.post("/api/v3/assets", content=endless(first), headers=headers)
        assert (answer.status_code, answer.json()) == (413, {"error": "File too large"})
    assert upload(client, b"%PDF-" + b"\0" * (1024**2 - 5), client_id=owner).status_code == 201
    assert upload(client, b"%PDF-" + b"\0" * (1024**2 - 4), client_id=owner).status_code == 413
    assert client.get("/api/v3/assets").json()["meta"]["total"] == 1
    assert not [path for path in (home / "scratch").rglob("*") if path.is_file()]


@pytest.mark.parametrize("path_id", [UNKNOWN, "1", "null", "from-url"])
def test_ids_that_name_nothing(client: httpx.Client, path_id: str) -> None:
    path = f"/api/v3/assets/{path_id}"
    for answer in (client.get(path), client.delete(path), client.get(f"{path}/data"), client.get(f"{path}/thumbnail")):
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("path", "text"), [("", "Failed to create asset"), ("/unified", "Failed to process asset upload")]
)
def test_storage_faults_are_said(
    client: httpx.Client, owner: str, photo: bytes, home: Path, path: str, text: str
) -> None:
    (home / "objects").write_text("a file where the folder should be")
    answer = upload(client, photo, path, client_id=owner)
    assert (answer.status_code, answer.json()) == (500, {"error": text})
    assert client.get("/api/v3/assets").json()["meta"]["total"] == 0


# --- imports


def test_import_from_an_address(client: httpx.Client, campaign: str, source: Source, photo: bytes) -> None:
    source.files["photos/pool%20side.jpg"] = photo
    url = source.url("photos/pool%20side.jpg")
    for path, key in (("", "source_url"), ("/unified", "sourceUrl"), ("/from-url", "url")):
        asset = made(client.post(f"/api/v3/assets{path}", json={key: url, "campaignId": campaign, "tags": ["a"]}))
        assert (asset["sourceUrl"], asset["name"], asset["tags"]) == (url, asset["id"], ["a"])
        assert (asset["type"], asset["width"]) == ("image", 640)
    listed = client.get(f"/api/v3/campaigns/{campaign}/assets").json()["data"][0]
    assert listed["metadata"]["original_name"] == "pool side.jpg"
    form = client.post("/api/v3/assets", data={"url": url, "campaign_id": campaign}, files={"x": b""})
    assert made(form)["sourceUrl"] == url


def test_imports_that_fail_say_why(client: httpx.Client, owner: str, source: Source) -> None:
    source.files["text.jpg"] = b"just words"
    answer = client.post("/api/v3/assets/from-url", json={"url": source.url("gone"), "client_id": owner})
    assert (answer.status_code, answer.json()) == (400, {"error": "Failed to download from URL", "reason": "HTTP 404"})
    answer = client.post("/api/v3/assets/from-url", json={"url": source.url("text.jpg"), "client_id": owner})
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid file format")


def test_private_addresses_are_refused(client: httpx.Client, owner: str) -> None:
    for url, reason in (
        (f"http://127.0.0.1:{client.base_url.port}/health", "URL host is not allowed"),
        ("http://169.254.169.254/latest/meta-data", "URL host is not allowed"),
        ("file:///etc/passwd", "URL scheme is not allowed"),
    ):
        answer = client.post("/api/v3/assets", json={"source_url": url, "client_id": owner})
        assert (answer.status_code, answer.json()) == (400, {"error": "Failed to download from URL", "reason": reason})


def test_bulk_import(client: httpx.Client, campaign: str, owner: str, source: Source, photo: bytes) -> None:
    source.files = {"a.jpg": photo, "b.jpg": photo, "text.jpg": b"words"}
    entries = [
        {"url": source.url("a.jpg"), "name": "first"}, {"name": "no address"}, {"source_url": source.url("gone")},
        {"sourceUrl": source.url("text.jpg")}, {"url": source.url("b.jpg"), "name": "last", "clientId": owner},
        {"url": source.url("b.jpg"), "campaign_id": UNKNOWN}, 7,
    ]  # fmt: skip
    for key in ("assets", "items", "requests", "sources"):
        answer = client.post("/api/v3/assets/from-urls", json={key: entries, "campaignId": campaign})
        assert answer.status_code == 201
        body = answer.json()
        assert [asset["name"] for asset in body["data"]] == ["first", "last"]
        assert [(asset["campaignId"], asset["clientId"]) for asset in body["data"]] == [(campaign, owner)] * 2
        assert (body["meta"]["created"], body["meta"]["failed"]) == (2, 5)
        errors = body["meta"]["errors"]
        assert errors[0] == {"source": None, "error": "source_url is required"}
        assert errors[1]["source"] == source.url("gone")
        assert errors[1]["error"] == {"error": "Failed to download from URL", "reason": "HTTP 404"}
        assert errors[2]["error"]["error"] == "Invalid file format"
        assert errors[3]["error"]["details"] == {"campaign_id": ["does not exist"]}
        assert errors[4] == {"source": None, "error": "source_url is required"}


def test_bulk_import_works_on_five_at_a_time(client: httpx.Client, owner: str, source: Source) -> None:
    source.gate = threading.Event()
    entries = [{"url": source.url(str(number))} for number in range(20)]
    body = {"assets": entries, "client_id": owner}
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(client.post, "/api/v3/assets/from-urls", json=body)
        while source.busy < 5:
            assert not asked.done()
            time.sleep(0.01)
        time.sleep(0.2)  # a sixth would come now
        source.gate.set()
        answer = asked.result().json()
    assert [error["source"] for error in answer["meta"]["errors"]] == [entry["url"] for entry in entries]
    assert source.most_busy == 5


@pytest.mark.parametrize("entries", [None, [], {}, "x", 3])
def test_bulk_import_needs_a_list(client: httpx.Client, entries: Any) -> None:
    for body in ({"assets": entries}, {}):
        answer = client.post("/api/v3/assets/from-urls", json=body)
        assert (answer.status_code, answer.json()) == (400, {"error": "assets must be a non-empty array"})
    answer = client.post("/api/v3/assets/from-urls", json={"assets": [{}] * 501})
    assert (answer.status_code, answer.json()) == (400, {"error": "assets must contain at most 500 entries"})


# --- without stored bytes


def linked(owner: str, url: str) -> str:
    with get_database().write() as session:
        asset = Asset(type="image", client_id=owner, source_url=url)
        session.add(asset)
    return f"/api/v3/assets/{asset.id}"


def test_bytes_pass_through_from_the_source(client: httpx.Client, owner: str, source: Source, photo: bytes) -> None:
    source.files |= {"a": photo * 9, "page": b"<html><script>", "empty": b""}
    path = linked(owner, source.url("a"))
    served = client.get(f"{path}/data", headers={"Range": "bytes=0-3"})
    assert (served.status_code, served.content) == (200, photo * 9)
    assert served.headers["content-type"] == "image/jpeg"
    assert served.headers["content-disposition"].endswith('.jpg"')
    assert client.head(f"{path}/data").headers["content-type"] == "image/jpeg"
    page = client.get(f"{linked(owner, source.url('page'))}/data")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].endswith('.bin"')
    assert client.get(f"{linked(owner, source.url('empty'))}/data").content == b""
    assert client.get(f"{path}/thumbnail").json() == {"error": "Thumbnail not available"}


def test_a_source_out_of_reach_is_a_502(client: httpx.Client, owner: str, source: Source) -> None:
    for url in (source.url("gone"), "ftp://a.example/x"):
        answer = client.get(f"{linked(owner, url)}/data")
        assert (answer.status_code, answer.json()) == (502, {"error": "Asset blob unavailable"})


def test_lost_bytes_are_a_502(client: httpx.Client, owner: str, photo: bytes) -> None:
    asset = made(upload(client, photo, client_id=owner))
    with get_database().read() as session:
        row = session.get_one(Asset, asset["id"])
    assert row.object_sha256 is not None
    assert row.thumbnail_sha256 is not None
    for sha256 in (row.object_sha256, row.thumbnail_sha256):
        get_object_store().delete(sha256)
    answer = client.get(asset["url"])
    assert (answer.status_code, answer.json()) == (502, {"error": "Asset blob unavailable"})
    answer = client.get(f"/api/v3/assets/{asset['id']}/thumbnail")
    assert (answer.status_code, answer.json()) == (500, {"error": "Failed to serve thumbnail"})


# --- lists, deleting, the same again


def test_lists(client: httpx.Client, campaign: str, owner: str, photo: bytes) -> None:
    first = made(upload(client, photo, campaign_id=campaign))["id"]
    second = made(upload(client, b"%PDF-1", client_id=owner))["id"]

    def ids(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/api/v3/assets?{query}").json()["data"]]

    assert ids("") == ids("type=unknown") == ids(f"client_id={owner}") == ids("limit=x&offset=y") == [second, first]
    assert (
        ids("asset_type=IMAGE")
        == ids("type=image")
        == ids("assetType=Image")
        == ids(f"campaignId={campaign}")
        == [first]
    )
    assert ids(f"clientId={owner}&type=document") == [second]
    assert ids("limit=0") == [second]
    assert ids("limit=1&offset=1") == [first]
    assert ids("campaign_id=nothing") == ids(f"client_id={UNKNOWN}") == []
    assert client.get("/api/v3/assets?limit=9999&offset=-4").json()["meta"] == {"total": 2, "limit": 1000, "offset": 0}
    assert client.get("/api/v3/assets").json()["meta"] == {"total": 2, "limit": 25, "offset": 0}


def test_deleting_keeps_scenes(client: httpx.Client, owner: str, photo: bytes) -> None:
    asset = made(upload(client, photo, client_id=owner))
    with get_database().write() as session:
        job = Job(workflow="image-pairs", name="f")
        session.add(job)
        session.flush()
        scene = Scene(
            job_id=job.id, scene_index=0, title="t", description="d", prompt="p", duration_s=1, transition="fade",
            first_asset_id=asset["id"],
        )  # fmt: skip
        session.add(scene)
    gone = client.delete(f"/api/v3/assets/{asset['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get(asset["url"]).json() == NOT_FOUND
    with get_database().read() as session:
        assert session.get_one(Scene, scene.id).first_asset_id is None


def test_the_same_bytes_are_stored_once(client: httpx.Client, owner: str, photo: bytes) -> None:
    for _ in range(2):
        made(upload(client, photo, client_id=owner))
    with get_database().read() as session:
        assert len(session.exec(select(StoredObject)).all()) == 2  # the picture and its thumbnail


def test_idempotency_key(client: httpx.Client, owner: str, photo: bytes, source: Source) -> None:
    source.files["a.jpg"] = photo
    bodies: list[dict[str, Any]] = [
        {"files": {"file": ("a.jpg", photo)}, "data": {"client_id": owner}},
        {"json": {"url": source.url("a.jpg"), "client_id": owner}},
    ]
    for number, body in enumerate(bodies):
        headers = {"Idempotency-Key": f"key-{number}"}
        first, again = (client.post("/api/v3/assets", headers=headers, **body) for _ in range(2))
        assert made(first) == made(again)
    other = {**bodies[0], "files": {"file": ("a.jpg", photo + b" ")}}
    answer = client.post("/api/v3/assets", headers={"Idempotency-Key": "key-0"}, **other)
    assert answer.status_code == 409
    bulk = {"assets": [{"url": source.url("a.jpg")}], "client_id": owner}
    first, again = (
        client.post("/api/v3/assets/from-urls", json=bulk, headers={"Idempotency-Key": "bulk"}) for _ in range(2)
    )
    assert first.json() == again.json()
    assert client.get("/api/v3/assets").json()["meta"]["total"] == 3


def test_everything_works_inside_the_database(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, owner: str, bad: Path, home: Path
) -> None:
    monkeypatch.setenv("STORAGE_URL", "db://")
    get_settings.cache_clear()
    asset = made(upload(client, (bad / "rotated-90.mp4").read_bytes(), client_id=owner))
    assert client.get(asset["url"], headers={"Range": "bytes=4-7"}).content == b"ftyp"
    assert client.get(f"/api/v3/assets/{asset['id']}/thumbnail").status_code == 200
    assert {path.name for path in home.rglob("*") if path.is_file()} <= {"scenes.db", "scenes.db-wal", "scenes.db-shm"}
    assert json.loads(client.get("/api/v3/assets").content)["meta"]["total"] == 1
