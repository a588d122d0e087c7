"""Taking a file in: cleaned, stored, and with a small picture of it."""

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from media.clean import cleaned
from media.thumbnail import write_thumbnail
from models.errors import InvalidMedia, ProcessingFailed
from models.media import MediaFacts, Size
from settings import get_settings
from storage.objects import ObjectKey, file_chunks
from storage.stores import get_object_store

THUMBNAIL_SIZE = Size(320, 240)
THUMBNAIL_CONTENT_TYPE = "image/jpeg"
_decoding = threading.BoundedSemaphore(2)  # the largest pictures take over a gigabyte each while they are decoded


class KeptFile(NamedTuple):
    """A file that the object store has taken: its key, the facts about what was stored, its thumbnail if it has one."""

    key: ObjectKey
    facts: MediaFacts
    thumbnail: ObjectKey | None


def keep_file(path: Path, facts: MediaFacts) -> KeptFile:
    """Store the file at ``path``, which was found to be ``facts``, and its thumbnail. Call it outside transactions.

    What is stored holds no position and nothing behind the picture's end (``media.clean``). Raises InvalidMedia for a
    picture that cannot be decoded, and StorageFull. A film without a thumbnail is stored all the same.
    """
    with ThreadPoolExecutor(1) as decoder:
        looking = decoder.submit(keep_thumbnail, path, facts.kind)
        key = get_object_store().put(_unless_refused(cleaned(path, facts.format), looking, facts.kind))
    thumbnail = looking.result() if looking.exception() is None else None
    return KeptFile(key, facts.model_copy(update={"size_bytes": key.size_bytes}), thumbnail)


def _unless_refused(chunks: Iterator[bytes], looking: "Future[ObjectKey | None]", kind: str) -> Iterator[bytes]:
    """Pass the bytes on while the decoder works beside, and wait for it before the end: what it refuses is not stored.

    No scene could be made of a picture that cannot be decoded, and whoever brought it should know now; a film may do
    without a thumbnail.
    """
    yield from chunks
    error = looking.exception()
    if error is not None and not (kind == "video" and isinstance(error, InvalidMedia | ProcessingFailed)):
        raise error


def keep_thumbnail(path: Path, kind: str) -> ObjectKey | None:
    """Store a JPEG of a picture or film, at most 320 × 240 pixels; None for what has no looks.

    Raises InvalidMedia when it cannot be decoded.
    """
    if kind not in ("image", "video"):
        return None
    scratch = get_settings().scratch_dir
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        small = Path(folder) / "thumbnail.jpg"
        with _decoding:
            write_thumbnail(path, small, THUMBNAIL_SIZE)
        return get_object_store().put(file_chunks(small))
