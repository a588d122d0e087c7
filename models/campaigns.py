"""Clients and their campaigns: who a film is for and which photos belong together."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, new_uuid, utc_now


class Client(SQLModel, table=True):
    """A customer. ``brand_guidelines`` is kept as given: an object or a string."""

    __tablename__ = "clients"

    id: str = Field(default_factory=new_uuid, primary_key=True, max_length=36)
    name: str = Field(max_length=255)
    description: str | None = None
    homepage: str | None = None
    brand_guidelines: Any = Field(default=None, sa_type=JsonColumn, nullable=True)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"})
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Campaign(SQLModel, table=True):
    """One campaign of a client; its image assets are the candidates for scenes."""

    __tablename__ = "campaigns"

    id: str = Field(default_factory=new_uuid, primary_key=True, max_length=36)
    client_id: str = Field(foreign_key="clients.id", ondelete="CASCADE", index=True, max_length=36)
    name: str = Field(max_length=255)
    goal: str | None = None
    status: str = Field(default="draft", max_length=255)
    product_url: str | None = None
    brief: Any = Field(default=None, sa_type=JsonColumn, nullable=True)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"})
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
