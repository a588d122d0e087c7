"""Videos, clips and their pictures over HTTP."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from models.jobs import Job, Scene
from storage.database import get_database

UNKNOWN = "00000000-0000-4000-8000-000000000000"
FOR_EVER = "public, max-age=31536000, immutable"


def frames_in(data: bytes) -> int:
    with av.open(BytesIO(data)) as film:
        return sum(1 for _ in film.decode(video=0))


def clips_of(client: httpx.Client, job_id: int) -> list[dict[str, Any]]:
    return list(client.get(f"/api/v3/jobs/{job_id}/scenes").json()["scenes"])


def test_the_video_is_served_with_ranges_and_etags(film: Any, client: httpx.Client) -> None:
    job_id = film(pictures=4)
    path = f"/api/v3/videos/{job_id}/combined"
    whole = client.get(path)
    assert frames_in(whole.content) == 24
    etag = f'"{hashlib.md5(whole.content).hexdigest()}"'
    assert {name: whole.headers[name] for name in ("etag", "cache-control", "accept-ranges", "content-type")} == {
        "etag": etag, "cache-control": FOR_EVER, "accept-ranges": "bytes", "content-type": "video/mp4",
    }  # fmt: skip
    assert whole.headers["content-disposition"] == f'inline; filename="combined_{job_id}.mp4"'
    size = len(whole.content)
    for header, part in (
        ("bytes=0-9", whole.content[:10]), ("bytes=10-", whole.content[10:]), ("bytes=-5", whole.content[-5:]),
        (f"bytes=5-{size * 9}", whole.content[5:]),
    ):  # fmt: skip
        got = client.get(path, headers={"Range": header})
        assert (got.status_code, got.content) == (206, part)
    beyond = client.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.text, beyond.headers["content-range"]) == (
        416, "Range Not Satisfiable", f"bytes */{size}",
    )  # fmt: skip
    known = client.get(path, headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
    same = client.get(f"/api/v3/videos/{job_id}/data?v=77")
    assert (same.content, same.headers["content-disposition"]) == (whole.content, whole.headers["content-disposition"])
    assert client.head(f"/api/v3/videos/{job_id}/data").status_code == 200


def test_clips_answer_to_four_names(film: Any, client: httpx.Client) -> None:
    job_id = film(pictures=4)
    for place, scene in enumerate(clips_of(client, job_id), start=1):
        names = (f"clip_{scene['id']}.mp4", f"{scene['id']}.mp4", scene["id"], f"clip_{place:03d}.mp4")
        got = [client.get(f"/api/v3/videos/{job_id}/clips/{name}") for name in names]
        assert {answer.status_code for answer in got} == {200}
        assert len({answer.content for answer in got}) == 1
        assert frames_in(got[0].content) == 12
        assert got[3].headers["content-disposition"] == f'inline; filename="clip_{scene["id"]}.mp4"'
        assert got[0].headers["cache-control"] == FOR_EVER
        detail = client.get(f"/api/v3/jobs/{job_id}/scenes/{scene['id']}").json()["scene"]
        assert detail["video_blob_size"] == len(got[0].content)
        part = client.get(scene["clip_url"], headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, got[0].content[:4])
        assert client.head(scene["clip_url"]).headers["content-length"] == str(len(got[0].content))


def test_thumbnails_are_letter_boxed_and_kept(film: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = film(pictures=2)
    scene = clips_of(client, job_id)[0]
    paths = (f"/api/v3/videos/{job_id}/thumbnail", scene["thumbnail_url"])
    for path in paths:
        got = client.get(path)
        with Image.open(BytesIO(got.content)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (640, 360))
        assert got.headers["cache-control"] == FOR_EVER
        assert got.headers["etag"] == f'"{hashlib.md5(got.content).hexdigest()}"'
        assert client.get(path, headers={"If-None-Match": got.headers["etag"]}).status_code == 304
        assert client.head(path).headers["content-length"] == str(len(got.content))
    with get_database().read() as session:
        assert session.get_one(Job, job_id).thumbnail_sha256
        assert session.get_one(Scene, scene["id"]).clip_thumbnail_sha256
    monkeypatch.setattr("storage.film_thumbnails.write_thumbnail", lambda *_, **__: pytest.fail("made twice"))
    assert [client.get(path).status_code for path in paths] == [200, 200]


def test_a_new_revision_has_a_new_thumbnail(film: Any, client: httpx.Client, worker: Any) -> None:
    job_id = film(pictures=4)
    first, second = clips_of(client, job_id)
    old = client.get(f"/api/v3/videos/{job_id}/thumbnail").content
    old_clip = client.get(second["thumbnail_url"]).content
    client.post(f"/api/v3/jobs/{job_id}/scenes/{second['id']}/regenerate", json={"assets": first["asset_ids"]})
    worker.settle()
    assert client.get(f"/api/v3/videos/{job_id}/thumbnail").content != old
    assert client.get(clips_of(client, job_id)[1]["thumbnail_url"]).content != old_clip


def test_a_thumbnail_that_cannot_be_made(film: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.errors import InvalidMedia

    job_id = film(pictures=2)

    def fail(_source: Path, *_: Any, **__: Any) -> None:
        raise InvalidMedia("a secret path")

    monkeypatch.setattr("storage.film_thumbnails.write_thumbnail", fail)
    for path in (f"/api/v3/videos/{job_id}/thumbnail", clips_of(client, job_id)[0]["thumbnail_url"]):
        got = client.get(path)
        assert (got.status_code, got.json()) == (500, {"error": "Thumbnail generation failed"})


def test_what_is_not_there(create: Any, client: httpx.Client) -> None:
    made, other = create(), create()
    job_id, scene_id = made["job_id"], made["storyboard"]["scenes"][0]["scene_id"]
    foreign = other["storyboard"]["scenes"][0]["scene_id"]

    def error(path: str) -> str:
        got = client.get(f"/api/v3/videos/{path}")
        assert got.status_code == 404
        assert set(got.json()) == {"error"}
        return str(got.json()["error"])

    for path in ("combined", "data", "thumbnail"):
        for unknown in ("999999", "x", "-1"):
            assert error(f"{unknown}/{path}") == "Job not found"
    assert error(f"{job_id}/combined") == error(f"{job_id}/data") == "Video not ready - job processing incomplete"
    assert error(f"{job_id}/thumbnail") == "Video not ready"
    for tail in ("", "/thumbnail"):
        for name in (f"clip_{scene_id}.mp4", f"{scene_id}.mp4", scene_id, "clip_001.mp4", "clip_002.mp4"):
            assert error(f"{job_id}/clips/{name}{tail}") == "Clip video not ready"
        for name in (
            foreign, UNKNOWN, "clip_000.mp4", "clip_003.mp4", "clip_1.mp4", "clip_1000.mp4", f"clip_{scene_id}",
            f"{scene_id}.mov", f"clip_clip_{scene_id}.mp4", scene_id.upper(), "x",
        ):  # fmt: skip
            assert error(f"{job_id}/clips/{name}{tail}") == "Clip not found", name
        assert error(f"999999/clips/{scene_id}{tail}") == "Clip not found"
    assert client.head(f"/api/v3/videos/{job_id}/combined").status_code == 404
