"""What happens to a job's row."""

import threading
from collections.abc import Callable

import pytest

from models.errors import Conflict, InvalidInput, NotFound
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.media import MediaFacts
from models.runs import ImagePairsRequest, JobLease
from models.storyboard import Plan, ScenePlan
from storage import jobs, scenes
from storage.assets import candidate_images
from storage.database import get_database
from storage.events import events_after
from storage.progress import advance, report_scene, scenes_of

FACTS = MediaFacts(
    kind="video", format="mp4", content_type="video/mp4", size_bytes=1, duration_s=5.0, width=2, height=2
)


def store_clip(lease: JobLease, scene_id: str) -> None:
    from storage.objects import record_object
    from storage.stores import get_object_store

    key = get_object_store().put([scene_id.encode()])
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    scenes.keep_clip(lease, scene_id, key.sha256, FACTS, {"engine": "local", "cost_usd": 0.0})


@pytest.fixture
def scene_ids(lease: JobLease) -> list[str]:
    """The two scenes of a storyboard that was just planned."""
    with get_database().read() as session:
        job = jobs.get_job(session, lease.job_id)
        photos = [asset.id for asset in candidate_images(session, job.campaign_id or "")]
    entries = [
        ScenePlan(first_asset_id=a, last_asset_id=b, title="T", description="D", prompt="P", duration_s=5, score=0.8)
        for a, b in zip(photos[::2], photos[1::2], strict=True)
    ]
    return jobs.keep_plan(lease, Plan(scenes=entries, planner="template", warnings=["odd"]))


def job_row(lease: JobLease) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, lease.job_id)


def test_names_count_up_per_campaign(make_campaign: Callable[..., str]) -> None:
    first, second = make_campaign(pictures=2), make_campaign(pictures=2, name="Other", seed=1)
    names = []
    for campaign_id in (first, first, second):
        with get_database().write() as session:
            names.append(jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign_id)).name)
    assert names == ["Villa Rosa 1", "Villa Rosa 2", "Other 1"]


def test_unknown_campaign(home: object) -> None:
    with pytest.raises(NotFound, match="Campaign not found"), get_database().write() as session:
        jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id="nowhere"))


def test_one_picture_is_not_enough(make_campaign: Callable[..., str]) -> None:
    campaign_id = make_campaign(pictures=1)
    with (
        pytest.raises(InvalidInput, match="at least 2 image assets to start the pipeline, found 1"),
        get_database().write() as session,
    ):
        jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign_id))


def test_a_plan_is_stored_whole(lease: JobLease, scene_ids: list[str]) -> None:
    row = job_row(lease)
    assert (row.status, row.plan_version, row.planner, row.warnings) == (JobStatus.PLANNED, 1, "template", ["odd"])
    assert (row.progress["total_scenes"], row.progress["percentage"]) == (2, 0.0)
    with get_database().read() as session:
        stored = scenes_of(session, lease.job_id)
    assert [scene.id for scene in stored] == scene_ids
    assert [scene.scene_index for scene in stored] == [0, 1]
    assert stored[0].details == {"score": 0.8}


def test_approval_happens_once(lease: JobLease, scene_ids: list[str]) -> None:
    results: list[str] = []

    def approve() -> None:
        try:
            with get_database().write() as session:
                jobs.approve(session, lease.job_id)
            results.append("approved")
        except Conflict:
            results.append("refused")

    threads = [threading.Thread(target=approve) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["approved"] + ["refused"] * 5
    row = job_row(lease)
    assert (row.status, row.approved_version, row.wanted_attempt) == (JobStatus.APPROVED, 1, 2)


def test_approval_needs_a_plan_and_the_right_version(lease: JobLease) -> None:
    with pytest.raises(Conflict, match="not ready"), get_database().write() as session:
        jobs.approve(session, lease.job_id)


def test_a_stale_version_is_refused(lease: JobLease, scene_ids: list[str]) -> None:
    with pytest.raises(Conflict, match="version 1 is waiting, not 7"), get_database().write() as session:
        jobs.approve(session, lease.job_id, plan_version=7)


def approve_and_start(lease: JobLease) -> None:
    with get_database().write() as session:
        jobs.approve(session, lease.job_id)
    jobs.start_rendering(lease)


def test_percentage_follows_the_scenes_and_never_falls(lease: JobLease, scene_ids: list[str]) -> None:
    approve_and_start(lease)
    assert job_row(lease).progress["percentage"] == 10.0
    scenes.begin_take(lease, scene_ids[0])
    assert job_row(lease).progress["percentage"] == pytest.approx(10 + 65 * 0.125, abs=0.1)
    report_scene(lease, scene_ids[0], 0.75)
    assert job_row(lease).progress["percentage"] == pytest.approx(10 + 65 * 0.375, abs=0.1)
    report_scene(lease, scene_ids[0], 0.3)
    assert job_row(lease).progress["percentage"] == pytest.approx(10 + 65 * 0.375, abs=0.1)
    store_clip(lease, scene_ids[0])
    scenes.fail_scene(lease, scene_ids[1], "no luck")
    assert job_row(lease).progress["percentage"] == pytest.approx(75.0)
    advance(lease, "stitching", 80.0)
    advance(lease, "waiting_prediction", 20.0)
    progress = job_row(lease).progress
    assert (progress["stage"], progress["percentage"], progress["failed_scenes"]) == ("stitching", 80.0, 1)


def test_publishing_the_same_bytes_again_keeps_the_revision(lease: JobLease, scene_ids: list[str]) -> None:
    from storage.objects import record_object
    from storage.stores import get_object_store

    keys = [get_object_store().put([data]) for data in (b"one", b"two")]
    with get_database().write() as session:
        for key in keys:
            record_object(session, key, "video/mp4")
    for scene_id in scene_ids:
        scenes.fail_scene(lease, scene_id, "no luck")
    revisions = []
    for key in (keys[0], keys[0], keys[1]):
        jobs.publish(lease, key.sha256, {"duration": 10.0})
        revisions.append(job_row(lease).revision)
    assert revisions == [1, 1, 2]
    assert job_row(lease).result == {"duration": 10.0, "revision": 2}


def test_a_new_run_of_a_failed_job_is_a_new_wish(lease: JobLease, scene_ids: list[str]) -> None:
    approve_and_start(lease)
    store_clip(lease, scene_ids[0])
    scenes.fail_scene(lease, scene_ids[1], "no luck")
    jobs.fail(lease, "nothing worked")
    row = job_row(lease)
    assert (row.status, row.error, row.progress["stage"]) == (JobStatus.FAILED, "nothing worked", "failed")
    jobs.begin_attempt(lease, None)
    row = job_row(lease)
    assert (row.status, row.error, row.run) == (JobStatus.RUNNING, None, 2)
    assert row.progress["percentage"] == 10.0
    with get_database().read() as session:
        statuses = [session.get_one(Scene, scene_id).status for scene_id in scene_ids]
    assert statuses == [SceneStatus.COMPLETED, SceneStatus.PENDING]


def test_a_new_run_of_a_living_job_is_no_new_wish(lease: JobLease, scene_ids: list[str]) -> None:
    approve_and_start(lease)
    jobs.begin_attempt(lease, "0" * 36)
    row = job_row(lease)
    assert (row.run, row.attempt, row.submitted_attempt, row.status) == (1, 1, row.wanted_attempt, JobStatus.RUNNING)


def test_events_tell_the_story_in_order(lease: JobLease, scene_ids: list[str]) -> None:
    approve_and_start(lease)
    scenes.begin_take(lease, scene_ids[0])
    store_clip(lease, scene_ids[0])
    jobs.fail(lease, "stop")
    with get_database().read() as session:
        events = events_after(session, job_topic(lease.job_id))
        later = events_after(session, job_topic(lease.job_id), events[2].id or 0)
    assert [event.id for event in events] == sorted(event.id or 0 for event in events)
    assert [event.payload["status"] for event in events if event.type == "job"] == [
        "queued", "planned", "approved", "running", "failed",
    ]  # fmt: skip
    assert [event.payload["status"] for event in events if event.type == "scene"] == ["running", "completed"]
    assert events[-1].type == "done"
    assert list(later) == list(events[3:])


def test_progress_events_are_rare(lease: JobLease, scene_ids: list[str]) -> None:
    approve_and_start(lease)
    scenes.begin_take(lease, scene_ids[0])
    with get_database().read() as session:
        before = len(events_after(session, job_topic(lease.job_id)))
    for step in range(20):
        report_scene(lease, scene_ids[0], 0.3 + step / 100)
    with get_database().read() as session:
        after = len(events_after(session, job_topic(lease.job_id)))
    assert after - before <= 3
