"""Taking a file in: cleaned, stored, and with a small picture of it."""

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
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
    thumbnail = None
    # The decoder and the disk take about as long as each other, so they work side by side. Bytes that were stored for a
    # picture that is then refused are referred to by nothing, and are collected.
    with ThreadPoolExecutor(1) as disk:
        storing = disk.submit(get_object_store().put, cleaned(path, facts.format))
        try:
            thumbnail = keep_thumbnail(path, facts.kind)
        except (InvalidMedia, ProcessingFailed):
            if facts.kind == "image":
                raise  # no scene could be made of it either, and whoever brought it should know now
        key = storing.result()
    return KeptFile(key, facts.model_copy(update={"size_bytes": key.size_bytes}), thumbnail)


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
