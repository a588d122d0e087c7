"""The line between a part and whoever started it: no part outlives its parent.

A part's standard input is one end of a pipe or socket whose other end only its parent holds. End-of-file there means
that the parent is gone, in whatever way; the part then stops, and its process group with it. On a socket the part
also says that it is ready. A part that was started by hand, with a terminal or nothing as its input, has no line.
"""

import contextlib
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable

READY = b"ready\n"
_GRACE_S = 4.0


def hold(stop: Callable[[], None] | None = None) -> None:
    """Watch the line in the background. At its end call ``stop``, then, after a grace, kill the own process group.

    Without ``stop`` the group is killed at once. A process that does not lead its group ends alone.
    """
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_watch, args=(descriptor, stop), name="lifeline", daemon=True).start()


def say_ready() -> None:
    """Tell the parent, if it listens, that this part answers."""
    descriptor = sys.stdin.fileno()
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        with contextlib.suppress(OSError):
            os.write(descriptor, READY)


def _watch(descriptor: int, stop: Callable[[], None] | None) -> None:
    with contextlib.suppress(OSError):  # a line that cannot be read any more has ended
        while os.read(descriptor, 1024):
            pass
    if stop is not None:
        stop()
        time.sleep(_GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
