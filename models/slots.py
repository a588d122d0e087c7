"""Who is using what only a few may use at once."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime, utc_now


class ConcurrencySlot(SQLModel, table=True):
    """A place at a resource (``render:HOST``), taken by a run for one piece of its work, the ``holder``.

    It counts only while its job's ``lease_owner`` is its ``owner``: what a dead or cancelled run held is free with its
    lease, and no clock is involved. Places are numbered from 0, so that two runs can never take the same one.
    """

    __tablename__ = "concurrency_slots"

    resource: str = Field(primary_key=True, max_length=255)
    number: int = Field(primary_key=True)
    job_id: int = Field(foreign_key="jobs.id", ondelete="CASCADE", index=True)
    owner: str = Field(max_length=100)
    holder: str = Field(max_length=255)
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
