"""What every change of a job's state shares: telling whoever watches, and wishing for a run."""

from typing import Any

from sqlmodel import Session

from models.columns import utc_now
from models.errors import NotFound
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene
from storage.events import append_event
from storage.progress import merge_progress, restart
from storage.scene_models import note_missing_key


def locked_job(session: Session, job_id: int) -> Job:
    """Return the job's row, held until the transaction ends. Raises NotFound."""
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise NotFound(f"no job {job_id}")
    return job


def want_run(session: Session, job: Job, *, only_scenes: list[str] | None, new_wish: bool) -> None:
    """Ask for a run of a job at rest, and remember the status that it had.

    ``only_scenes`` names what the run may render (None: every scene that waits). A new wish (retry, regenerate) counts
    as another ``run`` whose progress begins anew. Asking is approving.
    """
    job.status_before_run, job.only_scenes = job.status, only_scenes
    job.approved_version = job.approved_version or job.plan_version
    job.status, job.error, job.finished_at = JobStatus.APPROVED, None, None
    job.wanted_attempt += 1
    job.recoveries = 0
    if new_wish:
        job.run += 1
        restart(job)
    note_missing_key(session, job)
    announce(session, job)


def announce(session: Session, job: Job) -> None:
    """Tell whoever watches how the job stands."""
    job.updated_at = utc_now()
    session.add(job)
    append_event(session, job_topic(job.id or 0), "job", _payload(job))


def announce_scene(session: Session, scene: Scene) -> None:
    """Tell whoever watches how a scene stands."""
    scene.updated_at = utc_now()
    session.add(scene)
    session.flush()
    payload = {
        "scene_id": scene.id,
        "scene_index": scene.scene_index,
        "status": str(scene.status),
        "error": scene.error,
    }
    append_event(session, job_topic(scene.job_id), "scene", payload)


def end(session: Session, job: Job, status: JobStatus, error: str | None = None) -> None:
    """Bring a job to rest and tell whoever watches that no more will come."""
    job.status, job.error, job.finished_at = status, error, utc_now()
    job.only_scenes = job.status_before_run = None
    whole: dict[str, Any] = {"percentage": 100.0} if status == JobStatus.COMPLETED else {}
    merge_progress(job, stage=str(status), detail=None, error=error, finished_at=timestamp(), **whole)
    announce(session, job)
    append_event(session, job_topic(job.id or 0), "done", _payload(job))


def timestamp() -> str:
    """Return the current time as progress objects write it."""
    return utc_now().strftime("%Y-%m-%dT%H:%M:%S")


def _payload(job: Job) -> dict[str, Any]:
    return {"job_id": job.id, "status": str(job.status), "error": job.error, "progress": job.progress}
