"""Concurrency slots: how many may use a resource at once, over all processes and hosts that share the database."""

from sqlalchemy import ColumnElement, and_, delete, exists, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from models.errors import Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from models.slots import ConcurrencySlot
from storage.database import get_database
from storage.leases import fenced


def try_take(lease: JobLease, resource: str, holder: str, limit: int) -> bool:
    """Take a place at the resource for ``holder``, unless ``limit`` are taken; return whether.

    A holder that has a place keeps it. Nothing is written while there is no room. Raises Superseded when the job is no
    longer this run's.
    """
    if not _seems_free(lease, resource, holder, limit):
        return False
    mine = select(ConcurrencySlot).where(_at(resource), _held_by(lease, holder))
    try:
        with fenced(lease) as (session, _job):
            session.execute(delete(ConcurrencySlot).where(_at(resource), ~_counts()))
            if session.exec(mine).first() is not None:
                return True
            taken = set(session.exec(select(ConcurrencySlot.number).where(_at(resource))))
            if len(taken) >= limit:
                return False
            place = next(number for number in range(limit) if number not in taken)
            session.add(ConcurrencySlot(resource=resource, number=place, holder=holder, **lease.model_dump()))
            return True
    except IntegrityError:  # PostgreSQL: another transaction took this very place at the same time
        return False


def give_back(lease: JobLease, resource: str, holder: str) -> None:
    """Free the holder's place. One that is not held, or no longer counts, is no error."""
    with get_database().write() as session:
        session.execute(delete(ConcurrencySlot).where(_at(resource), _held_by(lease, holder)))


def _seems_free(lease: JobLease, resource: str, holder: str, limit: int) -> bool:
    """Look without writing. The lease is looked at, too: who waits writes nothing, which would tell it to stop."""
    others = select(func.count()).select_from(ConcurrencySlot)
    others = others.where(_at(resource), _counts(), ~_held_by(lease, holder))
    query = select(Job.lease_owner, Job.status, others.scalar_subquery()).where(Job.id == lease.job_id)
    with get_database().read() as session:
        owner, status, taken = session.exec(query).first() or (None, None, 0)
    if owner != lease.owner or status == JobStatus.CANCELLED:
        raise Superseded(f"this run no longer holds job {lease.job_id}; it was stopped, or another has taken over")
    return int(taken) < limit


def _at(resource: str) -> ColumnElement[bool]:
    return col(ConcurrencySlot.resource) == resource


def _counts() -> ColumnElement[bool]:
    """A place counts while the run that took it holds its job."""
    return exists().where(col(Job.id) == ConcurrencySlot.job_id, col(Job.lease_owner) == ConcurrencySlot.owner)


def _held_by(lease: JobLease, holder: str) -> ColumnElement[bool]:
    return and_(
        col(ConcurrencySlot.job_id) == lease.job_id,
        col(ConcurrencySlot.owner) == lease.owner,
        col(ConcurrencySlot.holder) == holder,
    )
