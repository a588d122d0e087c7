"""Lists of products that Atelier does not offer, empty, so that an existing client starts without error screens."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import refusal
from api.v3.answers import B_FINDS, OTHER

router = APIRouter(prefix="/api", tags=["empty lists"])


class NoVideos(BaseModel):
    """No videos."""

    videos: list[dict[str, Any]] = []
    total: int = 0


class NoModels(BaseModel):
    """No models."""

    models: list[dict[str, Any]] = []


class NoSimulations(BaseModel):
    """No simulations."""

    videos: list[dict[str, Any]] = []


class NoImages(BaseModel):
    """No images."""

    images: list[dict[str, Any]] = []


class NoAudio(BaseModel):
    """No audio."""

    audio: list[dict[str, Any]] = []


class NoBriefs(BaseModel):
    """No briefs."""

    briefs: list[dict[str, Any]] = []
    total_pages: int = Field(0, serialization_alias="totalPages")


@router.get("/videos", summary="Empty; answers 2xx to who is signed in", responses=OTHER)
def videos() -> NoVideos:
    """Existing clients ask for this to find out whether they are signed in."""
    return NoVideos()


@router.get("/videos/{video_id}", summary="Not found, always", status_code=404, response_model=None, responses=B_FINDS)
def video(video_id: str) -> None:  # noqa: ARG001 (whatever the number is)
    """There are no such videos; those of this service are under /api/v3."""
    raise refusal(404, "Video not found")


@router.get("/video-models", summary="Empty", responses=OTHER)
@router.get("/image-models", summary="Empty", responses=OTHER)
@router.get("/audio-models", summary="Empty", responses=OTHER)
def models() -> NoModels:
    """No models to choose here."""
    return NoModels()


@router.get("/genesis/videos", summary="Empty", responses=OTHER)
def simulations() -> NoSimulations:
    """No simulations."""
    return NoSimulations()


@router.get("/images", summary="Empty", responses=OTHER)
def images() -> NoImages:
    """No images."""
    return NoImages()


@router.get("/audio", summary="Empty", responses=OTHER)
def audio() -> NoAudio:
    """No audio."""
    return NoAudio()


@router.get("/creative/briefs", summary="Empty", responses=OTHER)
def briefs() -> NoBriefs:
    """No briefs."""
    return NoBriefs()
