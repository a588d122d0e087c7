"""Rendering a scene: what was rendered of the same before, for whatever job, is used again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from models.jobs import Job, Scene, SceneStatus
from models.predictions import Prediction, PredictionStatus
from models.runs import ImagePairsRequest, JobLease
from models.slots import ConcurrencySlot
from models.stages import StageResult
from models.storyboard import Plan, ScenePlan
from storage import jobs, leases, scene_edits
from storage.assets import candidate_images
from storage.canonical import canonical_hash
from storage.database import get_database
from storage.film_thumbnails import clip_thumbnail
from storage.stores import get_object_store
from tasks.render_scene import render_scene


@pytest.fixture
def campaign(make_campaign: Callable[..., str], engine: Any) -> str:
    return make_campaign(pictures=2)


Ordered = tuple[str, JobLease]


def order(campaign: str, **wish: Any) -> Ordered:
    """Make an approved job of one scene; return the scene and the job's lease."""
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign, approve=True))
        first, last = [asset.id for asset in candidate_images(session, campaign)]
    lease = JobLease(job_id=job.id or 0, owner=f"run of {job.id}")
    leases.claim(lease)
    entry: dict[str, Any] = {"first_asset_id": first, "last_asset_id": last, "prompt": "P", "duration_s": 0.2, **wish}
    (scene_id,) = jobs.keep_plan(lease, Plan(scenes=[ScenePlan(title="T", description="D", **entry)], planner="t"))
    return scene_id, lease


def render(ordered: Ordered) -> str:
    scene_id, lease = ordered
    return render_scene.fn(scene_id, lease)


def ledger(scene_id: str) -> list[Prediction]:
    with get_database().read() as session:
        query = select(Prediction).where(Prediction.scene_id == scene_id).order_by(col(Prediction.inserted_at))
        return list(session.exec(query))


def scene(scene_id: str) -> Scene:
    with get_database().read() as session:
        return session.get_one(Scene, scene_id)


def dear(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each clip cost a quarter."""
    plain = engine.generate

    def generate(*args: Any) -> Any:
        return plain(*args).model_copy(update={"cost_usd": 0.25})

    monkeypatch.setattr(engine, "generate", generate)


def test_another_job_uses_the_clip_and_pays_nothing(
    campaign: str, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear(engine, monkeypatch)
    first, second = order(campaign), order(campaign)
    assert render(first) == render(second)
    assert len(engine.calls) == 1
    (made,), (reused,) = ledger(first[0]), ledger(second[0])
    assert (made.status, made.reused, made.cost_usd) == (PredictionStatus.SUCCEEDED, False, 0.25)
    assert (reused.status, reused.reused, reused.cost_usd) == (PredictionStatus.SUCCEEDED, True, 0.0)
    assert (reused.job_id, reused.output_sha256) == (second[1].job_id, made.output_sha256)
    assert reused.finished_at is not None
    one, two = scene(first[0]), scene(second[0])
    assert (one.status, two.status) == (SceneStatus.COMPLETED, SceneStatus.COMPLETED)
    assert one.clip is not None
    assert (one.clip["cost_usd"], one.clip["technique"], one.clip["frame_count"]) == (0.25, "plain colour", 6)
    assert two.clip == {**one.clip, "cost_usd": 0.0}


def test_the_clip_outlives_the_job_that_made_it(campaign: str, engine: Any) -> None:
    first, second = order(campaign), order(campaign)
    made = render(first)
    with get_database().write() as session:
        session.delete(session.get_one(Job, first[1].job_id))
    assert ledger(first[0]) == []
    assert render(second) == made
    assert len(engine.calls) == 1


def test_a_clip_whose_bytes_are_gone_is_rendered_again(campaign: str, engine: Any) -> None:
    first, second = order(campaign), order(campaign)
    get_object_store().delete(render(first))
    with get_object_store().local_file(render(second)) as clip:
        assert clip.stat().st_size > 0
    assert len(engine.calls) == 2
    assert [row.reused for row in ledger(second[0])] == [False]


@pytest.mark.parametrize("wish", [{"prompt": "Q"}, {"duration_s": 0.3}, {"camera_movement": "pan_sweep"}])
def test_another_wish_is_rendered(campaign: str, engine: Any, wish: dict[str, Any]) -> None:
    render(order(campaign))
    render(order(campaign, **wish))
    assert len(engine.calls) == 2


def test_a_new_version_of_the_engine_renders_anew(campaign: str, engine: Any) -> None:
    render(order(campaign))
    engine.version = "2"
    render(order(campaign))
    assert len(engine.calls) == 2


def test_another_take_is_rendered(campaign: str, engine: Any) -> None:
    first = order(campaign)
    render(first)
    with get_database().write() as session:
        row = session.get_one(Scene, first[0])
        scene_edits.regenerate_scene(session, session.get_one(Job, row.job_id), row, {})
    render(first)
    assert len(engine.calls) == 2
    assert [(row.take, row.reused) for row in ledger(first[0])] == [(1, False), (2, False)]
    second = order(campaign)
    render(second)
    assert len(engine.calls) == 2


def forget_clip(scene_id: str) -> None:
    """As after a death between the ledger and the scene."""
    with get_database().write() as session:
        row = session.get_one(Scene, scene_id)
        row.clip_sha256, row.clip, row.status = None, None, SceneStatus.RUNNING
        session.add(row)


def test_a_scene_that_was_not_told_has_one_row(campaign: str, engine: Any) -> None:
    first, second = order(campaign), order(campaign)
    for ordered in (first, second):
        clip = render(ordered)
        forget_clip(ordered[0])
        assert render(ordered) == clip
    assert len(engine.calls) == 1
    assert [row.reused for row in ledger(first[0]) + ledger(second[0])] == [False, True]


def test_a_place_is_held_while_the_engine_works_and_no_longer(
    campaign: str, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.render_scene

    def holders() -> list[str]:
        with get_database().read() as session:
            return [slot.holder for slot in session.exec(select(ConcurrencySlot))]

    seen: list[list[str]] = []
    engine.before = lambda shot, progress: seen.append(holders())
    real = tasks.render_scene.probe_video

    def probe(path: Path) -> Any:
        seen.append(holders())
        return real(path)

    monkeypatch.setattr(tasks.render_scene, "probe_video", probe)
    ordered = order(campaign)
    render(ordered)
    assert seen == [[ordered[0]], []]


def test_a_clip_that_cannot_be_stored_leaves_no_open_call(
    campaign: str, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.errors import StorageFull

    ordered = order(campaign)

    def full(_path: Path) -> Any:
        raise StorageFull("no space left")

    monkeypatch.setattr("tasks.render_scene.file_chunks", full)
    with pytest.raises(StorageFull):
        render(ordered)
    assert [(row.status, row.error) for row in ledger(ordered[0])] == [(PredictionStatus.FAILED, "no space left")]


def test_what_two_jobs_show_is_drawn_once(campaign: str, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import storage.film_thumbnails

    first, second = order(campaign), order(campaign)
    for ordered in (first, second):
        render(ordered)
    drawn, real = [], storage.film_thumbnails.write_thumbnail

    def draw(*args: Any, **options: Any) -> None:
        drawn.append(args)
        real(*args, **options)

    monkeypatch.setattr(storage.film_thumbnails, "write_thumbnail", draw)
    pictures = [clip_thumbnail(scene_id) for scene_id, _ in (first, second)]
    assert len(drawn) == 1
    assert pictures[0].sha256 == pictures[1].sha256 == scene(second[0]).clip_thumbnail_sha256
    assert pictures[0].content_type == "image/jpeg"
    inputs = {"source": scene(first[0]).clip_sha256, "box": [640, 360]}
    with get_database().read() as session:
        assert session.get(StageResult, canonical_hash({"stage": "thumbnail/1", "inputs": inputs})) is not None
