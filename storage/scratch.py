"""Working files: a folder for each process, so that what a killed one leaves can be told from what is in use."""

import contextlib
import os
import shutil
import signal
import socket
from pathlib import Path

from settings import get_settings


def process_folder(pid: int | None = None) -> Path:
    """Return the scratch folder of a process of this host, by default of this one; it is made when missing."""
    folder = get_settings().scratch_dir / f"{_host()}-{pid or os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def discard(pid: int) -> None:
    """Remove the working files of a process of this host that has ended."""
    shutil.rmtree(get_settings().scratch_dir / f"{_host()}-{pid}", ignore_errors=True)


def sweep() -> None:
    """Remove the working files of all processes of this host that have ended, and end what they started.

    A process that led a group may have left programs in it (an ffmpeg). Its number cannot have been given to another
    process meanwhile: the kernel keeps it for as long as the group has a member.
    """
    prefix = f"{_host()}-"
    for folder in get_settings().scratch_dir.glob(f"{prefix}*"):
        number = folder.name.removeprefix(prefix)
        if number.isdigit() and not _is_alive(int(number)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(number), signal.SIGKILL)
            discard(int(number))


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
