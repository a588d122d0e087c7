"""The rows as outbox: which jobs want a run that was not sent, and which lost the run that was.

Every change here is a compare-and-swap in one short transaction, so any number of processes on any number of hosts may
look at the same rows and act: the first one does it, the others find the row changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from sqlalchemy import JSON, ColumnElement, and_, or_, type_coerce
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from models.jobs import Job, JobStatus, SceneStatus
from models.predictions import PredictionStatus
from settings import get_settings
from storage.database import get_database
from storage.job_actions import close_local_calls
from storage.leases import take_away
from storage.progress import count_scenes, merge_progress, scenes_of
from storage.scene_models import DISABLED
from storage.wishes import announce, announce_scene, end

AT_WORK = (JobStatus.QUEUED, JobStatus.APPROVED, JobStatus.RUNNING)
"""The statuses of jobs that a run should be working on."""

MAX_RECOVERIES = {"image-pairs": 3, "property-video": 3}
"""By workflow, after how many deaths without a scene finished in between the next one fails the job."""


@dataclass(frozen=True)
class Standing:
    """Where a job stands between its runs; equal values mean that nothing has moved, the lease's heartbeat included."""

    id: int
    status: JobStatus
    wanted_attempt: int
    submitted_attempt: int
    flow_run_id: str | None
    lease_owner: str | None
    lease_expires_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return how this row stands."""
        return cls(*(getattr(job, field.name) for field in fields(cls)))

    @property
    def run_id(self) -> str | None:
        """The Prefect run that holds the job, else the one that was sent for it last."""
        return self.lease_owner.partition("/")[0] if self.lease_owner else self.flow_run_id


def wanted(session: Session, workflows: Iterable[str], limit: int = 100) -> Sequence[Job]:
    """Return the jobs of these workflows that want a run and can have one, oldest first."""
    query = select(Job).where(
        col(Job.wanted_attempt) > Job.submitted_attempt,
        col(Job.status).in_(AT_WORK),
        col(Job.workflow).in_(workflows),
    )
    if get_settings().replicate_api_key is None:
        detail: ColumnElement[str] = type_coerce(col(Job.progress), JSON)["detail"].as_string()
        query = query.where(or_(detail.is_(None), detail != DISABLED))
    return session.exec(query.order_by(col(Job.id)).limit(limit)).all()


def note_submitted(session: Session, job: Job, flow_run_id: str) -> None:
    """Note that the attempt which ``job`` wanted was sent; a further wish stays wanted."""
    row = session.get_one(Job, job.id, with_for_update=True)
    if row.submitted_attempt < job.wanted_attempt:  # else the run has begun, and noted it itself
        row.submitted_attempt = job.wanted_attempt
        row.flow_run_id = flow_run_id
        session.add(row)


def standings(session: Session, workflows: Iterable[str]) -> list[Standing]:
    """Return the jobs that a run holds, or that nobody holds although their run was sent."""
    sent = and_(col(Job.status).in_(AT_WORK), col(Job.wanted_attempt) == Job.submitted_attempt)
    query = select_columns(*(getattr(Job, field.name) for field in fields(Standing))).where(
        col(Job.workflow).in_(workflows), or_(sent, col(Job.lease_owner).is_not(None))
    )
    return [Standing(*row) for row in session.execute(query.order_by(col(Job.id)))]


def cancelled_runs(session: Session, workflows: Iterable[str], since: datetime) -> list[str]:
    """Return the Prefect runs of the jobs that were cancelled after ``since``."""
    query = select(Job.flow_run_id).where(
        col(Job.status) == JobStatus.CANCELLED, col(Job.workflow).in_(workflows), col(Job.updated_at) > since
    )
    return [run for run in session.exec(query) if run is not None]


def recover(job: Standing, reason: str, *, counts: bool = True) -> bool:
    """Replace the dead run of a job that still stands as it was seen (see ``replace_run``); False when it moved."""
    with get_database().write() as session:
        row = _if_unmoved(session, job)
        if row is not None:
            replace_run(session, row, reason, counts=counts)
        return row is not None


def free(job: Standing) -> bool:
    """Take the lease from a dead run whose job another run is coming for; False when the job moved meanwhile."""
    with get_database().write() as session:
        row = _if_unmoved(session, job)
        if row is not None:
            take_away(session, row)
        return row is not None


def replace_run(session: Session, job: Job, reason: str, *, counts: bool = True) -> bool:
    """Take the lease from a job's dead run and, unless the job is at rest, want another; after too many, fail the job.

    ``reason`` says of the run how it died ("its process was killed"). A death for which ``counts`` is False was not
    the job's doing. Returns whether the job was at work and wanted no other run yet.
    """
    take_away(session, job)
    if job.status not in AT_WORK or job.wanted_attempt > job.submitted_attempt:
        return False
    if counts and job.recoveries >= MAX_RECOVERIES[job.workflow]:
        _give_up(session, job, reason)
        return True
    job.recoveries += counts
    job.wanted_attempt += 1
    merge_progress(job, detail=f"Another run goes on where the last one ended: {reason}")
    announce(session, job)
    return True


def _give_up(session: Session, job: Job, reason: str) -> None:
    """Fail the job, and what was being made when its last run died."""
    for scene in scenes_of(session, job.id or 0):
        if scene.status == SceneStatus.RUNNING:
            scene.status, scene.error = SceneStatus.FAILED, reason
            announce_scene(session, scene)
    close_local_calls(session, job.id or 0, PredictionStatus.FAILED, reason)
    count_scenes(session, job)
    end(session, job, JobStatus.FAILED, f"Its run died {job.recoveries + 1} times; the last time {reason}")


def _if_unmoved(session: Session, job: Standing) -> Job | None:
    row = session.get(Job, job.id, with_for_update=True)
    return row if row is not None and Standing.of(row) == job else None
