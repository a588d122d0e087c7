"""The ledger: one row for every provider call that costs money or time."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, new_uuid, utc_now, word_column


class PredictionStatus(StrEnum):
    """How far a call is. ``prepared`` is committed before the request leaves, so that no call can go unrecorded.

    ``releasing`` is a vendor's call that nobody wants any more and that has still to be cancelled there.
    """

    PREPARED = "prepared"
    RUNNING = "running"
    RELEASING = "releasing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Prediction(SQLModel, table=True):
    """One provider call: what was asked, what it is called at the vendor, what came back and what it cost.

    ``input_hash`` is the SHA-256 of the canonical JSON of everything that decides the result, and nothing of the job.
    What was made of the same take and hash before, for whatever job, is used again instead of calling: the row is then
    ``reused``, and cost nothing.

    ``request`` is what a vendor is sent, complete; None until it is known. ``due`` says that the vendor has told us of
    the call's end. ``cost_usd`` is what was spent, also on a result that could not be used.
    """

    __tablename__ = "predictions"
    __table_args__ = (
        UniqueConstraint("provider", "external_id", name="uq_predictions_external"),
        Index("ix_predictions_reuse", "scene_id", "take", "input_hash"),
    )

    id: str = Field(default_factory=new_uuid, primary_key=True, max_length=36)
    job_id: int = Field(foreign_key="jobs.id", ondelete="CASCADE", index=True)
    scene_id: str | None = Field(default=None, foreign_key="scenes.id", ondelete="SET NULL", max_length=36)
    take: int = 1
    capability: str = Field(max_length=32)
    provider: str = Field(max_length=32)
    model: str = Field(max_length=200)
    input: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)
    input_hash: str = Field(max_length=64, index=True)
    request: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    external_id: str | None = Field(default=None, max_length=255)
    due: bool = False
    status: PredictionStatus = Field(
        default=PredictionStatus.PREPARED, sa_type=word_column(PredictionStatus), index=True
    )
    output_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    reused: bool = False
    cost_usd: float = 0.0
    error: str | None = None
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
