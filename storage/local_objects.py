"""Objects as files in one folder."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from models.errors import StorageFull
from storage.objects import CHUNK_BYTES, ObjectKey, missing_object


class FileObjectStore:
    """Objects as files in one folder: ``ab/cdef…``, the SHA-256 split after two digits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, chunks: Iterable[bytes]) -> ObjectKey:
        """Write beside the final place, then rename: a name in the store always stands for whole bytes."""
        incoming = self._root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        part = incoming / uuid4().hex
        try:
            key = self._write(part, chunks)
            place = self._place(key.sha256)
            place.parent.mkdir(exist_ok=True)
            part.replace(place)
            _sync_folder(place.parent)
            return key
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"no space left in {self._root}; free some and try again") from exc
            raise
        finally:
            part.unlink(missing_ok=True)

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Look at once, so that a missing object is an error here and not in the middle of a response."""
        size = self.size(sha256)
        return _range(self._place(sha256), start, size if end is None else min(end, size))

    def size(self, sha256: str) -> int:
        """Return the file's size."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError as exc:
            raise missing_object(sha256) from exc

    def delete(self, sha256: str) -> None:
        """Remove the file."""
        self._place(sha256).unlink(missing_ok=True)

    @contextmanager
    def local_file(self, sha256: str) -> Iterator[Path]:
        """Give the stored file itself; it is write-protected."""
        place = self._place(sha256)
        if not place.is_file():
            raise missing_object(sha256)
        yield place

    def _write(self, part: Path, chunks: Iterable[bytes]) -> ObjectKey:
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                sha256.update(chunk)
                md5.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o444)
        return ObjectKey(sha256=sha256.hexdigest(), md5=md5.hexdigest(), size_bytes=size)

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise missing_object(sha256)
        return self._root / sha256[:2] / sha256[2:]


def _range(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable: a row that names the object is committed next and must not outlive it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
