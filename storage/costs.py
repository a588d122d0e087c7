"""What films cost: estimated from the storyboard before anything is bought."""

from sqlmodel import Session

from models.jobs import Job
from models.runs import VideoParameters
from models.video_models import DEFAULT_DURATION_S
from settings import get_settings
from storage.progress import merge_progress, scenes_of
from storage.scene_models import scene_family


def estimate(session: Session, job: Job) -> None:
    """Note what the job's scenes will cost, as they are now (video-v3 §21)."""
    settings, parameters = get_settings(), VideoParameters.model_validate(job.parameters)
    total = sum(
        (scene.duration_s or DEFAULT_DURATION_S) * settings.rate_usd(scene_family(scene, parameters, settings))
        for scene in scenes_of(session, job.id or 0)
    )
    job.estimated_cost_usd = round(total, 2)
    costs = {**job.progress.get("costs", {}), "estimated": job.estimated_cost_usd, "currency": "USD"}
    merge_progress(job, costs=costs)
