"""What a worker must know of the jobs whose runs it carries out, and what it tells of them.

A worker names runs by Prefect's flow run id. A run *has* a job while it holds the job's lease, or when it was sent for
the job last, nobody holds the job, and no other run is wanted.
"""

from collections.abc import Collection

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from models.errors import Conflict
from models.jobs import Job, JobStatus
from storage import job_actions, vendor_calls
from storage.database import get_database
from storage.outbox import AT_WORK, replace_run

_NOT_BEGUN = and_(
    col(Job.status).in_(AT_WORK),
    col(Job.wanted_attempt) == Job.submitted_attempt,
    col(Job.lease_owner).is_(None),
)


def held(flow_run_ids: Collection[str]) -> dict[str, JobStatus]:
    """Return how the jobs stand that these runs were the last to work on. A run is absent until it has a job.

    A run whose job is ``cancelled`` must be stopped.
    """
    query = select(Job.flow_run_id, Job.status).where(col(Job.flow_run_id).in_(flow_run_ids))
    with get_database().read() as session:
        return {str(run): JobStatus(status) for run, status in session.exec(query)}


def sent_and_not_begun() -> set[str]:
    """Return the runs that were sent and have not taken their job yet."""
    query = select(Job.flow_run_id).where(_NOT_BEGUN, col(Job.flow_run_id).is_not(None))
    with get_database().read() as session:
        return {run for run in session.exec(query) if run is not None}


def run_died(flow_run_id: str, reason: str, *, counts: bool = True) -> bool:
    """Tell that a run's process has ended without ending its job: another run is wanted, or the job fails.

    ``reason`` goes on from "the last time" ("its process was killed"). Say ``counts=False`` when the run was stopped
    for what is not its job's doing, such as the worker's own end. Does nothing for a job that is at rest, was
    cancelled, or has another run, and then returns False.
    """
    with get_database().write() as session:
        job = _job_of(session, flow_run_id)
        return job is not None and replace_run(session, job, reason, counts=counts)


def cancel_run(flow_run_id: str) -> bool:
    """Cancel the job that this run has, because the run was cancelled in Prefect. False when it has none to cancel."""
    with get_database().write() as session:
        job = _job_of(session, flow_run_id)
        if job is None or job.id is None:
            return False
        try:
            job_actions.cancel(session, job.id)
        except Conflict:
            return False
        return True


def calls_to_release() -> bool:
    """Return whether calls at a vendor that were given up have still to be cancelled there."""
    with get_database().read() as session:
        return bool(vendor_calls.to_release(session))


def _job_of(session: Session, flow_run_id: str) -> Job | None:
    has = or_(
        col(Job.lease_owner).startswith(f"{flow_run_id}/", autoescape=True),
        and_(col(Job.flow_run_id) == flow_run_id, _NOT_BEGUN),
    )
    return session.exec(select(Job).where(has).with_for_update()).first()
