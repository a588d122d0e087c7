"""Stitching: what the job's parameters and scenes say becomes the film, and what was encoded is used again."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from media.encode import encode_frames
from media.probe import probe_video
from models.jobs import Scene
from models.media import Size
from models.runs import ImagePairsRequest, JobLease
from models.storyboard import Plan, ScenePlan
from storage import jobs, leases, scenes
from storage.assets import candidate_images
from storage.database import get_database
from storage.objects import file_chunks, record_object
from storage.stores import get_object_store
from tasks.stitch_clips import stitch_clips

Prepare = Callable[..., tuple[JobLease, list[str]]]
FPS, FRAMES, SHARED = 24, 36, 12


@pytest.fixture
def prepare(make_campaign: Callable[..., str]) -> Prepare:
    """Return a function that makes a job of three planned scenes and gives its lease and the scenes' ids."""

    def make(**wish: bool) -> tuple[JobLease, list[str]]:
        campaign = make_campaign(pictures=6)
        with get_database().write() as session:
            job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign, fps=FPS, **wish))
            photos = [asset.id for asset in candidate_images(session, campaign)]
        lease = JobLease(job_id=job.id or 0, owner="test")
        leases.claim(lease)
        words = ("fade", "cut", "fade")
        entries = [
            ScenePlan(first_asset_id=a, last_asset_id=b, title="T", description="D", prompt="P", duration_s=1.5,
                      transition=word)
            for a, b, word in zip(photos[::2], photos[1::2], words, strict=True)
        ]  # fmt: skip
        return lease, jobs.keep_plan(lease, Plan(scenes=entries, planner="template"))

    return make


def keep_clip(lease: JobLease, scene_id: str, colour: int, folder: Path) -> None:
    """Give a scene a clip of one shade of grey."""
    path = folder / f"{colour}.mp4"
    with encode_frames(path, Size(64, 36), FPS, FRAMES) as write:
        for _ in range(FRAMES):
            write(np.full((36, 64, 3), colour, np.uint8))
    key = get_object_store().put(file_chunks(path))
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    scenes.keep_clip(lease, scene_id, key.sha256, probe_video(path), {"engine": "local", "cost_usd": 0.0})


def shades(sha256: str) -> list[int]:
    with get_object_store().local_file(sha256) as path, av.open(str(path)) as film:
        return [round(float(frame.to_ndarray(format="gray").mean())) for frame in film.decode(video=0)]


def test_transitions_are_rendered_where_the_scenes_say_so(prepare: Prepare, tmp_path: Path) -> None:
    lease, ids = prepare(transitions=True)
    for scene_id, colour in zip(ids, (40, 120, 200), strict=True):
        keep_clip(lease, scene_id, colour, tmp_path)
    film = shades(stitch_clips.fn(lease))
    assert len(film) == 3 * FRAMES - SHARED
    a, b, c = film[0], film[FRAMES], film[-1]
    mixed = film[FRAMES - SHARED + 1 : FRAMES]
    assert mixed == sorted(mixed)
    assert a < mixed[2] < mixed[-2] < b
    assert film[2 * FRAMES - SHARED - 1 : 2 * FRAMES - SHARED + 1] == [b, c]


def test_hard_cuts_unless_asked_for(prepare: Prepare, tmp_path: Path) -> None:
    lease, ids = prepare()
    for scene_id, colour in zip(ids[:2], (40, 200), strict=True):
        keep_clip(lease, scene_id, colour, tmp_path)
    film = shades(stitch_clips.fn(lease))
    assert (len(film), len(set(film))) == (2 * FRAMES, 2)


def test_what_was_encoded_is_used_again(prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, ids = prepare(transitions=True)
    for scene_id, colour in zip(ids, (40, 120, 200), strict=True):
        keep_clip(lease, scene_id, colour, tmp_path)
    first = stitch_clips.fn(lease)
    keep_clip(lease, ids[2], 220, tmp_path)
    monkeypatch.setattr("media.parts.render_join", lambda *_, **__: pytest.fail("rendered again"))
    second = stitch_clips.fn(lease)
    assert second != first
    assert shades(second)[:FRAMES] == shades(first)[:FRAMES]


def test_another_word_makes_another_film(prepare: Prepare, tmp_path: Path) -> None:
    lease, ids = prepare(transitions=True)
    for scene_id, colour in zip(ids[:2], (40, 200), strict=True):
        keep_clip(lease, scene_id, colour, tmp_path)
    faded = stitch_clips.fn(lease)
    assert stitch_clips.fn(lease) == faded
    with get_database().write() as session:
        scene = session.get_one(Scene, ids[0])
        scene.transition = "cut"
        session.add(scene)
    assert len(shades(stitch_clips.fn(lease))) == 2 * FRAMES
