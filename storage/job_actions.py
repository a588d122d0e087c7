"""What its owner does to a job besides approving it: cancel it, or try again."""

from sqlmodel import Session, col, select

from models.columns import utc_now
from models.errors import Conflict
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.predictions import Prediction, PredictionStatus
from storage.costs import estimate
from storage.leases import take_away
from storage.progress import count_scenes, restart, scenes_of, settle_counters
from storage.scene_edits import another_take
from storage.vendor_calls import give_up_calls
from storage.wishes import announce, announce_scene, end, locked_job, want_run

CANCELLED = "cancelled"
"""The error of a scene that was waiting or being rendered when its job was cancelled."""


def cancel(session: Session, job_id: int) -> Job:
    """Stop a job for good: a run in progress loses its lease, so it can write nothing more, even after a retry.

    Finished clips are kept. Scenes that wait for an approval that never came keep waiting. Raises NotFound, and
    Conflict when the job has ended.
    """
    job = locked_job(session, job_id)
    if job.status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        raise Conflict("Job has already finished")
    if job.status in (JobStatus.APPROVED, JobStatus.RUNNING):
        for scene in scenes_of(session, job_id):
            if scene.status in (SceneStatus.PENDING, SceneStatus.RUNNING):
                scene.status, scene.error = SceneStatus.FAILED, CANCELLED
                announce_scene(session, scene)
        close_local_calls(session, job_id, PredictionStatus.CANCELLED, CANCELLED)
        give_up_calls(session, job_id=job_id)
    take_away(session, job)
    count_scenes(session, job)
    end(session, job, JobStatus.CANCELLED)
    return job


def retry(session: Session, job_id: int, model: str | None = None) -> tuple[Job, list[str]]:
    """Try again what a job lacks; return it and the ids of the scenes without a clip. ``model`` renders them instead.

    A completed job that lacks nothing is rendered anew by ``model``; what is published stays until then. Raises
    NotFound, and Conflict when nothing is missing and no model named.
    """
    job = locked_job(session, job_id)
    scenes = scenes_of(session, job_id)
    if model and job.status == JobStatus.COMPLETED and all(scene.clip_sha256 for scene in scenes):
        return job, _by_another_model(session, job, model)
    partial = job.status == JobStatus.COMPLETED and any(scene.status == SceneStatus.FAILED for scene in scenes)
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED) and not partial:
        raise Conflict("Job has no failed scenes to retry")
    lacking = [scene for scene in scenes if scene.clip_sha256 is None]
    for scene in lacking:
        scene.model = model or scene.model
    try_again(session, job)
    return job, [scene.id for scene in lacking]


def _by_another_model(session: Session, job: Job, model: str) -> list[str]:
    """Ask for another take of every scene, as one wish."""
    scenes = scenes_of(session, job.id or 0)
    for scene in scenes:
        scene.model = model
        another_take(session, scene)
    settle_counters(session, job)
    estimate(session, job)
    want_run(session, job, only_scenes=[scene.id for scene in scenes], new_wish=True)
    return [scene.id for scene in scenes]


def try_again(session: Session, job: Job) -> None:
    """Wish anew for what a job that ended lacks. One that was never approved waits for approval, or for its plan."""
    if job.approved_version is None:
        job.status = JobStatus.PLANNED if job.plan_version else JobStatus.QUEUED
        job.error, job.finished_at = None, None
        job.run += 1
        job.recoveries = 0
        job.wanted_attempt += job.status == JobStatus.QUEUED
        restart(job)
        return announce(session, job)
    for scene in scenes_of(session, job.id or 0):
        _reopen(session, scene)
    count_scenes(session, job)
    want_run(session, job, only_scenes=None, new_wish=True)


def _reopen(session: Session, scene: Scene) -> None:
    """A clip that stands completes its scene, whatever was said of it; a scene without one waits again."""
    wanted = SceneStatus.PENDING if scene.clip_sha256 is None else SceneStatus.COMPLETED
    if scene.status != wanted:
        scene.status, scene.error = wanted, None
        scene.progress = 0.0 if wanted == SceneStatus.PENDING else 1.0
        announce_scene(session, scene)


def close_local_calls(session: Session, job_id: int, status: PredictionStatus, reason: str) -> None:
    """Close what is open in a job's ledger at the local engine, which dies with its run.

    Calls at a vendor go on there; they are cancelled, and then closed, by whoever does that.
    """
    query = select(Prediction).where(
        Prediction.job_id == job_id,
        Prediction.provider == "local",
        col(Prediction.status).in_((PredictionStatus.PREPARED, PredictionStatus.RUNNING)),
    )
    for row in session.exec(query):
        row.status, row.error = status, reason
        row.updated_at = row.finished_at = utc_now()
        session.add(row)
