"""How far a job is: merged into its row, never replaced, and never going backwards within one wish."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from models.events import job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.runs import JobLease
from storage.events import append_event, append_progress
from storage.leases import fenced

STAGES = (
    "pending",
    "starting_render",
    "waiting_prediction",
    "downloading_video",
    "stitching",
    "audio_generation_pending",
    "audio_generation",
    "audio_completed",
    "completed",
)
"""The stages of a run in their order; ``failed`` and ``cancelled`` may follow any of them."""

_LAST_STAGES = ("failed", "cancelled")

RENDER_START_PERCENT, RENDER_SPAN_PERCENT = 10.0, 65.0


def scenes_of(session: Session, job_id: int) -> list[Scene]:
    """Return a job's scenes in their order."""
    query = select(Scene).where(Scene.job_id == job_id).order_by(col(Scene.scene_index))
    return list(session.exec(query).all())


def waiting_scenes(session: Session, job: Job) -> list[Scene]:
    """Return the scenes that the job's run has still to render: those that wait, or were left by a run that died."""
    unfinished = (SceneStatus.PENDING, SceneStatus.RUNNING)
    scenes = [scene for scene in scenes_of(session, job.id or 0) if scene.status in unfinished]
    return [scene for scene in scenes if job.only_scenes is None or scene.id in job.only_scenes]


def merge_progress(job: Job, *, stage: str | None = None, percentage: float | None = None, **keys: Any) -> None:
    """Merge keys into the job's progress. Stage and percentage keep their maximum within the job's current ``run``."""
    old = job.progress
    new = {**old, **keys, "run": job.run}
    same_run = old.get("run") == job.run
    if percentage is not None:
        new["percentage"] = round(max(percentage, old.get("percentage", 0.0) if same_run else 0.0), 1)
    if stage is not None and not (same_run and _rank(stage) < _rank(old.get("stage", "pending"))):
        new["stage"] = stage
    job.progress = new


def count_scenes(session: Session, job: Job) -> list[Scene]:
    """Refresh the scene counters and, while the job renders, its percentage; return the scenes."""
    scenes = scenes_of(session, job.id or 0)
    done = [scene for scene in scenes if scene.status == SceneStatus.COMPLETED]
    failed = [scene for scene in scenes if scene.status == SceneStatus.FAILED]
    merge_progress(
        job,
        total_scenes=len(scenes),
        completed_scenes=len(done),
        processing_scenes=sum(scene.status == SceneStatus.RUNNING for scene in scenes),
        failed_scenes=len(failed),
        successful=len(done),
        failed=len(failed),
    )
    if job.progress.get("stage") == "waiting_prediction" and scenes:
        share = sum(1.0 if scene in failed else scene.progress for scene in scenes) / len(scenes)
        merge_progress(job, percentage=RENDER_START_PERCENT + RENDER_SPAN_PERCENT * share)
    return scenes


def advance(lease: JobLease, stage: str, percentage: float, detail: str | None = None) -> None:
    """Record that the run has reached a stage, and tell whoever watches."""
    with fenced(lease) as (session, job):
        merge_progress(job, stage=stage, percentage=percentage, detail=detail)
        append_event(session, job_topic(lease.job_id), "progress", job.progress)


def report_scene(lease: JobLease, scene_id: str, share: float) -> None:
    """Record how much of a scene's current take is done, 0–1. Raises Superseded when the work must stop."""
    with fenced(lease) as (session, job):
        scene = session.get(Scene, scene_id)
        if scene is None:
            return
        scene.progress = max(scene.progress, min(1.0, share))
        session.add(scene)
        session.flush()
        count_scenes(session, job)
        append_progress(session, job_topic(lease.job_id), job.progress)


def settle_counters(session: Session, job: Job) -> list[Scene]:
    """Refresh the scene counters after a change from outside, and return the scenes.

    While no run is in progress percentage and stage tell how many scenes are completed; otherwise they are the run's.
    """
    scenes = count_scenes(session, job)
    if job.status not in (JobStatus.APPROVED, JobStatus.RUNNING):
        done = sum(scene.status == SceneStatus.COMPLETED for scene in scenes)
        percentage = round(100 * done / len(scenes), 2) if scenes else 0.0
        job.progress = {**job.progress, "percentage": percentage, "stage": _stage_at_rest(scenes)}
    return scenes


def restart(job: Job) -> None:
    """Let the progress begin anew: a run is wanted whose percentage and stage owe nothing to what was before."""
    job.progress = {**job.progress, "run": job.run, "percentage": 0.0, "stage": "pending"}
    merge_progress(job, detail=None, error=None, finished_at=None)


def _stage_at_rest(scenes: Sequence[Scene]) -> str:
    statuses = {scene.status for scene in scenes}
    if statuses == {SceneStatus.COMPLETED}:
        return "completed"
    if SceneStatus.RUNNING in statuses:
        return "processing"
    return "processing_with_errors" if SceneStatus.FAILED in statuses else "pending"


def _rank(stage: str) -> int:
    """Return a stage's place in a run; the words for a job at rest come before all of them."""
    if stage in _LAST_STAGES:
        return len(STAGES)
    return STAGES.index(stage) if stage in STAGES else -1
