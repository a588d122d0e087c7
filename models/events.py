"""Events: every visible change, in the order in which it was committed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, utc_now


class Event(SQLModel, table=True):
    """One visible change. Within a topic (``job:7``) the order of ids is the order of commits."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_topic", "topic", "id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    topic: str = Field(max_length=100)
    type: str = Field(max_length=32)
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)


def job_topic(job_id: int) -> str:
    """Return the topic under which a job's events stand."""
    return f"job:{job_id}"
