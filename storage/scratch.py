"""Working files: a folder for each process, so that what a killed one leaves can be told from what is in use."""

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from settings import get_settings

_NOTE = "run-"


def process_folder(pid: int | None = None) -> Path:
    """Return the scratch folder of a process of this host, by default of this one; it is made when missing."""
    folder = get_settings().scratch_dir / f"{_host()}-{pid or os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def discard(pid: int) -> None:
    """Remove the working files of a process of this host that has ended."""
    shutil.rmtree(get_settings().scratch_dir / f"{_host()}-{pid}", ignore_errors=True)


@contextmanager
def noted(flow_run_id: str) -> Iterator[None]:
    """Note while the block lasts that this process sees to a run, so that its death tells which runs died with it."""
    note = process_folder() / f"{_NOTE}{flow_run_id}"
    note.touch()
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def sweep() -> list[str]:
    """Remove the working files of all processes of this host that have ended; return the runs that they saw to.

    What they started is ended: a process that led a group may have left programs in it (an ffmpeg). Its number cannot
    have been given to another process meanwhile; the kernel keeps it for as long as the group has a member.
    """
    prefix, runs = f"{_host()}-", list[str]()
    for folder in get_settings().scratch_dir.glob(f"{prefix}*"):
        number = folder.name.removeprefix(prefix)
        if number.isdigit() and not _is_alive(int(number)):
            runs += [note.name.removeprefix(_NOTE) for note in folder.glob(f"{_NOTE}*")]
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(number), signal.SIGKILL)
            discard(int(number))
    return runs


def _host() -> str:
    return socket.gethostname()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
