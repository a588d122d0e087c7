"""The stage cache: what was made is found again by its inputs, whoever asks, instead of being made twice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models.columns import utc_now
from models.errors import NotFound
from models.objects import StoredObject
from models.stages import StageResult
from storage.canonical import canonical_hash
from storage.database import get_database
from storage.objects import file_chunks, record_object
from storage.scratch import process_folder
from storage.stores import get_object_store

_USE_INTERVAL = timedelta(days=1)


def find(session: Session, stage: str, inputs: Mapping[str, Any]) -> StageResult | None:
    """Return what the stage gave for these inputs, which are JSON; its bytes may be gone since."""
    return session.get(StageResult, _key(stage, inputs))


def keep(
    session: Session, stage: str, inputs: Mapping[str, Any], object_sha256: str, facts: Mapping[str, Any] | None = None
) -> StageResult:
    """Remember what the stage gave for these inputs, in place of what was remembered before.

    The object must be recorded. Of several that keep at the same time each succeeds, and the last one's result stays.
    """
    row = StageResult(key=_key(stage, inputs), stage=stage, object_sha256=object_sha256, facts=dict(facts or {}))
    try:
        with session.begin_nested():
            return session.merge(row)
    except IntegrityError:  # PostgreSQL: another one's row appeared after it was looked for
        return session.merge(row)


def standing(stage: str, inputs: Mapping[str, Any]) -> StageResult | None:
    """Return what the stage gave for these inputs if the object store still has all of its bytes. Notes the use."""
    with get_database().read() as session:
        row = find(session, stage, inputs)
        known = session.get(StoredObject, row.object_sha256) if row else None
    if row is None or known is None or not _is_whole(known):
        return None
    if utc_now() - row.used_at > _USE_INTERVAL:
        with get_database().write() as session:
            if noted := session.get(StageResult, row.key, with_for_update=True):
                noted.used_at = utc_now()
                session.add(noted)
    return row


def stored(
    stage: str, inputs: Mapping[str, Any], make: Callable[[Path], None], *, file_name: str, content_type: str
) -> StoredObject:
    """Return the object that the stage gave for these inputs.

    What was never made, or has lost its bytes, is made now: ``make`` writes it to a file of that name in a private
    folder. Raises what ``make`` raises, and StorageFull.
    """
    made = standing(stage, inputs)
    if made is not None:
        with get_database().read() as session:
            return session.get_one(StoredObject, made.object_sha256)
    with TemporaryDirectory(prefix="stage-", dir=process_folder()) as folder:
        path = Path(folder) / file_name
        make(path)
        key = get_object_store().put(file_chunks(path))
    with get_database().write() as session:
        row = record_object(session, key, content_type)
        keep(session, stage, inputs, key.sha256)
        return row


class StoredPieces:
    """Keeps the parts of films in the object store, for whichever film needs them again."""

    @contextmanager
    def piece(self, stage: str, inputs: Mapping[str, Any], make: Callable[[Path], None]) -> Iterator[Path]:
        """Give the MP4 file that ``make`` writes; one made before of the same stage and inputs is given instead.

        The file is read-only and there for as long as the block lasts.
        """
        row = stored(stage, inputs, make, file_name="piece.mp4", content_type="video/mp4")
        with get_object_store().local_file(row.sha256) as path:
            yield path


def _key(stage: str, inputs: Mapping[str, Any]) -> str:
    return canonical_hash({"stage": stage, "inputs": dict(inputs)})


def _is_whole(known: StoredObject) -> bool:
    try:
        return get_object_store().size(known.sha256) == known.size_bytes
    except NotFound:
        return False
