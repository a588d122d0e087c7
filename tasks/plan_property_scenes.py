"""Planning a property video: from the photos it may use to a stored storyboard."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.property import selection_mode
from models.runs import JobLease, PropertyVideoRequest
from providers.planner.choice import planner_engine, property_planner
from providers.planner.property import PropertyWish
from settings import get_settings
from storage import jobs
from storage.assets import candidate_images
from storage.database import get_database
from tasks.candidates import creative_brief, photos_of
from tasks.planning import plan_or_fall_back, planned, standing_scenes
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable


@task(retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable, cache_policy=NO_CACHE)
def plan_property_scenes(job: JobLease) -> list[str]:
    """Plan the job's scenes, store them, and return their ids in order. A storyboard that stands is kept."""
    if planned(job):
        return standing_scenes(job)
    with get_database().read() as session:
        row = jobs.get_job(session, job.job_id)
        request = PropertyVideoRequest.of_parameters(row.parameters)
        assets = candidate_images(session, row.campaign_id or "", request.photo_ids)
    settings, brief = get_settings(), creative_brief(row, facts=request.property_info, style=request.style)
    photos = photos_of(assets, with_features=request.pairing == "visual")
    wish = _wish(request, len(photos))
    plan = plan_or_fall_back(
        planner_engine(settings, request.pairing),
        lambda engine: property_planner(engine, request.pairing, brief, settings).plan(photos, wish),
    )
    return jobs.keep_plan(job, plan)


def _wish(request: PropertyVideoRequest, photo_count: int) -> PropertyWish:
    """Return what is wished for; a film whose photos were deleted since has fewer scenes rather than none."""
    mode = request.selection_mode or selection_mode(request.property_types, photo_count)
    if mode == "strict":
        mode = selection_mode((), photo_count)
    return PropertyWish(
        mode=mode,
        clip_duration_s=request.clip_duration,
        types=request.property_types,
        num_scenes=request.num_scenes,
        style=request.style,
    )
