"""Planning image pairs: from the campaign's photos to a stored storyboard."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.runs import ImagePairsRequest, JobLease
from providers.planner.choice import pair_planner, planner_engine
from settings import get_settings
from storage import jobs
from storage.assets import candidate_images
from storage.database import get_database
from tasks.candidates import creative_brief, photos_of
from tasks.planning import plan_or_fall_back, planned, standing_scenes
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable


@task(retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable, cache_policy=NO_CACHE)
def plan_scenes(job: JobLease) -> list[str]:
    """Plan the job's scenes, store them, and return their ids in order. A storyboard that stands is kept."""
    if planned(job):
        return standing_scenes(job)
    with get_database().read() as session:
        row = jobs.get_job(session, job.job_id)
        assets = candidate_images(session, row.campaign_id or "")
    wish, settings, brief = ImagePairsRequest.of_parameters(row.parameters), get_settings(), creative_brief(row)
    photos = photos_of(assets, with_features=wish.pairing == "visual")
    plan = plan_or_fall_back(
        planner_engine(settings, wish.pairing),
        lambda engine: pair_planner(engine, wish.pairing, brief, settings).plan(
            photos, num_pairs=wish.num_pairs, clip_duration_s=wish.clip_duration
        ),
    )
    return jobs.keep_plan(job, plan)
