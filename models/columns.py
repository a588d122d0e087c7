"""Column types and defaults that several tables share."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import JSON, DateTime, Dialect, Enum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

JsonColumn = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document; PostgreSQL keeps it parsed. None is SQL's NULL."""


def word_column(words: type[StrEnum]) -> Enum:
    """Return a column of ``words`` stored as plain text; a database's own enum would need a migration per word."""
    return Enum(words, native_enum=False, length=16, values_callable=lambda enum: [word.value for word in enum])


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC timestamp. SQLite stores no zone, so it is dropped on the way in and set again on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a naive value is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("timestamps are aware; use utc_now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC value whatever the database keeps."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def new_uuid() -> str:
    """Return a random UUID as the lower-case string that every surface shows."""
    return str(uuid4())
