"""`atelier run`, as a user meets it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
Pictures = Callable[..., list[Path]]


def atelier(*arguments: object, folder: Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from cli import main; main()", *map(str, arguments)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "ATELIER_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "ATELIER_HOME": str(folder / "home"), "COLUMNS": "200"}


def new_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith("pictures-")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["photo 1.jpg"], "at least 2 different photos, found 1"),
        ([], "name the photos"),
        (["empty"], "at least 2 different photos, found 0"),
        (["absent.jpg", "photo 1.jpg"], "absent.jpg: there is no such file"),
        (["photo 1.jpg", "photo 2.jpg", "-o", "nowhere/film.mp4"], "there is no folder"),
        (["photo 1.jpg", "photo 2.jpg", "-o", "film.gif"], "ends in .mp4"),
        (["photo 1.jpg", "photo 2.jpg", "--fps", "31"], "choose 24, 25 or 30"),
        (["photo 1.jpg", "--job", "3"], "leave the photos out"),
        (["photo 1.jpg", "photo 2.jpg", "--seconds", "0"], "--seconds"),
        (["photo 1.jpg", "photo 2.jpg", "--aspect", "2:1"], "--aspect"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(
    make_pictures: Pictures, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    folder = make_pictures(2)[0].parent
    (folder / "empty").mkdir()
    before = set(folder.iterdir())
    done = atelier("run", "image-pairs", *arguments, folder=folder)
    assert done.returncode == 2, done.stderr
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert set(folder.iterdir()) == before


@pytest.mark.slow
def test_a_property_video_asks_before_it_renders(make_pictures: Pictures, tmp_path: Path) -> None:
    options = ("--types", "bedroom, Sea View", "--seconds", 0.5, "--transitions", "-o", "villa.mp4")
    asked = atelier("run", "property-video", *make_pictures(4), *options, folder=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert "atelier run property-video --job 1 -o villa.mp4" in asked.stdout
    assert {"Bedroom", "Sea View"} <= set(re.findall(r"│ \d+ │ (.*?) +│", asked.stdout))


@pytest.mark.slow
def test_photos_become_a_film(make_pictures: Pictures, tmp_path: Path) -> None:
    photos = make_pictures(4, size=(320, 240))
    options = ("-o", "ad.mp4", "--seconds", 0.5, "--aspect", "4:5", "--fps", 25)
    asked = atelier("run", "image-pairs", *photos, *options, folder=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert "not rendered" in asked.stdout
    assert not (tmp_path / "ad.mp4").exists()
    with Image.open(tmp_path / "ad.storyboard.jpg") as sheet:
        assert sheet.width > 600

    done = atelier("run", "image-pairs", "--job", 1, "--approve", "-o", "ad.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("ad.mp4", "ad.storyboard.jpg", "ad.contact-sheet.jpg"):
        assert name in done.stdout
        assert (tmp_path / name).is_file()
    with av.open(str(tmp_path / "ad.mp4")) as film:
        frames = [(frame.width, frame.height) for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 25
    assert frames == [(720, 900)] * 2 * round(0.5 * 25)

    again = atelier("run", "image-pairs", "--job", 1, "-o", "copy.mp4", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "copy.mp4").read_bytes() == (tmp_path / "ad.mp4").read_bytes()


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_the_job_goes_on_later(make_pictures: Pictures, tmp_path: Path) -> None:
    photos = make_pictures(4, size=(320, 240))
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli import main; main()", "run", "image-pairs", *map(str, photos), "--approve",
         "-o", "ad.mp4", "--seconds", "30"],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_for_rendering(tmp_path, process)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "--job 1" in said
    assert not (tmp_path / "ad.mp4").exists()
    assert list((tmp_path / "home" / "scratch").iterdir()) == []
    assert processes_of(tmp_path) == []

    import sqlite3

    with sqlite3.connect(tmp_path / "home" / "scenes.db") as database:
        database.execute("UPDATE scenes SET duration_s = 0.5")
    database.close()
    done = atelier("run", "image-pairs", "--job", 1, "-o", "ad.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ad.mp4").is_file()


def wait_for_rendering(folder: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(1800):
        if list((folder / "home").glob("scratch/*/render-*/.*.partial.mp4")):
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    pytest.fail("rendering did not start within 180 s")


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of living processes that were started for this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environ = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"ATELIER_HOME={folder}".encode() in environ and command:
            found.append(command)
    return found
