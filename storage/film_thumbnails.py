"""Pictures of films and clips: drawn when first asked for, once for the same bytes, kept as objects."""

from collections.abc import Callable
from pathlib import Path

from sqlmodel import Session

from media.thumbnail import write_thumbnail
from models.errors import NotFound
from models.jobs import Job, Scene
from models.media import Size
from models.objects import StoredObject
from storage import stages
from storage.database import get_database
from storage.stores import get_object_store

_BOX = Size(640, 360)
_STAGE = "thumbnail/1"


def film_thumbnail(job_id: int) -> StoredObject:
    """Return the picture of a job's published video, 640×360.

    Raises NotFound without a video, InvalidMedia when nothing can be shown.
    """

    def remember(session: Session, film: str, picture: str) -> None:
        job = session.get(Job, job_id, with_for_update=True)
        if job is not None and job.video_sha256 == film:
            job.thumbnail_sha256 = picture
            session.add(job)

    with get_database().read() as session:
        job = session.get(Job, job_id)
    return _picture(job.video_sha256 if job else None, job.thumbnail_sha256 if job else None, remember)


def clip_thumbnail(scene_id: str) -> StoredObject:
    """Return the picture of a scene's clip, 640×360. Raises like ``film_thumbnail``."""

    def remember(session: Session, clip: str, picture: str) -> None:
        scene = session.get(Scene, scene_id, with_for_update=True)
        if scene is not None and scene.clip_sha256 == clip:
            scene.clip_thumbnail_sha256 = picture
            session.add(scene)

    with get_database().read() as session:
        scene = session.get(Scene, scene_id)
    return _picture(scene.clip_sha256 if scene else None, scene.clip_thumbnail_sha256 if scene else None, remember)


def _picture(source: str | None, standing: str | None, remember: Callable[[Session, str, str], None]) -> StoredObject:
    """Return the standing picture, or the one drawn of these bytes; remembered only if the row still has them."""
    if source is None:
        raise NotFound("there is no video yet")
    if standing is not None:
        with get_database().read() as session:
            return session.get_one(StoredObject, standing)

    def draw(into: Path) -> None:
        with get_object_store().local_file(source) as film:
            write_thumbnail(film, into, _BOX, letterbox=True)

    inputs = {"source": source, "box": _BOX}
    row = stages.stored(_STAGE, inputs, draw, file_name="thumbnail.jpg", content_type="image/jpeg")
    with get_database().write() as session:
        remember(session, source, row.sha256)
    return row
