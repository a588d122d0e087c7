"""Working files of processes that are gone, and what those left running."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage import scratch

pytestmark = pytest.mark.usefixtures("home")


def test_a_process_has_one_folder() -> None:
    assert scratch.process_folder() == scratch.process_folder(os.getpid())
    assert scratch.process_folder().is_dir()


def test_a_sweep_removes_what_the_dead_left_and_ends_what_they_started() -> None:
    leader = (
        "import os, subprocess, sys\nos.setpgid(0, 0)\n"
        "print(subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL).pid, flush=True)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", leader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    program = int(process.stdout.readline())
    (scratch.process_folder(process.pid) / "clip.mp4").write_bytes(b"half a clip")
    with scratch.noted("a-run"):
        (note,) = scratch.process_folder().iterdir()
        note.rename(scratch.process_folder(process.pid) / note.name)
    assert scratch.sweep() == []
    assert scratch.process_folder(process.pid).joinpath("clip.mp4").exists(), "its owner is alive"
    process.kill()
    process.communicate()
    folder = scratch.process_folder(process.pid)
    assert scratch.sweep() == ["a-run"]
    assert not folder.exists()
    deadline = time.monotonic() + 5
    while _is_running(program) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_running(program)


def test_a_sweep_leaves_other_hosts_and_other_folders_alone(home: Path) -> None:
    others = [home / "scratch" / name for name in (f"elsewhere-{2**22 + 1}", f"{socket.gethostname()}-prefect-x1")]
    for other in others:
        other.mkdir(parents=True)
    scratch.sweep()
    assert all(other.is_dir() for other in others)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False
