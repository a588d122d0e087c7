"""Private folders for files that a step needs only while it works."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from settings import get_settings


def scratch_folder(stack: ExitStack, purpose: str) -> Path:
    """Return an empty folder in the data directory that is gone when ``stack`` closes, come what may."""
    place = get_settings().scratch_dir
    place.mkdir(parents=True, exist_ok=True)
    return Path(stack.enter_context(TemporaryDirectory(prefix=f"{purpose}-", dir=place)))
