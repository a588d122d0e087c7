"""The object store: immutable bytes, named by their SHA-256.

A store knows nothing but bytes; content types and references live in the ``objects`` table (``storage.assets`` and
friends write its rows). Every store passes ``tests/storage/test_objects.py``.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from models.columns import utc_now
from models.errors import NotFound
from models.objects import StoredObject

CHUNK_BYTES = 1024 * 1024
"""Most that is read or sent at once: large enough that handing chunks between threads costs little, small in memory."""


class ObjectKey(BaseModel):
    """What the store says about bytes it took: their hashes in hex and their number."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    md5: str
    size_bytes: int


class ObjectStore(Protocol):
    """Content-addressed, immutable storage. Every method is safe to call from several threads and processes."""

    def put(self, chunks: Iterable[bytes]) -> ObjectKey:
        """Store the bytes and return their key. The same bytes are stored once; a failed call leaves nothing.

        Raises StorageFull when there is no room.
        """
        ...

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to, not including, ``end`` in chunks. Raises NotFound at the call."""
        ...

    def size(self, sha256: str) -> int:
        """Return the number of bytes. Raises NotFound."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove the bytes; doing so twice is no error."""
        ...

    def local_file(self, sha256: str) -> AbstractContextManager[Path]:
        """Give a read-only file with these bytes for as long as the block lasts. Raises NotFound."""
        ...


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in chunks."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def record_object(session: Session, key: ObjectKey, content_type: str) -> StoredObject:
    """Write or refresh the row of an object that the store has taken, so that other rows can refer to it."""
    row = session.get(StoredObject, key.sha256)
    if row is None:
        row = StoredObject(**key.model_dump(), content_type=content_type)
    row.stored_at = utc_now()
    session.add(row)
    session.flush()
    return row


def missing_object(sha256: str) -> NotFound:
    """Return the error for bytes that are not there."""
    return NotFound(f"no stored object {sha256[:12]}…; it was deleted, or STORAGE_URL points elsewhere")
