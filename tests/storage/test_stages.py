"""The stage cache: what was made is not made twice."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from models.columns import utc_now
from models.errors import ProcessingFailed
from models.objects import StoredObject
from models.stages import StageResult
from storage import stages
from storage.database import get_database
from storage.objects import record_object
from storage.stages import StoredPieces
from storage.stores import get_object_store

pytestmark = pytest.mark.usefixtures("home")
INPUTS = {"clips": ["a", "b"], "fps": 30}


class Maker:
    """Writes a file, counts how often, and remembers where."""

    def __init__(self, data: bytes = b"made") -> None:
        self.data, self.places = data, list[Path]()

    def __call__(self, path: Path) -> None:
        self.places.append(path)
        path.write_bytes(self.data)


def piece(maker: Callable[[Path], None], stage: str = "join/1", **changes: object) -> bytes:
    with StoredPieces().piece(stage, {**INPUTS, **changes}, maker) as path:
        return path.read_bytes()


def rows() -> list[StageResult]:
    with get_database().read() as session:
        return list(session.exec(select(StageResult)))


def test_the_same_inputs_are_made_once() -> None:
    maker = Maker()
    assert [piece(maker), piece(Maker(b"other"))] == [b"made", b"made"]
    assert piece(Maker(b"other"), **dict(reversed(INPUTS.items()))) == b"made", "the order of keys decides nothing"
    (path,) = maker.places
    assert path.suffix == ".mp4"
    assert not path.parent.exists(), "the private folder is gone"
    (row,) = rows()
    with get_database().read() as session:
        assert session.get_one(StoredObject, row.object_sha256).content_type == "video/mp4"


@pytest.mark.parametrize(("stage", "changes"), [("join/2", {}), ("join/1", {"fps": 25}), ("join/1", {"more": None})])
def test_another_stage_or_input_is_another_result(stage: str, changes: dict[str, object]) -> None:
    piece(Maker())
    assert piece(Maker(b"other"), stage, **changes) == b"other"
    assert piece(Maker(b"never")) == b"made"


def lose(sha256: str) -> None:
    get_object_store().delete(sha256)


def truncate(sha256: str) -> None:
    with get_object_store().local_file(sha256) as path:
        path.chmod(0o600)
        path.write_bytes(b"m")


@pytest.mark.parametrize("harm", [lose, truncate])
def test_what_has_lost_bytes_is_made_again(harm: Callable[[str], None]) -> None:
    piece(Maker())
    harm(rows()[0].object_sha256)
    assert piece(Maker(b"anew")) == b"anew"
    assert piece(Maker(b"never")) == b"anew"
    assert len(rows()) == 1


def test_what_could_not_be_made_is_not_remembered(home: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ProcessingFailed("the encoder failed")

    with pytest.raises(ProcessingFailed):
        piece(fail)
    assert rows() == []
    assert [path for path in (home / "scratch").rglob("*") if path.is_file()] == []
    assert piece(Maker()) == b"made"


def test_an_error_of_the_user_of_a_piece_passes() -> None:
    with pytest.raises(ProcessingFailed, match="later"), StoredPieces().piece("join/1", INPUTS, Maker()):
        raise ProcessingFailed("later")
    assert len(rows()) == 1


def test_simultaneous_makers_all_succeed() -> None:
    together, got = threading.Barrier(6), list[bytes]()

    def make(number: int) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            together.wait(30)
            path.write_bytes(b"made by %d" % number)

        return write

    threads = [threading.Thread(target=lambda n=n: got.append(piece(make(n)))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    (row,) = rows()
    with get_object_store().local_file(row.object_sha256) as path:
        assert path.read_bytes() in got


@pytest.fixture
def two_objects() -> list[str]:
    keys = [get_object_store().put([data]) for data in (b"one", b"two")]
    with get_database().write() as session:
        for key in keys:
            record_object(session, key, "video/mp4")
    return [key.sha256 for key in keys]


def test_the_last_result_stays_with_its_facts(two_objects: list[str]) -> None:
    for number, sha256 in enumerate(two_objects):
        with get_database().write() as session:
            stages.keep(session, "clip/1", INPUTS, sha256, {"number": number})
    found = stages.standing("clip/1", INPUTS)
    assert found is not None
    assert (found.object_sha256, found.facts) == (two_objects[1], {"number": 1})
    assert stages.standing("clip/2", INPUTS) is None


def test_use_is_noted_once_a_day(two_objects: list[str]) -> None:
    with get_database().write() as session:
        stages.keep(session, "clip/1", INPUTS, two_objects[0])
    (fresh,) = rows()
    stages.standing("clip/1", INPUTS)
    assert rows()[0].used_at == fresh.used_at
    with get_database().write() as session:
        old = session.get_one(StageResult, fresh.key)
        old.used_at = utc_now() - timedelta(days=2)
        session.add(old)
    stages.standing("clip/1", INPUTS)
    assert utc_now() - rows()[0].used_at < timedelta(days=1)
