"""Clients: their rows, and what counts for them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from models.campaigns import Campaign, Client
from models.columns import utc_now
from models.jobs import Job
from storage.campaigns import Spending, cancel_waiting_jobs, spending


class ClientStats(NamedTuple):
    """How many campaigns a client has, and the films and cost of all of them."""

    campaigns: int
    spending: Spending


def list_clients(session: Session, limit: int | None = None, offset: int = 0) -> tuple[Sequence[Client], int]:
    """Return clients, newest first, and how many there are."""
    query = select(Client).order_by(col(Client.inserted_at).desc(), col(Client.id).desc())
    total = session.exec(select(func.count()).select_from(Client)).one()
    return session.exec(query.limit(limit).offset(offset)).all(), total


def change_client(session: Session, client: Client, changes: dict[str, Any]) -> None:
    """Set the given columns, and no others."""
    client.sqlmodel_update(changes)
    client.updated_at = utc_now()
    session.add(client)
    session.flush()


def client_stats(session: Session, client_id: str) -> ClientStats:
    """Return what counts for a client."""
    own = select(Campaign.id).where(Campaign.client_id == client_id)
    campaigns = session.exec(select(func.count()).select_from(own.subquery())).one()
    return ClientStats(campaigns, spending(session, own))


def delete_client(session: Session, client: Client) -> None:
    """Delete a client with its campaigns and assets. Its jobs and their films stay; those that wait are cancelled."""
    own = select(Campaign.id).where(Campaign.client_id == client.id)
    cancel_waiting_jobs(session, or_(col(Job.client_id) == client.id, col(Job.campaign_id).in_(own)))
    session.delete(client)
