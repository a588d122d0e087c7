"""The video API, version 3: one file of routes per resource."""

from fastapi import APIRouter

from api.v3 import assets, campaigns, clients, generated_videos, job_creation, job_events, jobs, scenes, videos


def v3_router() -> APIRouter:
    """Return every route of the surface."""
    router = APIRouter(prefix="/api/v3")
    router.include_router(clients.router)
    router.include_router(campaigns.router)
    router.include_router(assets.router)
    router.include_router(job_creation.router)
    router.include_router(jobs.router)
    router.include_router(job_events.router)
    router.include_router(scenes.router)
    router.include_router(videos.router)
    router.include_router(generated_videos.router)
    return router
