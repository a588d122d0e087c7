"""What happens to a scene's row while its take is made."""

from typing import Any

from sqlmodel import Session

from models.errors import NotFound
from models.events import job_topic
from models.jobs import Job, Scene, SceneStatus
from models.media import MediaFacts
from models.runs import JobLease
from storage.events import append_event
from storage.leases import fenced
from storage.progress import count_scenes, merge_progress
from storage.wishes import announce_scene

ACCEPTED_SHARE, RENDERED_SHARE = 0.25, 0.75
"""How much of a take is done when an engine has accepted it, and when it has finished; storing it completes it."""


def begin_take(lease: JobLease, scene_id: str) -> Scene:
    """Mark a scene as being rendered and return it; one whose clip stands is returned as it is.

    Raises NotFound for an unknown scene and Superseded when the work must stop.
    """
    with fenced(lease) as (session, job):
        scene = session.get(Scene, scene_id)
        if scene is None or scene.job_id != lease.job_id:
            raise NotFound(f"no scene {scene_id} in job {lease.job_id}")
        if scene.status != SceneStatus.COMPLETED or scene.clip_sha256 is None:
            scene.status, scene.error = SceneStatus.RUNNING, None
            scene.progress = max(scene.progress, ACCEPTED_SHARE)
            merge_progress(job, stage="waiting_prediction", percentage=10.0)
            _settle(session, job, scene)
        return scene


def keep_clip(lease: JobLease, scene_id: str, clip_sha256: str, facts: MediaFacts, made_by: dict[str, Any]) -> None:
    """Complete a scene: its clip is stored and was measured."""
    with fenced(lease) as (session, job):
        scene = session.get_one(Scene, scene_id)
        scene.clip_sha256, scene.clip_thumbnail_sha256 = clip_sha256, None
        scene.clip = {**made_by, **facts.model_dump(include={"duration_s", "width", "height", "fps", "frame_count"})}
        scene.status, scene.error, scene.progress = SceneStatus.COMPLETED, None, 1.0
        job.recoveries = 0  # deaths count against a job that does not get on
        _settle(session, job, scene)


def fail_scene(lease: JobLease, scene_id: str, reason: str) -> None:
    """End a scene as failed, with the reason; the job goes on without it."""
    with fenced(lease) as (session, job):
        scene = session.get_one(Scene, scene_id)
        scene.status, scene.error = SceneStatus.FAILED, reason
        _settle(session, job, scene)


def _settle(session: Session, job: Job, scene: Scene) -> None:
    announce_scene(session, scene)
    count_scenes(session, job)
    append_event(session, job_topic(scene.job_id), "progress", job.progress)
