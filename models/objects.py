"""The ``objects`` table: what the object store holds."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime, utc_now


class StoredObject(SQLModel, table=True):
    """One immutable run of bytes, named by its content.

    Other tables refer to bytes only by a foreign key to this row, never from inside JSON, so that what nothing
    refers to can be found and collected.
    """

    __tablename__ = "objects"

    sha256: str = Field(primary_key=True, max_length=64)
    md5: str = Field(max_length=32)
    size_bytes: int = Field(sa_type=BigInteger)
    content_type: str = Field(max_length=100)
    stored_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


WHOLE = -1
"""Position of the chunk that marks an object as complete and holds its size, eight bytes, big end first."""


class ObjectChunk(SQLModel, table=True):
    """A part of an object's bytes, for the store that keeps them in the database (``STORAGE_URL=db://``)."""

    __tablename__ = "object_chunks"

    sha256: str = Field(primary_key=True, max_length=64)
    position: int = Field(primary_key=True)
    data: bytes
