"""The video API, version 3: one file of routes per resource."""

from fastapi import APIRouter

from api.v3 import (
    ai_videos,
    assets,
    campaign_jobs,
    campaigns,
    clients,
    generated_videos,
    image_pairs_jobs,
    job_events,
    jobs,
    property_jobs,
    scenes,
    videos,
)


def v3_router() -> APIRouter:
    """Return every route of the surface."""
    router = APIRouter(prefix="/api/v3")
    router.include_router(clients.router)
    router.include_router(campaigns.router)
    router.include_router(assets.router)
    router.include_router(image_pairs_jobs.router)
    router.include_router(property_jobs.router)
    router.include_router(campaign_jobs.router)
    router.include_router(jobs.router)
    router.include_router(job_events.router)
    router.include_router(scenes.router)
    router.include_router(videos.router)
    router.include_router(generated_videos.router)
    router.include_router(ai_videos.router)
    return router
