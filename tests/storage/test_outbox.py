"""Jobs whose run has died: another run, or the end of the job; and what workers tell and ask of their runs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from deployments.catalog import WORKFLOWS
from models.errors import Superseded
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.media import MediaFacts
from models.predictions import Prediction, PredictionStatus
from models.runs import JobLease
from models.storyboard import Plan, ScenePlan
from storage import held_runs, job_actions, jobs, leases, outbox, scenes
from storage.assets import candidate_images
from storage.database import get_database
from storage.events import events_after
from storage.leases import fenced
from storage.objects import record_object
from storage.progress import scenes_of
from storage.stores import get_object_store

RUN = "11111111-2222-3333-4444-55555555555"  # and a digit
KILLED = "its process was killed (signal 9)"
FACTS = MediaFacts(kind="video", format="mp4", content_type="video/mp4", size_bytes=1, duration_s=5.0)


def row(lease: JobLease) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, lease.job_id)


def change(lease: JobLease, **columns: Any) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, lease.job_id)
        for name, value in columns.items():
            setattr(job, name, value)
        session.add(job)


def standing(lease: JobLease) -> outbox.Standing:
    with get_database().read() as session:
        (job,) = outbox.standings(session, WORKFLOWS)
        assert job.id == lease.job_id
        return job


def scenes_now(lease: JobLease) -> list[Scene]:
    with get_database().read() as session:
        return scenes_of(session, lease.job_id)


def finish(held: JobLease, scene: Scene) -> None:
    scenes.begin_take(held, scene.id)
    key = get_object_store().put([scene.id.encode()])
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    scenes.keep_clip(held, scene.id, key.sha256, FACTS, {"engine": "local"})


def send(lease: JobLease, number: int = 1) -> JobLease:
    """Send the run that is wanted; return the lease it would hold."""
    with get_database().write() as session:
        (job,) = outbox.wanted(session, WORKFLOWS)
        outbox.note_submitted(session, job, f"{RUN}{number}")
    return JobLease(job_id=lease.job_id, owner=f"{RUN}{number}/1")


def begin(run: JobLease) -> JobLease:
    leases.claim(run)
    jobs.begin_attempt(run, run.owner.partition("/")[0])
    jobs.start_rendering(run)
    return run


@pytest.fixture
def sent(lease: JobLease) -> JobLease:
    """An approved job with two scenes, whose run was sent and has not begun."""
    with get_database().read() as session:
        photos = [
            asset.id for asset in candidate_images(session, jobs.get_job(session, lease.job_id).campaign_id or "")
        ]
    entries = [
        ScenePlan(first_asset_id=a, last_asset_id=b, title="T", description="D", prompt="P", duration_s=5, score=0.8)
        for a, b in zip(photos[::2], photos[1::2], strict=True)
    ]
    jobs.keep_plan(lease, Plan(scenes=entries, planner="template"))
    leases.release(lease)
    with get_database().write() as session:
        jobs.approve(session, lease.job_id)
    return send(lease)


@pytest.fixture
def held(sent: JobLease) -> JobLease:
    """The same when its run holds the job, and renders."""
    return begin(sent)


def test_every_workflow_says_how_many_deaths_it_bears() -> None:
    assert set(outbox.MAX_RECOVERIES) == set(WORKFLOWS)


def test_a_dead_run_loses_its_lease_and_another_is_wanted(held: JobLease) -> None:
    first, _ = scenes_now(held)
    scenes.begin_take(held, first.id)
    assert outbox.recover(standing(held), KILLED)
    job = row(held)
    assert (job.recoveries, job.wanted_attempt - job.submitted_attempt, job.lease_owner) == (1, 1, None)
    assert job.status == JobStatus.RUNNING
    assert KILLED in job.progress["detail"]
    assert scenes_now(held)[0].status == SceneStatus.RUNNING
    with pytest.raises(Superseded), fenced(held):
        pytest.fail("the dead run must write nothing more")
    begin(send(held, 2))


def test_a_job_that_moved_is_left_alone(held: JobLease) -> None:
    seen = standing(held)
    assert leases.renew(held)
    assert not outbox.recover(seen, KILLED)
    assert not outbox.free(seen)
    assert row(held).lease_owner == held.owner
    assert row(held).recoveries == 0


def test_of_many_recoveries_one_counts(held: JobLease) -> None:
    seen, together = standing(held), Barrier(4)

    def recover() -> bool:
        together.wait()
        return outbox.recover(seen, KILLED)

    with ThreadPoolExecutor(4) as pool:
        outcomes = [future.result() for future in [pool.submit(recover) for _ in range(4)]]
    assert sorted(outcomes) == [False, False, False, True]
    assert row(held).recoveries == 1


def test_a_wish_that_waits_is_not_wished_again(held: JobLease) -> None:
    change(held, wanted_attempt=row(held).submitted_attempt + 1)
    assert outbox.recover(standing(held), KILLED)
    job = row(held)
    assert (job.wanted_attempt - job.submitted_attempt, job.recoveries, job.lease_owner) == (1, 0, None)


def test_the_lease_of_a_run_that_died_after_its_job_ended_is_freed(held: JobLease) -> None:
    change(held, status=JobStatus.PLANNED)
    assert outbox.recover(standing(held), KILLED)
    job = row(held)
    assert (job.status, job.lease_owner, job.wanted_attempt) == (JobStatus.PLANNED, None, job.submitted_attempt)


def test_a_job_that_kills_every_run_fails_and_can_be_retried(held: JobLease) -> None:
    first, second = scenes_now(held)
    scenes.begin_take(held, first.id)
    with get_database().write() as session:
        call = Prediction(job_id=held.job_id, capability="video", provider="local", model="local", input_hash="")
        session.add(call)
    change(held, recoveries=outbox.MAX_RECOVERIES["image-pairs"])
    assert outbox.recover(standing(held), KILLED)
    job = row(held)
    assert job.status == JobStatus.FAILED
    assert job.error == f"Its run died 4 times; the last time {KILLED}"
    assert job.progress["processing_scenes"] == 0
    assert [(scene.status, scene.error) for scene in scenes_now(held)] == [
        (SceneStatus.FAILED, KILLED),
        (SceneStatus.PENDING, None),
    ]
    with get_database().write() as session:
        ledger = session.get_one(Prediction, call.id)
        assert (ledger.status, ledger.error) == (PredictionStatus.FAILED, KILLED)
        events = [event.type for event in events_after(session, job_topic(held.job_id))]
        assert events[-3:] == ["scene", "job", "done"]
        _, retried = job_actions.retry(session, held.job_id)
        assert retried == [first.id, second.id]
    assert row(held).recoveries == 0
    begin(send(held, 2))


def test_a_death_that_is_not_the_jobs_doing_does_not_count(held: JobLease) -> None:
    most = outbox.MAX_RECOVERIES["image-pairs"]
    change(held, recoveries=most)
    assert outbox.recover(standing(held), "Prefect did not know it any more", counts=False)
    assert (row(held).status, row(held).recoveries) == (JobStatus.RUNNING, most)


def test_deaths_count_only_while_no_scene_is_finished(sent: JobLease) -> None:
    """One scene kills every run; the other is finished by the third. Then nothing gets better, and the job ends."""
    deaths, run = 0, sent
    while row(sent).status != JobStatus.FAILED:
        begin(run)
        killing, good = scenes_now(run)
        scenes.begin_take(run, killing.id)
        if deaths == 2:
            finish(run, good)
            assert row(run).recoveries == 0
        deaths += 1
        assert held_runs.run_died(f"{RUN}{deaths}", KILLED)
        if row(sent).status != JobStatus.FAILED:
            run = send(sent, deaths + 1)
    assert deaths == 6
    assert [scene.status for scene in scenes_now(sent)] == [SceneStatus.FAILED, SceneStatus.COMPLETED]


def test_retrying_a_planning_that_kills_forgives_its_deaths(lease: JobLease) -> None:
    jobs.fail(lease, "no")
    change(lease, recoveries=3)
    with get_database().write() as session:
        job_actions.retry(session, lease.job_id)
    assert row(lease).recoveries == 0


@pytest.mark.parametrize("begun", [False, True])
def test_a_worker_tells_of_a_death(sent: JobLease, begun: bool) -> None:
    if begun:
        begin(sent)
    assert held_runs.run_died(f"{RUN}1", KILLED)
    assert not held_runs.run_died(f"{RUN}1", KILLED)  # said twice, it is one death
    assert (row(sent).recoveries, row(sent).lease_owner) == (1, None)


def test_the_death_of_a_run_that_was_replaced_means_nothing(held: JobLease) -> None:
    assert held_runs.run_died(f"{RUN}1", KILLED)
    second = begin(send(held, 2))
    for stranger in (f"{RUN}1", RUN, "", "%"):
        assert not held_runs.run_died(stranger, KILLED)
        assert not held_runs.cancel_run(stranger)
    assert leases.renew(second)
    assert row(held).recoveries == 1


@pytest.mark.parametrize("status", [JobStatus.PLANNED, JobStatus.CANCELLED])
def test_the_death_of_a_run_whose_job_rests_means_nothing(held: JobLease, status: JobStatus) -> None:
    change(held, status=status)
    assert not held_runs.run_died(f"{RUN}1", KILLED)
    job = row(held)
    assert (job.status, job.recoveries, job.wanted_attempt) == (status, 0, job.submitted_attempt)


def test_a_worker_sees_how_the_jobs_of_its_runs_stand(sent: JobLease) -> None:
    assert held_runs.sent_and_not_begun() == {f"{RUN}1"}
    begin(sent)
    assert held_runs.sent_and_not_begun() == set()
    assert held_runs.held([f"{RUN}1", f"{RUN}2"]) == {f"{RUN}1": JobStatus.RUNNING}
    with get_database().write() as session:
        job_actions.cancel(session, sent.job_id)
    assert held_runs.held([f"{RUN}1"]) == {f"{RUN}1": JobStatus.CANCELLED}


@pytest.mark.parametrize("begun", [False, True])
def test_cancelling_a_run_cancels_its_job(sent: JobLease, begun: bool) -> None:
    if begun:
        begin(sent)
    assert held_runs.cancel_run(f"{RUN}1")
    assert not held_runs.cancel_run(f"{RUN}1")
    assert (row(sent).status, row(sent).lease_owner) == (JobStatus.CANCELLED, None)
    assert {scene.error for scene in scenes_now(sent)} == {job_actions.CANCELLED}


def test_cancelling_a_run_that_is_over_leaves_a_storyboard_that_waits(held: JobLease) -> None:
    change(held, status=JobStatus.PLANNED)
    leases.release(held)
    assert not held_runs.cancel_run(f"{RUN}1")
    assert row(held).status == JobStatus.PLANNED
