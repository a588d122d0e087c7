"""What its owner does to a job and its scenes, beside a run that may be in progress."""

import threading
from collections.abc import Callable

import pytest

from models.errors import Conflict, NotFound, Superseded
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.media import MediaFacts
from models.predictions import Prediction, PredictionStatus
from models.runs import JobLease
from models.storyboard import Plan, ScenePlan
from storage import job_actions, jobs, leases, predictions, scene_edits, scenes
from storage.database import get_database
from storage.leases import fenced
from storage.objects import record_object
from storage.progress import scenes_of, waiting_scenes
from storage.stores import get_object_store

FACTS = MediaFacts(kind="video", format="mp4", content_type="video/mp4", size_bytes=1, duration_s=5.0)


@pytest.fixture
def planned(lease: JobLease) -> JobLease:
    """A job with the scenes A, B and C, held by a run."""
    entries = [
        ScenePlan(first_asset_id=asset, last_asset_id=asset, title=title, description="D", prompt="P", duration_s=5)
        for title, asset in zip("ABC", three_assets(lease), strict=True)
    ]
    jobs.keep_plan(lease, Plan(scenes=entries, planner="template"))
    return lease


def three_assets(lease: JobLease) -> list[str]:
    from storage.assets import candidate_images

    with get_database().read() as session:
        job = jobs.get_job(session, lease.job_id)
        return [asset.id for asset in candidate_images(session, job.campaign_id or "")][:3]


def stands(lease: JobLease) -> tuple[Job, list[Scene]]:
    with get_database().read() as session:
        return jobs.get_job(session, lease.job_id), scenes_of(session, lease.job_id)


def start(lease: JobLease) -> None:
    with get_database().write() as session:
        jobs.approve(session, lease.job_id)
    jobs.start_rendering(lease)


def object_of(data: bytes) -> str:
    key = get_object_store().put([data])
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    return key.sha256


def render(lease: JobLease, index: int) -> None:
    scene = stands(lease)[1][index]
    scenes.keep_clip(lease, scene.id, object_of(scene.id.encode()), FACTS, {"engine": "local"})


def publish(lease: JobLease, data: bytes = b"film") -> bool:
    clips = [{"scene_id": scene.id} for scene in stands(lease)[1] if scene.clip_sha256]
    return jobs.publish(lease, object_of(data), {"clips": clips})


def change(lease: JobLease, act: Callable[..., None], index: int, *more: object) -> None:
    with get_database().write() as session:
        act(session, jobs.get_job(session, lease.job_id), scenes_of(session, lease.job_id)[index], *more)


@pytest.mark.parametrize(
    ("origin", "target", "order"), [(0, 2, "BCA"), (2, 0, "CAB"), (1, 1, "ABC"), (0, 1, "BAC"), (2, 1, "ACB")]
)
def test_moves(planned: JobLease, origin: int, target: int, order: str) -> None:
    change(planned, scene_edits.update_scene, origin, {}, target)
    _, after = stands(planned)
    assert "".join(scene.title for scene in after) == order
    assert [scene.scene_index for scene in after] == [0, 1, 2]


def test_an_edit_before_approval_is_another_storyboard(planned: JobLease) -> None:
    change(planned, scene_edits.update_scene, 0, {"title": "Z"}, None)
    assert stands(planned)[0].plan_version == 2
    change(planned, scene_edits.update_scene, 0, {"provider_id": "p"}, None)
    assert stands(planned)[0].plan_version == 2
    start(planned)
    change(planned, scene_edits.update_scene, 0, {"title": "Y"}, None)
    job, after = stands(planned)
    assert (job.plan_version, job.approved_version, after[0].title) == (2, 2, "Y")


def test_approval_forgets_the_counts_at_rest(planned: JobLease) -> None:
    change(planned, scene_edits.update_scene, 0, {"status": SceneStatus.FAILED}, None)
    assert stands(planned)[0].progress["stage"] == "processing_with_errors"
    start(planned)
    progress = stands(planned)[0].progress
    assert (progress["stage"], progress["percentage"]) == ("starting_render", 10.0)


def test_cancelling_takes_the_lease(planned: JobLease) -> None:
    start(planned)
    render(planned, 0)
    running = stands(planned)[1][1]
    scenes.begin_take(planned, running.id)
    call, _ = predictions.prepare(planned, running, "video", "local", "local", {"prompt": "P"})
    with get_database().write() as session:
        job_actions.cancel(session, planned.job_id)
    job, after = stands(planned)
    assert (job.status, job.lease_owner, job.error) == (JobStatus.CANCELLED, None, None)
    assert [(scene.status, scene.error) for scene in after] == [
        (SceneStatus.COMPLETED, None), (SceneStatus.FAILED, "cancelled"), (SceneStatus.FAILED, "cancelled"),
    ]  # fmt: skip
    with get_database().read() as session:
        assert session.get_one(Prediction, call.id).status == PredictionStatus.CANCELLED
    with get_database().write() as session:
        _, lacking = job_actions.retry(session, planned.job_id)
    assert lacking == [scene.id for scene in after[1:]]
    with pytest.raises(Superseded), fenced(planned):
        pytest.fail("a run that was cancelled may not write, not even after a retry")
    assert not leases.renew(planned)
    leases.claim(JobLease(job_id=planned.job_id, owner="next"))


def test_cancel_and_completion_at_once_have_one_winner(planned: JobLease) -> None:
    start(planned)
    for index in range(3):
        render(planned, index)
    results: list[str] = []

    def complete() -> None:
        try:
            publish(planned)
            results.append("published")
        except Superseded:
            pass

    def cancel() -> None:
        try:
            with get_database().write() as session:
                job_actions.cancel(session, planned.job_id)
            results.append("cancelled")
        except Conflict:
            pass

    threads = [threading.Thread(target=act) for act in (complete, cancel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 1
    job, _ = stands(planned)
    assert (job.status == JobStatus.COMPLETED, job.video_sha256 is not None) == (results == ["published"],) * 2


def test_nothing_is_published_while_a_scene_waits(planned: JobLease) -> None:
    start(planned)
    for index in range(3):
        render(planned, index)
    change(planned, scene_edits.regenerate_scene, 1, {})
    assert publish(planned) is False
    assert stands(planned)[0].status == JobStatus.RUNNING
    render(planned, 1)
    assert publish(planned) is True


def test_a_wish_names_its_scenes(planned: JobLease) -> None:
    start(planned)
    for index in range(3):
        render(planned, index)
    publish(planned)
    change(planned, scene_edits.update_scene, 2, {"status": SceneStatus.PENDING}, None)
    change(planned, scene_edits.regenerate_scene, 0, {"title": "New"})
    job, after = stands(planned)
    assert (job.only_scenes, job.status_before_run, job.run) == ([after[0].id], JobStatus.COMPLETED, 2)
    with get_database().read() as session:
        assert [scene.title for scene in waiting_scenes(session, job)] == ["New"]
    jobs.start_rendering(planned)
    change(planned, scene_edits.regenerate_scene, 1, {})
    job, after = stands(planned)
    assert (job.only_scenes, job.run) == ([after[0].id, after[1].id], 2)


def test_a_job_that_waits_for_approval_renders_the_take_with_the_rest(planned: JobLease) -> None:
    change(planned, scene_edits.update_scene, 0, {"status": SceneStatus.FAILED}, None)
    change(planned, scene_edits.regenerate_scene, 0, {})
    job, after = stands(planned)
    assert (job.status, job.run, job.wanted_attempt, job.only_scenes) == (JobStatus.PLANNED, 1, 1, None)
    assert (after[0].status, after[0].take) == (SceneStatus.PENDING, 2)


def test_retrying_what_was_never_planned_plans_again(lease: JobLease) -> None:
    jobs.fail(lease, "the planner is ill")
    with get_database().write() as session:
        job, lacking = job_actions.retry(session, lease.job_id)
    assert (job.status, job.run, job.wanted_attempt, job.error, lacking) == (JobStatus.QUEUED, 2, 2, None, [])


def test_retry_keeps_clips_and_sets_the_model_of_the_others(planned: JobLease) -> None:
    start(planned)
    render(planned, 0)
    for scene in stands(planned)[1][1:]:
        scenes.fail_scene(planned, scene.id, "no")
    change(planned, scene_edits.update_scene, 0, {"status": SceneStatus.FAILED}, None)
    jobs.fail(planned, "ffmpeg is gone")
    with get_database().write() as session:
        job_actions.retry(session, planned.job_id, "draft")
    job, after = stands(planned)
    assert [(scene.status, scene.model) for scene in after] == [
        (SceneStatus.COMPLETED, None), (SceneStatus.PENDING, "draft"), (SceneStatus.PENDING, "draft"),
    ]  # fmt: skip
    assert (job.status, job.run, job.progress["percentage"], job.progress["error"]) == (
        JobStatus.APPROVED, 2, 0.0, None,
    )  # fmt: skip


def test_refusals(planned: JobLease) -> None:
    with pytest.raises(Conflict, match="no failed scenes"), get_database().write() as session:
        job_actions.retry(session, planned.job_id)
    for act in (job_actions.retry, job_actions.cancel):
        with pytest.raises(NotFound), get_database().write() as session:
            act(session, 4711)
    with pytest.raises(Conflict, match="currently pending"):
        change(planned, scene_edits.regenerate_scene, 0, {})
    start(planned)
    with pytest.raises(Conflict, match="Cannot delete scene"):
        change(planned, scene_edits.delete_scene, 0)
    with pytest.raises(Conflict, match="Cannot move scene"):
        change(planned, scene_edits.update_scene, 0, {}, 1)
    scenes.begin_take(planned, stands(planned)[1][0].id)
    with pytest.raises(Conflict, match="currently processing"):
        change(planned, scene_edits.update_scene, 0, {"prompt": "Q"}, None)
    change(planned, scene_edits.update_scene, 0, {"provider_id": "p"}, None)
    assert stands(planned)[1][0].provider_id == "p"


def test_deleting_the_last_clip_keeps_the_published_video(planned: JobLease) -> None:
    start(planned)
    render(planned, 0)
    for scene in stands(planned)[1][1:]:
        scenes.fail_scene(planned, scene.id, "no")
    publish(planned)
    change(planned, scene_edits.delete_scene, 0)
    job, after = stands(planned)
    assert (job.status, job.wanted_attempt, job.revision, len(after)) == (JobStatus.COMPLETED, 2, 1, 2)
    assert (job.progress["stage"], job.progress["percentage"]) == ("processing_with_errors", 0.0)


def test_stitching_again_ends_as_completed(planned: JobLease) -> None:
    """What was counted at rest must not stand in the way of the run's own stages."""
    start(planned)
    for index in range(2):
        render(planned, index)
    scenes.fail_scene(planned, stands(planned)[1][2].id, "no")
    publish(planned)
    change(planned, scene_edits.delete_scene, 0)
    job, _ = stands(planned)
    assert (job.status, job.only_scenes, job.run) == (JobStatus.APPROVED, [], 1)
    assert (job.progress["stage"], job.progress["percentage"]) == ("processing_with_errors", 50.0)
    jobs.start_rendering(planned)
    publish(planned, b"shorter film")
    job, _ = stands(planned)
    assert (job.progress["stage"], job.progress["percentage"], job.revision) == ("completed", 100.0, 2)
    assert (job.status, job.status_before_run) == (JobStatus.COMPLETED, None)


def test_a_new_wish_has_all_its_recoveries(planned: JobLease) -> None:
    start(planned)
    with get_database().write() as session:
        job = session.get_one(Job, planned.job_id)
        job.recoveries = 3
        session.add(job)
    jobs.fail(planned, "died too often")
    with get_database().write() as session:
        assert job_actions.retry(session, planned.job_id)[0].recoveries == 0
