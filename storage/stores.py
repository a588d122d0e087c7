"""Which object store is in use: explicit, lazy, exhaustive."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from models.errors import NotConfigured
from settings import get_settings
from storage.objects import ObjectStore


def object_store(url: str, data_dir: Path) -> ObjectStore:
    """Return the store that ``url`` names.

    ``file://`` alone means ``objects/`` in the data directory, ``db://`` the database that the settings name.
    Raises NotConfigured for a scheme that is not supported.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            from storage.local_objects import FileObjectStore

            path = unquote(parts.netloc + parts.path)
            return FileObjectStore(Path(path) if path else data_dir / "objects")
        case "db" if not parts.netloc + parts.path:
            from storage.database import get_database
            from storage.db_objects import DatabaseObjectStore

            return DatabaseObjectStore(get_database(), data_dir / "scratch")
        case other:
            raise NotConfigured(f"STORAGE_URL: {other or url!r} is not supported; use file:// or db://")


@lru_cache
def _object_store(url: str, data_dir: Path) -> ObjectStore:
    return object_store(url, data_dir)


def get_object_store() -> ObjectStore:
    """Return the object store that the settings name; one per process."""
    settings = get_settings()
    return _object_store(settings.storage_url, settings.data_dir)
