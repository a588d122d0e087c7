"""The ledger of calls at a vendor: accounts that outlive the run that opened them.

A call goes on at the vendor when its run has died, so it is never closed for that: the next run takes it up. One that
nobody wants any more is ``releasing`` until it has been cancelled there.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models.columns import utc_now
from models.errors import Superseded
from models.jobs import Job, JobStatus, Scene
from models.predictions import Prediction, PredictionStatus
from models.runs import JobLease
from storage.database import get_database
from storage.leases import fenced
from storage.wishes import announce_scene

LOCAL = "local"
"""The provider whose calls die with their process."""

OPEN = (PredictionStatus.PREPARED, PredictionStatus.RUNNING)


def open_call(session: Session, wanted: Prediction) -> Prediction | None:
    """Return the account, opened before, of the same scene, take and input at the same vendor."""
    query = select(Prediction).where(
        Prediction.provider != LOCAL,
        Prediction.provider == wanted.provider,
        Prediction.scene_id == wanted.scene_id,
        Prediction.take == wanted.take,
        Prediction.input_hash == wanted.input_hash,
        col(Prediction.status).in_(OPEN),
    )
    return session.exec(query.order_by(col(Prediction.inserted_at).desc())).first()


def note_request(lease: JobLease, prediction_id: str, request: dict[str, Any]) -> None:
    """Put on record what is about to be sent. Raises Superseded when nothing may be sent any more."""
    with fenced(lease) as (session, _job):
        row = session.get_one(Prediction, prediction_id)
        if row.status not in OPEN:
            raise Superseded("this call is wanted no more")
        row.request, row.updated_at = request, utc_now()
        session.add(row)


def accept(prediction_id: str, external_id: str, lease: JobLease | None = None) -> bool:
    """Put the vendor's id on record; False when another account has it.

    It is true whoever holds the job, so no lease is needed; the scene shows it while ``lease`` holds. Raises Superseded
    when that has been lost.
    """
    try:
        with get_database().write() as session:
            row = session.get_one(Prediction, prediction_id, with_for_update=True)
            if row.external_id not in (None, external_id):
                return False
            row.external_id, row.updated_at = external_id, utc_now()
            if row.status == PredictionStatus.PREPARED:
                row.status = PredictionStatus.RUNNING
            session.add(row)
            session.flush()
            held = lease is None or _show(session, row, lease)
    except IntegrityError:
        return False
    if not held:
        raise Superseded(f"this run no longer holds job {row.job_id}; it was stopped, or another has taken over")
    return True


def look(lease: JobLease, prediction_id: str) -> bool:
    """Return whether the vendor has sent word since the last look; writes only then.

    Raises Superseded when the job is no longer this run's, or was cancelled.
    """
    query = select(Prediction.due, Prediction.status, Job.lease_owner, Job.status)
    query = query.join(Job, col(Job.id) == Prediction.job_id).where(Prediction.id == prediction_id)
    with get_database().read() as session:
        due, status, owner, job_status = session.exec(query).first() or (False, None, None, None)
    if status not in OPEN or owner != lease.owner or job_status == JobStatus.CANCELLED:
        raise Superseded(f"this run no longer holds job {lease.job_id}; it was stopped, or another has taken over")
    if due:
        with get_database().write() as session:
            session.execute(update(Prediction).where(col(Prediction.id) == prediction_id).values(due=False))
    return bool(due)


def mark_due(session: Session, provider: str, external_id: str) -> bool:
    """Note that the vendor has sent word of a call; its run fetches. False when no open call has that id."""
    changed = session.execute(
        update(Prediction)
        .where(
            col(Prediction.provider) == provider,
            col(Prediction.external_id) == external_id,
            col(Prediction.status).in_(OPEN),
        )
        .values(due=True)
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def charge(prediction_id: str, cost_usd: float) -> None:
    """Put on record what a call cost: it was carried out, whoever holds the job now."""
    with get_database().write() as session:
        session.execute(update(Prediction).where(col(Prediction.id) == prediction_id).values(cost_usd=cost_usd))


def fail(lease: JobLease, prediction_id: str, reason: str) -> None:
    """Close a call that the vendor refused, failed, or does not know."""
    with fenced(lease) as (session, _job):
        row = session.get_one(Prediction, prediction_id)
        if row.status in OPEN:
            _close(session, row, PredictionStatus.FAILED, reason)


def renew(lease: JobLease, prediction_id: str, reason: str) -> Prediction:
    """Close a call as failed, and return another that is prepared for the same."""
    with fenced(lease) as (session, _job):
        old = session.get_one(Prediction, prediction_id)
        _close(session, old, PredictionStatus.FAILED, reason)
        kept = ("job_id", "scene_id", "take", "capability", "provider", "model", "input", "input_hash")
        row = Prediction(**{name: getattr(old, name) for name in kept}, status=PredictionStatus.PREPARED)
        session.add(row)
        return row


def give_up_calls(
    session: Session, *, job_id: int | None = None, scene_id: str | None = None, but: str | None = None
) -> None:
    """Note that the open calls of a job, or of a scene, are wanted no more, except the one with the id ``but``."""
    mine = [
        column == value
        for column, value in ((col(Prediction.job_id), job_id), (col(Prediction.scene_id), scene_id))
        if value
    ]
    session.execute(
        update(Prediction)
        .where(
            *mine,
            col(Prediction.provider) != LOCAL,
            col(Prediction.status).in_(OPEN),
            col(Prediction.id) != (but or ""),
        )
        .values(status=PredictionStatus.RELEASING, updated_at=utc_now())
    )


def to_release(session: Session, job_id: int | None = None) -> Sequence[Prediction]:
    """Return the calls that have still to be cancelled at their vendor, of one job or of all, oldest first."""
    query = select(Prediction).where(Prediction.status == PredictionStatus.RELEASING)
    if job_id is not None:
        query = query.where(Prediction.job_id == job_id)
    return session.exec(query.order_by(col(Prediction.inserted_at))).all()


def close_released(prediction_id: str, reason: str, cost_usd: float) -> None:
    """Close a call that was cancelled at the vendor; ``cost_usd`` is what it cost all the same."""
    with get_database().write() as session:
        row = session.get_one(Prediction, prediction_id, with_for_update=True)
        if row.status == PredictionStatus.RELEASING:
            row.cost_usd = max(row.cost_usd, cost_usd)
            _close(session, row, PredictionStatus.CANCELLED, reason)


def _show(session: Session, row: Prediction, lease: JobLease) -> bool:
    """Let the scene show the vendor's id, if the lease holds; return whether it does."""
    holds = exists().where(col(Job.id) == lease.job_id, col(Job.lease_owner) == lease.owner)
    if not session.execute(select(holds)).scalar() or row.status not in OPEN:
        return False
    scene = session.get(Scene, row.scene_id)
    if scene is not None and scene.take == row.take:
        scene.provider_id = row.external_id
        announce_scene(session, scene)
    return True


def _close(session: Session, row: Prediction, status: PredictionStatus, reason: str) -> None:
    row.status, row.error = status, reason
    row.updated_at = row.finished_at = utc_now()
    session.add(row)
