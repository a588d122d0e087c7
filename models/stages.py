"""What was made before, by what it was made of: clips, thumbnails, parts of films."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, utc_now


class StageResult(SQLModel, table=True):
    """The bytes that a stage gave for its inputs, to be used again by whoever wants the same.

    ``stage`` is a name and a version (``thumbnail/1``); the version rises when the stage gives other bytes for the same
    inputs. ``key`` is the SHA-256 of the canonical JSON of both. ``facts`` is what the stage wants to know of its
    result beside the bytes. ``used_at`` is about when it was last used, to a day.
    """

    __tablename__ = "stage_results"

    key: str = Field(primary_key=True, max_length=64)
    stage: str = Field(max_length=64)
    object_sha256: str = Field(foreign_key="objects.sha256", index=True, max_length=64)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    used_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
