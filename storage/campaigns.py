"""Campaigns: their rows, their jobs' costs, and what deleting one does to the jobs that wait."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models.assets import Asset
from models.campaigns import Campaign
from models.columns import utc_now
from models.jobs import Job, JobStatus
from models.predictions import Prediction
from storage.job_actions import cancel

WAITING = (JobStatus.QUEUED, JobStatus.PLANNED)
"""The statuses of a job that nobody has approved yet."""


class Spending(NamedTuple):
    """How many films were asked for, and what they have cost so far."""

    jobs: int
    cost_usd: float


def list_campaigns(
    session: Session, client_id: str | None = None, limit: int | None = None, offset: int = 0
) -> tuple[Sequence[Campaign], int]:
    """Return campaigns, of one client or of all, newest first, and how many there are."""
    mine = [] if client_id is None else [col(Campaign.client_id) == client_id]
    total = session.exec(select(func.count()).select_from(Campaign).where(*mine)).one()
    query = select(Campaign).where(*mine).order_by(col(Campaign.inserted_at).desc(), col(Campaign.id).desc())
    return session.exec(query.limit(limit).offset(offset)).all(), total


def change_campaign(session: Session, campaign: Campaign, changes: dict[str, Any]) -> None:
    """Set the given columns, and no others. Assets follow a campaign to its new client."""
    if changes.get("client_id", campaign.client_id) != campaign.client_id:
        theirs = col(Asset.campaign_id) == campaign.id, col(Asset.client_id) == campaign.client_id
        session.execute(update(Asset).where(*theirs).values(client_id=changes["client_id"]))
    campaign.sqlmodel_update(changes)
    campaign.updated_at = utc_now()
    session.add(campaign)
    session.flush()


def campaign_spending(session: Session, campaign_id: str) -> Spending:
    """Return the number and the cost of a campaign's films."""
    return spending(session, [campaign_id])


def spending(session: Session, campaign_ids: Sequence[str] | SelectOfScalar[str]) -> Spending:
    """Return the number and the cost of the films of several campaigns; what belongs to a film counts as cost only."""
    theirs = col(Job.campaign_id).in_(campaign_ids)
    jobs = select(func.count()).select_from(Job).where(theirs, col(Job.parent_id).is_(None))
    cost = select(func.coalesce(func.sum(Prediction.cost_usd), 0.0)).join(Job).where(theirs)
    return Spending(session.exec(jobs).one(), float(session.exec(cost).one()))


def delete_campaign(session: Session, campaign: Campaign) -> None:
    """Delete a campaign with its assets. Its jobs and their films stay; those that wait for approval are cancelled."""
    cancel_waiting_jobs(session, col(Job.campaign_id) == campaign.id)
    session.delete(campaign)


def cancel_waiting_jobs(session: Session, which: ColumnElement[bool]) -> None:
    """Cancel the jobs that match and that nobody has approved, and tell whoever watches them."""
    waiting = select(Job).where(which, col(Job.status).in_(WAITING)).with_for_update()
    for job in session.exec(waiting).all():
        cancel(session, job.id or 0)
