"""Assets: the pictures, films, sounds and documents that people bring."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, new_uuid, utc_now


class Asset(SQLModel, table=True):
    """A file somebody brought. It belongs to a campaign or a client, and has bytes or an address to fetch them from.

    ``width`` and ``height`` are as shown (after the EXIF turn). ``features`` holds what planning by looks needs,
    computed once; it can always be computed again from the bytes.
    """

    __tablename__ = "assets"
    __table_args__ = (
        CheckConstraint("campaign_id IS NOT NULL OR client_id IS NOT NULL", name="ck_assets_owner"),
        CheckConstraint("object_sha256 IS NOT NULL OR source_url IS NOT NULL", name="ck_assets_bytes"),
    )

    id: str = Field(default_factory=new_uuid, primary_key=True, max_length=36)
    type: str = Field(max_length=16, index=True)
    campaign_id: str | None = Field(
        default=None, foreign_key="campaigns.id", ondelete="CASCADE", index=True, max_length=36
    )
    client_id: str | None = Field(default=None, foreign_key="clients.id", ondelete="CASCADE", index=True, max_length=36)
    object_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    thumbnail_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    source_url: str | None = None
    name: str | None = None
    description: str | None = None
    tags: list[str] = Field(default_factory=list, sa_type=JsonColumn)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"})
    features: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
