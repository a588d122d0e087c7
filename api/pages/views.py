"""What the pages show: the same projection of the rows as the API, and a little beside it."""

from typing import Any

from sqlmodel import Session, col, func, select

from models.columns import utc_now
from models.errors import NotFound
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.video_v3 import TYPES, job_document, job_summary
from models.video_v3_scenes import scene_summary
from storage.database import get_database
from storage.jobs import get_job
from storage.progress import scenes_of

_RECENT = 24
_AT_REST = (JobStatus.PLANNED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


_STAGES = {
    "pending": "waiting to start",
    "starting_render": "starting",
    "waiting_prediction": "rendering the scenes",
    "downloading_video": "fetching the clips",
    "stitching": "joining the clips",
    "audio_generation_pending": "music follows",
    "audio_generation": "making the music",
}
"""The stages of a run in words for people; others read as they are."""


def clock(seconds: float) -> str:
    """Return an age in words: ``just now``, ``5 min ago``, ``3 h ago``, ``2 d ago``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def recent_jobs() -> list[dict[str, Any]]:
    """Return the newest films, each with a picture (its poster, else its first photo) and its age."""
    query = select(Job).where(col(Job.workflow).in_(TYPES)).order_by(col(Job.id).desc()).limit(_RECENT)
    with get_database().read() as session:
        return [_listed(session, job) for job in session.exec(query)]


def job_page(job_id: str) -> dict[str, Any]:
    """Return what the job page shows. Raises NotFound, also for what is no job number."""
    if not (job_id.isascii() and job_id.isdigit() and len(job_id) < 16):
        raise NotFound(f"no job {job_id}")
    with get_database().read() as session:
        job = get_job(session, int(job_id))
        if job.workflow not in TYPES:
            raise NotFound(f"no job {job_id}")
        scenes = scenes_of(session, int(job_id))
    partly_failed = any(scene.status == SceneStatus.FAILED for scene in scenes)
    return {
        "job": job_document(job, scenes),
        "scenes": [_shown(scene) for scene in scenes],
        "can_retry": job.status in (JobStatus.FAILED, JobStatus.CANCELLED)
        or (job.status == JobStatus.COMPLETED and partly_failed),
        "movable": job.status in _AT_REST,
        "flow_run_id": job.flow_run_id,
        "stage": _stage(job),
    }


def _stage(job: Job) -> str:
    stage = str(job.progress.get("stage", "pending"))
    return _STAGES.get(stage, stage.replace("_", " "))


def _listed(session: Session, job: Job) -> dict[str, Any]:
    first = session.exec(select(Scene).where(Scene.job_id == job.id).order_by(col(Scene.scene_index)).limit(1)).first()
    count = session.exec(select(func.count()).select_from(Scene).where(Scene.job_id == job.id)).one()
    summary = job_summary(job, count)
    photo = f"/api/v3/assets/{first.first_asset_id}/thumbnail" if first and first.first_asset_id else None
    age_s = (utc_now() - job.inserted_at).total_seconds()
    return {**summary.model_dump(), "picture": summary.thumbnail_url or photo, "age": clock(age_s)}


def _shown(scene: Scene) -> dict[str, Any]:
    """Return a scene with what its card needs; words can be changed unless the scene is being rendered."""
    return {
        **scene_summary(scene).model_dump(),
        "camera_movement": scene.camera_movement,
        "editable": scene.status != SceneStatus.RUNNING,
    }
