"""Pictures of films and clips: made when first asked for, kept as objects, forgotten with the bytes they show."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session

from media.thumbnail import write_thumbnail
from models.errors import NotFound
from models.jobs import Job, Scene
from models.media import Size
from models.objects import StoredObject
from settings import get_settings
from storage.database import get_database
from storage.objects import file_chunks, record_object
from storage.stores import get_object_store

_BOX = Size(640, 360)


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
    """Return the standing picture, or make one; it is remembered only if the row still has the bytes it shows."""
    if source is None:
        raise NotFound("there is no video yet")
    if standing is not None:
        with get_database().read() as session:
            return session.get_one(StoredObject, standing)
    place, store = get_settings().scratch_dir, get_object_store()
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="thumbnail-", dir=place) as folder, store.local_file(source) as film:
        picture = Path(folder) / "thumbnail.jpg"
        write_thumbnail(film, picture, _BOX, letterbox=True)
        key = store.put(file_chunks(picture))
    with get_database().write() as session:
        row = record_object(session, key, "image/jpeg")
        remember(session, source, key.sha256)
        return row
