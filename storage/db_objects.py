"""Objects inside the database: one file to deploy, copy and back up."""

import errno
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import col, select

from models.errors import StorageFull
from models.objects import WHOLE, ObjectChunk
from storage.database import Database
from storage.objects import ObjectKey, missing_object

_CHUNK_BYTES = 512 * 1024
_FULL = "no space left for the database; free some and try again"


class DatabaseObjectStore:
    """Objects as rows of ``object_chunks``, half a megabyte each, under the hash of the whole.

    Every chunk is its own transaction, so that storing a film never keeps other writers waiting. The chunk at
    position ``WHOLE`` is written last and holds the size: without it the object does not exist. Working copies lie in
    ``scratch_dir`` for as long as they are needed.
    """

    def __init__(self, database: Database, scratch_dir: Path) -> None:
        self._database, self._scratch = database, scratch_dir

    def put(self, chunks: Iterable[bytes]) -> ObjectKey:
        """Spool the bytes to learn their name, then write the chunks that are missing until none is."""
        with self._spool() as spool, _plain_when_full():
            key = _copy(chunks, spool)
            while missing := self._missing(key):
                for position in missing:
                    spool.seek(position * _CHUNK_BYTES)
                    self._add(key.sha256, position, spool.read(_CHUNK_BYTES))
            return key

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Look at once, so that a missing object is an error here and not in the middle of a response."""
        size = self.size(sha256)
        return self._range(sha256, start, size if end is None else min(end, size))

    def size(self, sha256: str) -> int:
        """Return the size that was noted when the last chunk was in."""
        return int.from_bytes(self._chunk(sha256, WHOLE), "big")

    def delete(self, sha256: str) -> None:
        """Remove the rows; the mark goes last, so that no simultaneous ``put`` can leave one without its chunks."""
        chunks, position = delete(ObjectChunk).where(col(ObjectChunk.sha256) == sha256), col(ObjectChunk.position)
        with self._database.write() as session:
            session.execute(chunks.where(position != WHOLE))
            session.execute(chunks.where(position == WHOLE))

    @contextmanager
    def local_file(self, sha256: str) -> Iterator[Path]:
        """Give a private copy, which is gone after the block."""
        chunks = self.read(sha256)
        with self._spool() as spool:
            for chunk in chunks:
                spool.write(chunk)
            spool.flush()
            os.fchmod(spool.fileno(), 0o400)
            yield Path(spool.name)

    def _spool(self) -> "tempfile._TemporaryFileWrapper[bytes]":
        self._scratch.mkdir(parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=self._scratch, prefix="object-")

    def _missing(self, key: ObjectKey) -> list[int]:
        """Return the positions still to be written; when there are none, the object is marked as whole.

        Looking and marking are one transaction, and the rows are locked: a simultaneous ``delete`` comes before both
        or after both.
        """
        query = select(ObjectChunk.position).where(ObjectChunk.sha256 == key.sha256).with_for_update(read=True)
        mark = ObjectChunk(sha256=key.sha256, position=WHOLE, data=key.size_bytes.to_bytes(8, "big"))
        with suppress(IntegrityError), self._database.write() as session:
            present = set(session.exec(query))
            missing = sorted(set(range(-(-key.size_bytes // _CHUNK_BYTES))) - present)
            if not missing and WHOLE not in present:
                session.add(mark)
                session.flush()
            return missing
        return []  # another writer of the same bytes marked them just now

    def _add(self, sha256: str, position: int, data: bytes) -> None:
        with suppress(IntegrityError), self._database.write() as session:  # refused when another wrote the same bytes
            session.add(ObjectChunk(sha256=sha256, position=position, data=data))
            session.flush()

    def _chunk(self, sha256: str, position: int) -> bytes:
        query = select(ObjectChunk.data).where(ObjectChunk.sha256 == sha256, ObjectChunk.position == position)
        with self._database.read() as session:
            data = session.exec(query).first()
        if data is None:
            raise missing_object(sha256)
        return data

    def _range(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            position, offset = divmod(start, _CHUNK_BYTES)
            chunk = self._chunk(sha256, position)[offset : offset + end - start]
            start += len(chunk)
            yield chunk


def _copy(chunks: Iterable[bytes], into: IO[bytes]) -> ObjectKey:
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    for chunk in chunks:
        into.write(chunk)
        sha256.update(chunk)
        md5.update(chunk)
        size += len(chunk)
    return ObjectKey(sha256=sha256.hexdigest(), md5=md5.hexdigest(), size_bytes=size)


@contextmanager
def _plain_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(_FULL) from exc
        raise
    except OperationalError as exc:
        if getattr(exc.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFull(_FULL) from exc
        raise
