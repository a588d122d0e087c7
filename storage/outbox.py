"""The rows as outbox: which jobs want a run that was not sent, and which lost the run that was."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_
from sqlmodel import Session, col, select

from models.columns import utc_now
from models.errors import Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from storage import jobs, leases
from storage.database import get_database

MAX_RECOVERIES = 3
_STARTABLE = (JobStatus.QUEUED, JobStatus.APPROVED, JobStatus.RUNNING)
_MOST_AT_ONCE = 100


def wanted(session: Session, workflows: Sequence[str]) -> Sequence[Job]:
    """Return the jobs of these workflows that want a run, oldest first."""
    query = select(Job).where(
        col(Job.wanted_attempt) > Job.submitted_attempt,
        col(Job.status).in_(_STARTABLE),
        col(Job.workflow).in_(workflows),
    )
    return session.exec(query.order_by(col(Job.id)).limit(_MOST_AT_ONCE)).all()


def note_submitted(session: Session, job: Job, flow_run_id: str) -> None:
    """Note that the attempt which ``job`` wanted was sent; a further wish stays wanted."""
    row = session.get_one(Job, job.id, with_for_update=True)
    if row.submitted_attempt < job.wanted_attempt:  # else the run has begun, and noted it itself
        row.submitted_attempt = job.wanted_attempt
        row.flow_run_id = flow_run_id
        session.add(row)


def unheld(session: Session, workflows: Sequence[str], silence_s: float) -> Sequence[Job]:
    """Return the jobs that should be at work, though for ``silence_s`` nobody has held them."""
    since = utc_now() - timedelta(seconds=silence_s)
    query = select(Job).where(
        col(Job.wanted_attempt) == Job.submitted_attempt,
        col(Job.status).in_(_STARTABLE),
        col(Job.workflow).in_(workflows),
        col(Job.updated_at) < since,
        or_(col(Job.lease_expires_at).is_(None), col(Job.lease_expires_at) < since),
    )
    return session.exec(query.order_by(col(Job.id)).limit(_MOST_AT_ONCE)).all()


def recover(job: Job) -> bool:
    """Want another run for a job whose run has died; after too many deaths fail it. False when it moved meanwhile."""
    if job.recoveries >= MAX_RECOVERIES:
        return _give_up(job)
    with get_database().write() as session:
        row = session.get(Job, job.id, with_for_update=True)
        if row is None or row.status not in _STARTABLE or _position(row) != _position(job):
            return False
        row.recoveries += 1
        row.wanted_attempt += 1
        row.updated_at = utc_now()
        session.add(row)
        return True


def _give_up(job: Job) -> bool:
    assert job.id is not None
    lease = JobLease(job_id=job.id, owner="recovery")
    try:
        leases.claim(lease)
        jobs.fail(lease, f"its run died {job.recoveries + 1} times without a word; the worker's log may say why")
    except Superseded:
        return False
    finally:
        leases.release(lease)
    return True


def _position(job: Job) -> tuple[int, int, str | None]:
    return job.wanted_attempt, job.submitted_attempt, job.lease_owner
