"""What every object store must do."""

import errno
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import NotConfigured, NotFound, StorageFull
from storage.objects import ObjectStore, file_chunks, object_store

STORES = ["file"]
ABSENT = "0" * 64


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return object_store({"file": f"file://{tmp_path}/objects"}[request.param], tmp_path)


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
    chunks = list(store.read(put(store, b"x" * 3_000_000)))
    assert len(chunks) > 3
    assert max(map(len, chunks)) <= 1_000_000


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


def test_a_source_that_fails_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the line went dead")

    with pytest.raises(RuntimeError):
        store.put(broken())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_simultaneous_puts_of_the_same_bytes(store: ObjectStore) -> None:
    data, keys = b"together" * 100_000, []
    threads = [threading.Thread(target=lambda: keys.append(put(store, data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert b"".join(store.read(keys[0])) == data


def test_full_disk_is_said_plainly(tmp_path: Path) -> None:
    def full() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull, match="no space left"):
        object_store(f"file://{tmp_path}/objects", tmp_path).put(full())


def test_default_place_is_in_the_data_directory(tmp_path: Path) -> None:
    put(object_store("file://", tmp_path), b"here")
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


def test_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="STORAGE_URL"):
        object_store("ftp://example.org", tmp_path)


def test_file_chunks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"z" * 700_000)
    assert b"".join(file_chunks(file)) == b"z" * 700_000
