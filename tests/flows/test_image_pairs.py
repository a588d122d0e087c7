"""The flow ``image-pairs``, run for real: Prefect, SQLite, files and ffmpeg; only the rendering is a quick one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media.decode import open_picture
from models.errors import InvalidMedia, NotFound, ProcessingFailed, Superseded
from models.jobs import Job, JobStatus, SceneStatus
from models.predictions import Prediction, PredictionStatus
from models.runs import ImagePairsRequest
from storage import job_actions, jobs, scene_edits
from storage.database import get_database
from storage.progress import scenes_of
from storage.stores import get_object_store

pytestmark = pytest.mark.usefixtures("prefect_test_server")
SCENES, SECONDS, FPS = 3, 0.4, 30


def run(**request: Any) -> Any:
    from flows.image_pairs import image_pairs

    return image_pairs(ImagePairsRequest(**request))


@pytest.fixture
def campaign(make_campaign: Callable[..., str]) -> str:
    return make_campaign(pictures=2 * SCENES)


@pytest.fixture
def planned(campaign: str, engine: Any) -> int:
    """A job whose storyboard waits for approval."""
    job_id: int = run(campaign_id=campaign, num_pairs=SCENES, clip_duration=SECONDS).job_id
    return job_id


def approve(job_id: int) -> None:
    with get_database().write() as session:
        jobs.approve(session, job_id)


def stands(job_id: int) -> tuple[Job, list[Any]]:
    with get_database().read() as session:
        return jobs.get_job(session, job_id), scenes_of(session, job_id)


def frames_of(sha256: str) -> Iterator[np.ndarray]:
    with get_object_store().local_file(sha256) as path, av.open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def fail_scene_two(error: Exception) -> Callable[..., None]:
    """Return a hook that fails every try of the second shot it meets."""
    seen: list[Path] = []

    def before(shot: Any, _progress: Any) -> None:
        if shot.first_frame not in seen:
            seen.append(shot.first_frame)
        if seen.index(shot.first_frame) == 1:
            raise error

    return before


def test_without_approval_nothing_is_rendered(planned: int, engine: Any) -> None:
    job, scenes = stands(planned)
    assert (job.status, len(scenes)) == (JobStatus.PLANNED, SCENES)
    assert engine.calls == []
    run(job_id=planned)
    assert engine.calls == []


def test_approved_scenes_become_one_film_in_their_order(planned: int, engine: Any) -> None:
    approve(planned)
    outcome = run(job_id=planned)
    job, scenes = stands(planned)
    assert (outcome.status, job.status, job.revision) == (JobStatus.COMPLETED, JobStatus.COMPLETED, 1)
    assert len(engine.calls) == SCENES
    frames = list(frames_of(outcome.video_sha256))
    per_scene = round(SECONDS * FPS)
    assert len(frames) == SCENES * per_scene
    from models.assets import Asset

    for scene in scenes:
        with get_database().read() as session:
            sha256 = session.get_one(Asset, scene.first_asset_id).object_sha256
        with get_object_store().local_file(sha256 or "") as path:
            colour = np.asarray(open_picture(path)).reshape(-1, 3).mean(0)
        shown = frames[scene.scene_index * per_scene + per_scene // 2].reshape(-1, 3).mean(0)
        assert np.abs(shown - colour).max() < 6, f"scene {scene.scene_index} shows another photo"
    assert job.result is not None
    assert job.result["duration"] == pytest.approx(SCENES * SECONDS, abs=0.05)
    assert (job.result["partial"], job.progress["percentage"]) == (False, 100.0)


def test_a_request_may_approve_itself(campaign: str, engine: Any) -> None:
    outcome = run(campaign_id=campaign, num_pairs=1, clip_duration=SECONDS, approve=True)
    assert outcome.status == JobStatus.COMPLETED
    assert len(engine.calls) == 1


def test_running_again_repeats_nothing(planned: int, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(planned)
    first = run(job_id=planned)
    monkeypatch.setattr("tasks.stitch_clips.stitch", lambda *_, **__: pytest.fail("stitched again"))
    second = run(job_id=planned)
    assert (second.video_sha256, len(engine.calls)) == (first.video_sha256, SCENES)
    job, _ = stands(planned)
    assert (job.revision, job.run, job.status) == (1, 1, JobStatus.COMPLETED)


def test_one_failing_scene_does_not_stop_the_others(planned: int, engine: Any) -> None:
    approve(planned)
    engine.before = fail_scene_two(InvalidMedia("this photo cannot be used"))
    outcome = run(job_id=planned)
    job, scenes = stands(planned)
    assert outcome.status == JobStatus.COMPLETED
    assert sorted(scene.status for scene in scenes) == ["completed", "completed", "failed"]
    failed = next(scene for scene in scenes if scene.status == SceneStatus.FAILED)
    assert failed.error == "this photo cannot be used"
    assert job.result is not None
    assert job.result["partial"] is True
    assert len(list(frames_of(outcome.video_sha256))) == (SCENES - 1) * round(SECONDS * FPS)
    assert len(engine.calls) == SCENES, "an error that cannot pass was tried again"

    engine.before = lambda shot, progress: None
    healed = run(job_id=planned)
    job, _ = stands(planned)
    assert len(engine.calls) == SCENES + 1, "more than the failed scene was rendered again"
    assert (job.run, job.revision, (job.result or {})["partial"]) == (2, 2, False)
    assert len(list(frames_of(healed.video_sha256))) == SCENES * round(SECONDS * FPS)


def test_a_fault_that_passes_is_tried_again(planned: int, engine: Any) -> None:
    approve(planned)
    failures = [ProcessingFailed("the engine stumbled")]

    def stumble_once(_shot: Any, _progress: Any) -> None:
        if failures:
            raise failures.pop()

    engine.before = stumble_once
    assert run(job_id=planned).status == JobStatus.COMPLETED
    assert len(engine.calls) == SCENES + 1
    _, scenes = stands(planned)
    assert {scene.status for scene in scenes} == {SceneStatus.COMPLETED}


def test_no_clip_at_all_fails_the_job_with_the_reason(planned: int, engine: Any) -> None:
    approve(planned)

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("nothing can be made of this")

    engine.before = refuse
    with pytest.raises(ProcessingFailed, match="nothing can be made of this"):
        run(job_id=planned)
    job, _ = stands(planned)
    assert job.status == JobStatus.FAILED
    assert "nothing can be made of this" in (job.error or "")
    assert job.video_sha256 is None
    assert job.lease_owner is None, "a run that ended must give the job back"


def test_a_fault_after_rendering_keeps_the_clips(planned: int, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(planned)
    with monkeypatch.context() as broken:
        broken.setattr("tasks.stitch_clips.stitch", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("secret path")))
        with pytest.raises(RuntimeError):
            run(job_id=planned)
    job, _ = stands(planned)
    assert job.status == JobStatus.FAILED
    assert "secret path" not in (job.error or "")
    assert run(job_id=planned).status == JobStatus.COMPLETED
    assert len(engine.calls) == SCENES


def test_a_clip_in_the_ledger_is_used_again(planned: int, engine: Any) -> None:
    """A process that died after settling the ledger, before telling the scene, has not lost its work."""
    approve(planned)
    run(job_id=planned)
    with get_database().write() as session:
        for scene in scenes_of(session, planned):
            scene.clip_sha256, scene.clip, scene.status = None, None, SceneStatus.RUNNING
            session.add(scene)
        job = session.get_one(Job, planned)
        job.status = JobStatus.RUNNING
        session.add(job)
    assert run(job_id=planned).status == JobStatus.COMPLETED
    assert len(engine.calls) == SCENES


def test_the_ledger_tells_what_was_made(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    with get_database().read() as session:
        from sqlmodel import select

        rows = session.exec(select(Prediction)).all()
    assert len(rows) == SCENES
    assert {row.status for row in rows} == {PredictionStatus.SUCCEEDED}
    assert all(row.output_sha256 and row.finished_at and row.input["frames"] for row in rows)


def test_a_cancelled_job_stops_rendering(planned: int, engine: Any) -> None:
    approve(planned)

    def cancel(_shot: Any, progress: Any) -> None:
        with get_database().write() as session:
            job = session.get_one(Job, planned)
            job.status = JobStatus.CANCELLED
            session.add(job)
        progress(0.5)
        pytest.fail("the report of progress must stop the work")

    engine.before = cancel
    with pytest.raises(Superseded):
        run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, job.video_sha256) == (JobStatus.CANCELLED, None)
    assert not any(scene.clip_sha256 for scene in scenes)


def test_scratch_files_are_gone_afterwards(planned: int, engine: Any, home: Path) -> None:
    approve(planned)
    engine.before = fail_scene_two(InvalidMedia("no"))
    run(job_id=planned)
    (own,) = (home / "scratch").iterdir()
    assert list(own.iterdir()) == []


def test_a_job_that_does_not_exist(home: Path) -> None:
    with pytest.raises(NotFound, match="no job 4711"):
        run(job_id=4711)


def test_with_a_job_every_other_field_is_ignored(planned: int, engine: Any) -> None:
    run(job_id=planned, campaign_id="nowhere", num_pairs=1, approve=True)
    job, scenes = stands(planned)
    assert (job.status, len(scenes)) == (JobStatus.PLANNED, SCENES)


def regenerate(job_id: int, index: int) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, job_id)
        scene_edits.regenerate_scene(session, job, scenes_of(session, job_id)[index], {})


def test_a_regenerated_scene_is_rendered_alone(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    regenerate(planned, 1)
    job, scenes = stands(planned)
    assert (job.status, job.run, job.wanted_attempt > job.submitted_attempt) == (JobStatus.APPROVED, 2, True)
    assert (job.revision, job.video_sha256 is not None, scenes[1].clip_sha256) == (1, True, None)
    run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, [scene.take for scene in scenes]) == (JobStatus.COMPLETED, [1, 2, 1])
    assert len(engine.calls) == SCENES + 1
    assert (job.only_scenes, job.status_before_run, job.run) == (None, None, 2)


def test_a_scene_asked_for_while_stitching_is_in_the_film(
    planned: int, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run in progress takes the wish along; nothing that lacks it is published."""
    import tasks.stitch_clips

    approve(planned)
    real, asked = tasks.stitch_clips.stitch, []

    def ask_once(*args: Any, **options: Any) -> Any:
        if not asked:
            asked.append(True)
            regenerate(planned, 0)
        return real(*args, **options)

    monkeypatch.setattr(tasks.stitch_clips, "stitch", ask_once)
    assert run(job_id=planned).status == JobStatus.COMPLETED
    job, scenes = stands(planned)
    assert (job.revision, job.run, [scene.take for scene in scenes]) == (1, 1, [2, 1, 1])
    assert len(engine.calls) == SCENES + 1
    assert {scene.status for scene in scenes} == {SceneStatus.COMPLETED}
    assert job.result is not None
    assert job.result["partial"] is False


def test_a_second_wish_joins_the_first(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    regenerate(planned, 0)
    asked: list[bool] = []

    def ask_once(_shot: Any, _progress: Any) -> None:
        if not asked:
            asked.append(True)
            regenerate(planned, 2)

    engine.before = ask_once
    run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, job.run, [scene.take for scene in scenes]) == (JobStatus.COMPLETED, 2, [2, 1, 2])
    assert len(engine.calls) == SCENES + 2


def test_a_failed_take_returns_the_job_to_where_it_was(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    before, _ = stands(planned)
    regenerate(planned, 1)

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("no")

    engine.before = refuse
    assert run(job_id=planned).status == JobStatus.COMPLETED
    job, scenes = stands(planned)
    assert (job.revision, job.video_sha256, job.result) == (1, before.video_sha256, before.result)
    assert (scenes[1].status, job.progress["failed_scenes"]) == (SceneStatus.FAILED, 1)


@pytest.mark.parametrize("works", [True, False])
def test_one_take_of_a_failed_job(planned: int, engine: Any, works: bool) -> None:
    """Only that scene is rendered; if it works the job is completed with it, if not the job has failed as before."""
    approve(planned)

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("not yet")

    engine.before = refuse
    with pytest.raises(ProcessingFailed):
        run(job_id=planned)
    calls = len(engine.calls)
    regenerate(planned, 1)
    if works:
        engine.before = lambda shot, progress: None
    outcome = run(job_id=planned)
    job, scenes = stands(planned)
    assert len(engine.calls) == calls + 1
    assert outcome.status == job.status == (JobStatus.COMPLETED if works else JobStatus.FAILED)
    assert [scene.clip_sha256 is not None for scene in scenes] == [False, works, False]
    assert bool(job.error) is not works
    assert ((job.result or {}).get("partial"), job.revision) == ((True, 1) if works else (None, 0))


def test_deleting_stitches_without_rendering(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    with get_database().write() as session:
        scene_edits.delete_scene(session, jobs.get_job(session, planned), scenes_of(session, planned)[1])
    outcome = run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, job.revision, job.run, len(engine.calls)) == (JobStatus.COMPLETED, 2, 1, SCENES)
    assert [scene.scene_index for scene in scenes] == [0, 1]
    assert len(list(frames_of(outcome.video_sha256))) == (SCENES - 1) * round(SECONDS * FPS)


def test_a_deleted_scene_is_not_shown_though_another_take_failed(planned: int, engine: Any) -> None:
    approve(planned)
    run(job_id=planned)
    regenerate(planned, 0)

    def refuse(_shot: Any, _progress: Any) -> None:
        raise InvalidMedia("no")

    engine.before = refuse
    run(job_id=planned)
    with get_database().write() as session:
        scene_edits.delete_scene(session, jobs.get_job(session, planned), scenes_of(session, planned)[1])
    outcome = run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, job.revision, (job.result or {})["partial"]) == (JobStatus.COMPLETED, 2, True)
    assert [clip["scene_id"] for clip in (job.result or {})["clips"]] == [scenes[1].id]
    assert len(list(frames_of(outcome.video_sha256))) == round(SECONDS * FPS)


def test_a_retry_does_not_count_twice(planned: int, engine: Any) -> None:
    """The API's retry is a wish already; the run that carries it out must not add another."""
    approve(planned)
    engine.before = fail_scene_two(InvalidMedia("no"))
    run(job_id=planned)
    with get_database().write() as session:
        job, lacking = job_actions.retry(session, planned)
    assert (job.run, len(lacking)) == (2, 1)
    engine.before = lambda shot, progress: None
    run(job_id=planned)
    job, _ = stands(planned)
    assert (job.status, job.run, len(engine.calls)) == (JobStatus.COMPLETED, 2, SCENES + 1)


def test_after_cancel_and_retry_the_old_run_writes_nothing(planned: int, engine: Any) -> None:
    approve(planned)

    def cancel_and_retry(_shot: Any, progress: Any) -> None:
        engine.before = lambda shot, progress: progress(0.9)
        with get_database().write() as session:
            job_actions.cancel(session, planned)
        with get_database().write() as session:
            job_actions.retry(session, planned)
        progress(0.5)
        pytest.fail("the old run went on")

    engine.before = cancel_and_retry
    with pytest.raises(Superseded):
        run(job_id=planned)
    job, scenes = stands(planned)
    assert (job.status, job.run) == (JobStatus.APPROVED, 2)
    assert not any(scene.clip_sha256 for scene in scenes)
    engine.before = lambda shot, progress: None
    assert run(job_id=planned).status == JobStatus.COMPLETED
