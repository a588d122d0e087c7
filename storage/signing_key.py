"""The key that sessions are signed with."""

import contextlib
import os
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path

from settings import get_settings

_FILE = "secret_key"
_BYTES = 32  # as long as what HMAC-SHA-256 gives, the least that RFC 7518 §3.2 allows


def signing_key() -> bytes:
    """Return SECRET_KEY, or the key that was made at the first start and is kept in the data directory."""
    settings = get_settings()
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().strip().encode()
    return _kept_key(settings.data_dir / _FILE)


@lru_cache(maxsize=8)
def _kept_key(path: Path) -> bytes:
    """Read the key, making it first if need be. Processes that start together agree: a link is made by one only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE}-")  # readable by its owner alone
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
    return path.read_text().encode()
