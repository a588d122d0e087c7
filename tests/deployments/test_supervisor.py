"""Parts that start together and end together, with small programs as parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.supervisor import Interrupted, Part, Supervisor, run_parts, supervised
from models.errors import ProcessingFailed

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0

READY = "import os, sys, time\nfrom deployments import lifeline\nlifeline.hold(lambda: None)\nlifeline.say_ready()\n"
PROGRAMS = {
    "willing": READY + "time.sleep(600)",
    "stubborn": READY.replace("import os", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nimport os")
    + "time.sleep(600)",
    "parent": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    + READY
    + "time.sleep(600)",
    "brief": "print('no such luck', flush=True)",
    "mortal": READY + "time.sleep(0.5)",
    "silent": "import time; time.sleep(600)",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name, program in PROGRAMS.items():
        (tmp_path / f"{name}_part.py").write_text(program)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))), "MARK": str(tmp_path)}


@pytest.fixture
def supervisor(environment: dict[str, str], tmp_path: Path) -> Iterator[Supervisor]:
    with supervised(tmp_path / "logs", environment) as supervisor:
        yield supervisor


def part(name: str) -> Part:
    return Part(name, f"the {name} part", f"{name}_part")


def living(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environ = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"MARK={folder}".encode() in environ and command:
            found.append(command)
    return found


def gone_within(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while living(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(folder)


def test_all_are_ready_and_all_end(environment: dict[str, str], tmp_path: Path) -> None:
    with supervised(tmp_path / "logs", environment) as supervisor:
        run_parts([part("willing"), part("parent")], supervisor, TIMEOUT_S)
        assert len(living(tmp_path)) == 3
    assert gone_within(tmp_path, 5), living(tmp_path)


def test_one_that_cannot_start_is_named_with_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ProcessingFailed, match="the brief part ended") as error:
        run_parts([part("silent"), part("brief")], supervisor, TIMEOUT_S)
    log = tmp_path / "logs" / "brief.log"
    assert str(log) in str(error.value)
    assert log.read_text() == "no such luck\n"


def test_a_log_that_has_grown_is_set_aside(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.supervisor._LOG_BYTES", 10)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "willing.log").write_text("many words of earlier")
    run_parts([part("willing")], supervisor, TIMEOUT_S)
    assert (logs / "willing.old.log").read_text() == "many words of earlier"
    assert (logs / "willing.log").read_text() == ""


def test_one_that_never_answers_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(ProcessingFailed, match="the silent part did not answer"):
        run_parts([part("silent")], supervisor, 1.0)


def test_one_that_dies_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    run_parts([part("willing"), part("mortal")], supervisor, TIMEOUT_S)
    said: list[str] = []

    def note(sentence: str) -> None:
        said.append(sentence)
        if len(said) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        supervisor.wait(note)
    assert set(said) == {
        f"the mortal part ended by itself and is started again; {tmp_path / 'logs' / 'mortal.log'} says why"
    }
    assert sum("willing" in command for command in living(tmp_path)) == 1


def test_when_one_dies_again_and_again_the_others_end(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.supervisor._MOST_RESTARTS", 1)
    with (
        pytest.raises(ProcessingFailed, match="the mortal part ended by itself"),
        supervised(tmp_path / "logs", environment) as supervisor,
    ):
        run_parts([part("willing"), part("mortal")], supervisor, TIMEOUT_S)
        supervisor.wait(print)
    assert gone_within(tmp_path, 5), living(tmp_path)


def test_a_signal_ends_the_waiting(supervisor: Supervisor) -> None:
    run_parts([part("willing")], supervisor, TIMEOUT_S)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted):
        supervisor.wait(print)


def test_one_that_does_not_want_to_end_is_killed_with_its_children(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.supervisor._STOP_TIMEOUT_S", 0.5)
    with supervised(tmp_path / "logs", environment) as supervisor:
        run_parts([part("stubborn"), part("parent")], supervisor, TIMEOUT_S)
    assert gone_within(tmp_path, 5)


def test_the_supervisors_own_death_ends_all(environment: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import os, pathlib\nfrom deployments.supervisor import *\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "with supervised(folder / 'logs', os.environ) as supervisor:\n"
        "    parts = [Part(name, name, name + '_part') for name in ('willing', 'stubborn', 'parent')]\n"
        f"    run_parts(parts, supervisor, {TIMEOUT_S})\n"
        "    print('ready', flush=True)\n"
        "    supervisor.wait(print)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert len(living(tmp_path)) == 5
    process.kill()
    process.communicate()
    assert gone_within(tmp_path, 15), living(tmp_path)
