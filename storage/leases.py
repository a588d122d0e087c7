"""Leases: who may write to a job, and the transactions that check it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import or_, update
from sqlmodel import Session, col

from models.columns import utc_now
from models.errors import NotFound, Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from storage.database import get_database

LEASE_DURATION = timedelta(seconds=15)
RENEWAL_INTERVAL_S = 5.0


def claim_patiently(lease: JobLease, patience_s: float = 3.0) -> None:
    """Claim the job, waiting a little for a run that is just ending. Raises like ``claim``."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return claim(lease)
        except Superseded:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


def claim(lease: JobLease) -> None:
    """Take the job for ``lease.owner``; the same owner may claim again.

    Raises NotFound for an unknown job and Superseded while another owner's lease is alive.
    """
    now = utc_now()
    free = or_(col(Job.lease_owner).is_(None), col(Job.lease_owner) == lease.owner, col(Job.lease_expires_at) < now)
    with get_database().write() as session:
        taken = session.execute(
            update(Job)
            .where(col(Job.id) == lease.job_id, free)
            .values(lease_owner=lease.owner, lease_expires_at=now + LEASE_DURATION)
        )
        if taken.rowcount == 0:  # type: ignore[attr-defined]
            if session.get(Job, lease.job_id) is None:
                raise NotFound(f"no job {lease.job_id}")
            raise Superseded(f"job {lease.job_id} is being worked on by another run; wait for it or cancel the job")


def release(lease: JobLease) -> None:
    """Give the job back, so that the next run need not wait for the lease to expire."""
    with get_database().write() as session:
        session.execute(
            update(Job)
            .where(col(Job.id) == lease.job_id, col(Job.lease_owner) == lease.owner)
            .values(lease_owner=None, lease_expires_at=None)
        )


@contextmanager
def fenced(lease: JobLease) -> Iterator[tuple[Session, Job]]:
    """Yield a writing session and the job's row, provided that the lease still holds.

    Raises Superseded when another run has the job or the job was cancelled; nothing is then written.
    """
    with get_database().write() as session:
        job = session.get(Job, lease.job_id, with_for_update=True)
        if job is None or job.lease_owner != lease.owner:
            raise Superseded(f"this run no longer holds job {lease.job_id}; it was stopped, or another has taken over")
        if job.status == JobStatus.CANCELLED:
            raise Superseded(f"job {lease.job_id} was cancelled")
        yield session, job
        job.updated_at = utc_now()
        session.add(job)


@contextmanager
def renewed(lease: JobLease) -> Iterator[None]:
    """Keep the lease alive in the background while the block runs."""
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(lease, stop), name=f"lease-{lease.job_id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()


def _beat(lease: JobLease, stop: threading.Event) -> None:
    while not stop.wait(RENEWAL_INTERVAL_S):
        if not renew(lease):
            return  # the next fenced write of this run says so to its owner


def renew(lease: JobLease) -> bool:
    """Prolong the lease if it is still this owner's; one that was taken away (by cancelling) is not claimed again."""
    with get_database().write() as session:
        kept = session.execute(
            update(Job)
            .where(col(Job.id) == lease.job_id, col(Job.lease_owner) == lease.owner)
            .values(lease_expires_at=utc_now() + LEASE_DURATION)
        )
        return bool(kept.rowcount)  # type: ignore[attr-defined]
