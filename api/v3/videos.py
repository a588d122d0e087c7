"""Published videos, clips, and their pictures."""

import re
from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.errors import Refusal, refusal
from api.serving import byte_responses, serve_object
from api.v3.answers import B_FINDS, FamilyB, Responses
from api.v3.fields import is_uuid
from api.v3.lookups import shown_job
from models.errors import AtelierError
from models.jobs import Job, Scene
from models.objects import StoredObject
from storage.database import get_database
from storage.film_thumbnails import clip_thumbnail, film_thumbnail
from storage.progress import scenes_of

router = APIRouter(prefix="/videos", tags=["videos"])

_FOR_EVER = "public, max-age=31536000, immutable"
_ORDINAL = re.compile(r"clip_([0-9]{3})\.mp4")
_FILM: Responses = {**byte_responses("video/mp4"), **B_FINDS}
_PICTURE: Responses = {
    **byte_responses("image/jpeg", ranges=False),
    **B_FINDS,
    500: {"model": FamilyB, "description": "The picture cannot be made"},
}


@router.get("/{job_id}/combined", summary="The published video", response_class=Response, responses=_FILM)
@router.head("/{job_id}/combined", include_in_schema=False)
@router.get("/{job_id}/data", summary="The published video", response_class=Response, responses=_FILM)
@router.head("/{job_id}/data", include_in_schema=False)
def combined(request: Request, job_id: str) -> Response:
    """Send the newest published video of a job."""
    with get_database().read() as session:
        job = _job(session, job_id)
        if job.video_sha256 is None:
            raise refusal(404, "Video not ready - job processing incomplete")
        row = session.get_one(StoredObject, job.video_sha256)
    return _send(request, row, "video/mp4", f"combined_{job.id}.mp4")


@router.get("/{job_id}/thumbnail", summary="The video's picture", response_class=Response, responses=_PICTURE)
@router.head("/{job_id}/thumbnail", include_in_schema=False)
def thumbnail(request: Request, job_id: str) -> Response:
    """Send the picture of the published video, 640×360."""
    with get_database().read() as session:
        job = _job(session, job_id)
    if job.video_sha256 is None:
        raise refusal(404, "Video not ready")
    row = _made(lambda: film_thumbnail(job.id or 0))
    return _send(request, row, "image/jpeg", f"thumbnail_{job.id}.jpg", accept_ranges=False)


@router.get("/{job_id}/clips/{filename}", summary="A scene's clip", response_class=Response, responses=_FILM)
@router.head("/{job_id}/clips/{filename}", include_in_schema=False)
def clip(request: Request, job_id: str, filename: str) -> Response:
    """Send a clip: ``clip_{scene id}.mp4``, ``{scene id}.mp4``, ``{scene id}`` or, by its place, ``clip_001.mp4``."""
    with get_database().read() as session:
        scene, sha256 = _clip(session, job_id, filename)
        row = session.get_one(StoredObject, sha256)
    return _send(request, row, "video/mp4", f"clip_{scene.id}.mp4")


@router.get(
    "/{job_id}/clips/{filename}/thumbnail", summary="A clip's picture", response_class=Response, responses=_PICTURE
)
@router.head("/{job_id}/clips/{filename}/thumbnail", include_in_schema=False)
def thumbnail_of_clip(request: Request, job_id: str, filename: str) -> Response:
    """Send the picture of a clip, 640×360."""
    with get_database().read() as session:
        scene, _ = _clip(session, job_id, filename)
    row = _made(lambda: clip_thumbnail(scene.id))
    return _send(request, row, "image/jpeg", f"clip_{scene.id}.jpg", accept_ranges=False)


def _job(session: Session, job_id: str) -> Job:
    job = shown_job(session, job_id)
    if job is None:
        raise refusal(404, "Job not found")
    return job


def _clip(session: Session, job_id: str, filename: str) -> tuple[Scene, str]:
    """Return the scene that a file name means and its clip's object. Raises Refusal 404."""
    job = shown_job(session, job_id)
    scene = _named(session, job.id or 0, filename) if job else None
    if scene is None:
        raise refusal(404, "Clip not found")
    if scene.clip_sha256 is None:
        raise refusal(404, "Clip video not ready")
    return scene, scene.clip_sha256


def _named(session: Session, job_id: int, filename: str) -> Scene | None:
    ordinal = _ORDINAL.fullmatch(filename)
    if ordinal:
        place = int(ordinal[1]) - 1
        scenes = scenes_of(session, job_id)
        return scenes[place] if 0 <= place < len(scenes) else None
    scene_id = filename.removesuffix(".mp4")
    if scene_id != filename:
        scene_id = scene_id.removeprefix("clip_")
    scene = session.get(Scene, scene_id) if is_uuid(scene_id) else None
    return scene if scene is not None and scene.job_id == job_id else None


def _made(make: Callable[[], StoredObject]) -> StoredObject:
    """Return the picture; one that cannot be made is the server's fault, whatever the file is."""
    try:
        return make()
    except (AtelierError, OSError) as exc:
        raise Refusal(500, {"error": "Thumbnail generation failed"}) from exc


def _send(
    request: Request, row: StoredObject, content_type: str, filename: str, *, accept_ranges: bool = True
) -> Response:
    """Send bytes that never change under their address: another revision has another ``?v=``, which is ignored here."""
    return serve_object(
        request,
        row,
        content_type=content_type,
        disposition=f'inline; filename="{filename}"',
        cache_control=_FOR_EVER,
        accept_ranges=accept_ranges,
    )
