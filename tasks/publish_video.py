"""Publishing: the final bytes become the job's video."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.probe import probe_video
from models.jobs import Scene, SceneStatus
from models.runs import JobLease, JobOutcome
from storage import jobs
from storage.database import get_database
from storage.job_lists import spent
from storage.progress import scenes_of
from storage.stores import get_object_store
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable


@task(retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable, cache_policy=NO_CACHE)
def publish_video(job: JobLease, film_sha256: str) -> bool:
    """Measure the film and publish it as the job's video, unless a scene was asked for meanwhile; return whether."""
    with get_object_store().local_file(film_sha256) as path:
        facts = probe_video(path)
    with get_database().read() as session:
        scenes = scenes_of(session, job.job_id)
        cost_usd = spent(session, [jobs.get_job(session, job.job_id)]).get(job.job_id, 0.0)
    result: dict[str, Any] = {
        "duration": facts.duration_s,
        "size": facts.size_bytes,
        "width": facts.width,
        "height": facts.height,
        "fps": facts.fps,
        "partial": any(scene.status != SceneStatus.COMPLETED for scene in scenes),
        "has_audio": facts.audio_codec is not None,
        "cost": round(cost_usd, 2),
        "currency": "USD",
        "clips": [_clip(scene) for scene in scenes if scene.clip_sha256],
    }
    return jobs.publish(job, film_sha256, result)


def outcome(job: JobLease) -> JobOutcome:
    """Return how the job stands now."""
    with get_database().read() as session:
        row = jobs.get_job(session, job.job_id)
    return JobOutcome(job_id=job.job_id, status=row.status, video_sha256=row.video_sha256, warnings=row.warnings)


def _clip(scene: Scene) -> dict[str, Any]:
    measured = scene.clip or {}
    return {
        "scene_id": scene.id,
        "scene_number": scene.scene_index + 1,
        "duration": measured.get("duration_s"),
        "model": measured.get("model", measured.get("engine")),
        "cost": round(float(measured.get("cost_usd", 0.0)), 2),
    }
