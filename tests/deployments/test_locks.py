"""Locks that live exactly as long as their holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.locks import Taken, held, holder_note

ROOT = Path(__file__).parents[2]


def test_the_holder_is_alone_and_says_who_it_is(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "a.lock"
    assert holder_note(lock) is None
    with held(lock, "me"):
        assert holder_note(lock) == "me"
        with pytest.raises(Taken) as taken, held(lock, "you"):
            pytest.fail("two hold it")
        assert taken.value.note == "me"
        assert holder_note(lock) == "me"
    assert holder_note(lock) is None
    with held(lock, "x"):
        assert holder_note(lock) == "x"


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import pathlib, time\nfrom deployments.locks import held\n"
        f"with held(pathlib.Path({str(tmp_path)!r}) / 'a.lock', 'other'):\n"
        "    print('held', flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert holder_note(tmp_path / "a.lock") == "other"
    process.kill()
    process.communicate()
    assert holder_note(tmp_path / "a.lock") is None
