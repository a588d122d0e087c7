"""Which model renders a scene, and what a job does whose model needs a key that is not there."""

from sqlmodel import Session

from models.jobs import Job, JobStatus, Scene
from models.runs import VideoParameters
from models.video_models import VideoFamily, video_family
from settings import Settings, get_settings
from storage.progress import merge_progress, scenes_of

DISABLED = "processing_disabled"
"""The progress detail of an approved job that waits for a key; it starts when the service next runs with one."""

_NO_KEY = "REPLICATE_API_KEY is not set: what this job's model shall render waits until the service runs with it."


def scene_family(scene: Scene, parameters: VideoParameters, settings: Settings) -> VideoFamily:
    """Return the family of models that renders a scene: its own wish, else the job's, else the setting's."""
    return video_family(
        scene.model or parameters.video_model,
        settings.video_generation_model,
        cloud=settings.replicate_api_key is not None,
    )


def note_missing_key(session: Session, job: Job) -> None:
    """Warn when a scene without a clip wants a vendor's model and there is no key; an approved job then waits.

    Nothing is noted when that is no longer so, and what was noted of waiting is taken back.
    """
    settings, parameters = get_settings(), VideoParameters.model_validate(job.parameters)
    missing = settings.replicate_api_key is None and any(
        scene.clip_sha256 is None and scene_family(scene, parameters, settings) != "local"
        for scene in scenes_of(session, job.id or 0)
    )
    if missing and _NO_KEY not in job.warnings:
        job.warnings = [*job.warnings, _NO_KEY]
    if missing and job.status == JobStatus.APPROVED:
        merge_progress(job, detail=DISABLED)
    elif job.progress.get("detail") == DISABLED:
        merge_progress(job, detail=None)
