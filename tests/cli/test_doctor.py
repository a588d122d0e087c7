"""`atelier doctor`: what it finds and what it says."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from settings import get_settings


@pytest.fixture(autouse=True)
def _fresh_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATELIER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()


def test_a_complete_installation(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    for subject in ("ffmpeg", "prefect", "planner", "template", "video", "local"):
        assert subject in done.output
    assert not (tmp_path / "home").exists(), "looking changes nothing"


def test_a_wrong_ffmpeg_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFMPEG", "/nowhere/ffmpeg")
    get_settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "FFMPEG=/nowhere/ffmpeg" in done.output


def test_an_ffmpeg_that_cannot_encode_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ffmpeg version 0.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("FFMPEG", str(program))
    get_settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "libx264" in done.output


def test_an_unknown_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_URL", "floppy://a")
    get_settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "floppy" in done.output
