"""Private folders for files that a step needs only while it works."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.scratch import process_folder


def scratch_folder(stack: ExitStack, purpose: str) -> Path:
    """Return an empty folder in the data directory that is gone when ``stack`` closes, or after the process's death."""
    return Path(stack.enter_context(TemporaryDirectory(prefix=f"{purpose}-", dir=process_folder())))
