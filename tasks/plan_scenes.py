"""Planning: from the campaign's photos to a stored storyboard."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.decode import open_picture
from models.assets import Asset
from models.runs import JobLease, VideoParameters
from models.storyboard import Photo, PhotoFeatures
from providers.planner.features import picture_features
from providers.planner.template import TemplatePlanner
from storage import jobs
from storage.assets import candidate_images, keep_features
from storage.database import get_database
from storage.progress import scenes_of
from storage.stores import get_object_store
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable


def planned(job: JobLease) -> bool:
    """Return whether a storyboard stands."""
    with get_database().read() as session:
        return jobs.get_job(session, job.job_id).plan_version > 0


@task(retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable, cache_policy=NO_CACHE)
def plan_scenes(job: JobLease) -> list[str]:
    """Plan the job's scenes, store them, and return their ids in order. A storyboard that stands is kept."""
    with get_database().read() as session:
        row = jobs.get_job(session, job.job_id)
        standing = scenes_of(session, job.job_id)
        assets = candidate_images(session, row.campaign_id or "")
    if row.plan_version > 0:
        return [scene.id for scene in standing]
    parameters = VideoParameters.model_validate(row.parameters)
    plan = TemplatePlanner(parameters.pairing).plan(
        _photos(assets, with_features=parameters.pairing == "visual"),
        num_pairs=parameters.num_pairs,
        clip_duration_s=parameters.clip_duration,
    )
    return jobs.keep_plan(job, plan)


def _photos(assets: Sequence[Asset], *, with_features: bool) -> list[Photo]:
    return [
        Photo(
            id=asset.id,
            age_rank=rank,
            name=asset.name or "",
            original_name=asset.extra.get("original_name", ""),
            tags=tuple(asset.tags),
            description=asset.description or "",
            width=asset.width or 0,
            height=asset.height or 0,
            features=_features(asset) if with_features else None,
        )
        for rank, asset in enumerate(assets)
    ]


def _features(asset: Asset) -> PhotoFeatures:
    """Return what the asset's pixels say, computing it only the first time."""
    if asset.features is not None:
        return PhotoFeatures.model_validate(asset.features)
    assert asset.object_sha256 is not None
    with get_object_store().local_file(asset.object_sha256) as path:
        features = picture_features(open_picture(path, max_side_px=1024))
    with get_database().write() as session:
        keep_features(session, asset.id, features.model_dump(mode="json"))
    return features
