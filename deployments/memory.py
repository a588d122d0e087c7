"""How much memory processes use, where the system says so (Linux)."""

import os
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 when it has ended, or the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def machine_bytes() -> int:
    """Return the memory that this machine, or the container around this process, has."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
    except OSError:
        return installed
    return min(installed, int(limit)) if limit.isdigit() else installed
