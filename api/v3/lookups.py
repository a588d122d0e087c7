"""Finding what a path names, in the order in which the surface checks, and with its words when it is not there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from api.errors import Refusal, refusal
from api.v3.fields import is_uuid
from models.jobs import Job, Scene
from models.objects import StoredObject
from models.video_v3 import TYPES

_JOB_ID = re.compile("0|[1-9][0-9]{0,17}")


def job_of(session: Session, job_id: str, *, to_change: bool = False) -> Job:
    """Return the job; with ``to_change`` its row is held until the transaction ends. Raises Refusal 404."""
    job = shown_job(session, job_id, to_change=to_change)
    if job is None:
        raise refusal(404, "Job not found", job_id=job_id)
    return job


def shown_job(session: Session, job_id: str, *, to_change: bool = False) -> Job | None:
    """Return the job if there is one of this number and this surface shows it."""
    if not _JOB_ID.fullmatch(job_id):
        return None
    job = session.get(Job, int(job_id), with_for_update=True if to_change else None)
    return job if job is not None and job.workflow in TYPES and job.parent_id is None else None


def scene_of(session: Session, job: Job, scene_id: str) -> Scene:
    """Return the job's scene. Raises Refusal 404 for none, 422 for another job's."""
    scene = session.get(Scene, scene_id) if is_uuid(scene_id) else None
    if scene is None:
        raise refusal(404, "Scene not found", scene_id=scene_id)
    if scene.job_id != job.id:
        raise refusal(422, "Scene does not belong to this job", scene_id=scene_id, job_id=job.id)
    return scene


def bytes_of(session: Session, sha256: str | None) -> int:
    """Return an object's size, 0 for none."""
    row = session.get(StoredObject, sha256) if sha256 else None
    return row.size_bytes if row else 0


@contextmanager
def failing_as(error: str) -> Iterator[None]:
    """Answer 500 with the surface's words when the database fails inside the block."""
    try:
        yield
    except SQLAlchemyError as exc:
        raise Refusal(500, {"error": error, "details": "the database did not carry it out; try again"}) from exc
