"""Requests that were answered once and must not be carried out twice."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, utc_now


class IdempotentRequest(SQLModel, table=True):
    """The answer to a creating request that carried an ``Idempotency-Key``, written in the same transaction."""

    __tablename__ = "idempotent_requests"

    key: str = Field(primary_key=True, max_length=255)
    path: str = Field(primary_key=True, max_length=255)
    request_hash: str = Field(max_length=64)
    status_code: int
    body: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
