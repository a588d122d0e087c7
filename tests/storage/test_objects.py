"""What every object store must do."""

import errno
import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from models.errors import NotConfigured, NotFound, StorageFull
from models.objects import ObjectChunk
from storage.database import get_database
from storage.objects import ObjectStore, file_chunks
from storage.stores import object_store

STORES = ["file", "db"]
ABSENT = "0" * 64


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> ObjectStore:
    return object_store({"file": f"file://{tmp_path}/objects", "db": "db://"}[request.param], tmp_path)


def left_behind(folder: Path) -> list[Path | ObjectChunk]:
    """Return every file and every chunk that is there."""
    with get_database().read() as session:
        chunks = session.exec(select(ObjectChunk)).all()
    return [*chunks, *(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("scenes.db"))]


def put(store: ObjectStore, data: bytes) -> str:
    return store.put([data]).sha256


def test_key_is_the_content_hash(store: ObjectStore) -> None:
    key = store.put([b"one ", b"", b"two"])
    assert key.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert key.md5 == hashlib.md5(b"one two").hexdigest()
    assert key.size_bytes == store.size(key.sha256) == 7


def test_bytes_come_back(store: ObjectStore) -> None:
    data = bytes(range(256)) * 5000
    assert b"".join(store.read(put(store, data))) == data


def test_empty_object(store: ObjectStore) -> None:
    assert b"".join(store.read(put(store, b""))) == b""


def test_large_objects_come_in_chunks(store: ObjectStore) -> None:
    chunks = list(store.read(put(store, b"x" * 5_000_000)))
    assert len(chunks) > 3
    assert max(map(len, chunks)) <= 1024 * 1024


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 3, b"012"), (3, 6, b"345"), (7, None, b"789"), (8, 100, b"89"), (10, None, b""), (4, 4, b"")],
)
def test_ranges(store: ObjectStore, start: int, end: int | None, expected: bytes) -> None:
    assert b"".join(store.read(put(store, b"0123456789"), start, end)) == expected


def test_a_range_crosses_chunks(store: ObjectStore) -> None:
    data = bytes(range(256)) * 8192
    assert b"".join(store.read(put(store, data), 262_000, 800_001)) == data[262_000:800_001]


def test_same_bytes_are_one_object(store: ObjectStore) -> None:
    assert put(store, b"same") == put(store, b"same")
    store.delete(put(store, b"same"))
    with pytest.raises(NotFound):
        store.size(hashlib.sha256(b"same").hexdigest())


def test_missing_object_is_an_error_at_the_call(store: ObjectStore) -> None:
    for call in (store.read, store.size):
        with pytest.raises(NotFound, match="no stored object"):
            call(ABSENT)
    with pytest.raises(NotFound), store.local_file(ABSENT):
        pass


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 63 + "/"])
def test_a_key_is_never_a_path(store: ObjectStore, key: str) -> None:
    with pytest.raises(NotFound):
        store.read(key)


def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    key = put(store, b"gone")
    store.delete(key)
    store.delete(key)


def test_local_file_has_the_bytes(store: ObjectStore) -> None:
    with store.local_file(put(store, b"for a tool")) as path:
        assert path.read_bytes() == b"for a tool"
        assert path.stat().st_mode & 0o222 == 0


def test_a_source_that_fails_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the line went dead")

    with pytest.raises(RuntimeError):
        store.put(broken())
    assert left_behind(tmp_path) == []


def test_simultaneous_puts_of_the_same_bytes(store: ObjectStore) -> None:
    data, keys = b"together" * 100_000, []
    threads = [threading.Thread(target=lambda: keys.append(put(store, data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert b"".join(store.read(keys[0])) == data


def test_the_same_bytes_are_stored_once(store: ObjectStore, tmp_path: Path) -> None:
    put(store, b"once")
    before = len(left_behind(tmp_path))
    put(store, b"once")
    assert len(left_behind(tmp_path)) == before


def test_deleting_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    key = put(store, b"a" * 2_000_000)
    with store.local_file(key) as path:
        assert path.stat().st_size == 2_000_000
    store.delete(key)
    assert left_behind(tmp_path) == []


def test_what_is_put_while_it_is_deleted_is_whole_or_gone(store: ObjectStore) -> None:
    data = bytes(range(256)) * 6000
    key, stop = put(store, data), threading.Event()

    def remove() -> None:
        while not stop.is_set():
            store.delete(key)

    remover = threading.Thread(target=remove)
    remover.start()
    for _ in range(20):
        put(store, data)
    stop.set()
    remover.join()
    with suppress(NotFound):
        assert b"".join(store.read(key)) == data
    put(store, data)
    assert b"".join(store.read(key)) == data


def test_full_disk_is_said_plainly(store: ObjectStore) -> None:
    def full() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull, match="no space left"):
        store.put(full())


def test_full_database_is_said_plainly(home: Path, tmp_path: Path) -> None:
    connection = get_database().engine.connect()
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 200}")
    connection.close()  # back to the pool, from which the store takes it
    store = object_store("db://", tmp_path)
    with pytest.raises(StorageFull, match="no space left"):
        put(store, b"a" * 3_000_000)
    with pytest.raises(NotFound):
        store.read(hashlib.sha256(b"a" * 3_000_000).hexdigest())


def test_a_range_reads_only_its_chunks(home: Path, tmp_path: Path) -> None:
    store = object_store("db://", tmp_path)
    key = put(store, b"b" * 5_000_000)
    with get_database().write() as session:
        session.execute(delete(ObjectChunk).where(col(ObjectChunk.position) == 0))
    assert b"".join(store.read(key, 4_000_000, 4_000_010)) == b"b" * 10
    with pytest.raises(NotFound):
        b"".join(store.read(key))


def test_default_place_is_in_the_data_directory(tmp_path: Path) -> None:
    put(object_store("file://", tmp_path), b"here")
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


def test_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="STORAGE_URL"):
        object_store("ftp://example.org", tmp_path)
    with pytest.raises(NotConfigured, match="STORAGE_URL"):
        object_store("db://elsewhere", tmp_path)


def test_file_chunks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"z" * 700_000)
    assert b"".join(file_chunks(file)) == b"z" * 700_000
