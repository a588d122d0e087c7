"""Fixtures that every test may use: an empty Atelier, the shared photos, and a video engine that is quick."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.photos import check_photo, import_photos
from media.decode import open_picture
from media.encode import encode_frames
from models.media import Size
from providers.video.base import GeneratedClip, Progress, Shot
from settings import get_settings
from storage.passwords import Cost

ROOT = Path(__file__).parent.parent

# Prefect reads its settings when it is first imported, which collecting the flow tests does.
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
FRAME = Size(64, 36)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with ``media/`` and ``contracts/recorded/``; tests that need it are skipped without it."""
    folder = Path(os.environ.get("ATELIER_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "media").is_dir():
        pytest.skip("needs the shared photos: set ATELIER_TEST_DATA to the folder that holds media/")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data directory with a migrated database, in use for the length of the test."""
    from storage.database import get_database
    from storage.migrations import upgrade

    for name in (*(ROOT / ".env.example").read_text().split(), "REPLICATE_API_TOKEN", "REPLICATE_HAILUO_MODEL"):
        monkeypatch.delenv(name.partition("=")[0], raising=False)
    monkeypatch.setenv("ATELIER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    upgrade(get_database())
    yield tmp_path / "home"
    get_database().dispose()
    get_settings.cache_clear()


@pytest.fixture
def make_pictures(tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a function that writes pictures with something to see in them, the same for the same arguments."""

    def write(count: int, size: tuple[int, int] = (96, 64), seed: int = 0) -> list[Path]:
        folder = tmp_path / f"pictures-{seed}"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(count):
            noise = np.random.default_rng(seed * 1000 + number).integers(0, 255, (8, 12, 3), dtype=np.uint8)
            path = folder / f"photo {number + 1}.jpg"
            Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=95)
            paths.append(path)
        return paths

    return write


@pytest.fixture
def make_campaign(home: Path, make_pictures: Callable[..., list[Path]]) -> Callable[..., str]:
    """Return a function that adds a campaign with pictures and returns its id."""

    def add(pictures: int, name: str = "Villa Rosa", seed: int = 0) -> str:
        return import_photos([check_photo(path) for path in make_pictures(pictures, seed=seed)], name)

    return add


@pytest.fixture(scope="session")
def prefect_test_server() -> Iterator[None]:
    """One temporary Prefect server for all flow tests of the session."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


class CountingEngine:
    """Renders clips of one colour, the mean of the first photo. ``before`` may raise to fail a call."""

    version = "1"

    def __init__(self) -> None:
        self.calls: list[Shot] = []
        self.before: Callable[[Shot, Progress], None] = lambda shot, progress: None
        self._lock = threading.Lock()

    def generate(self, shot: Shot, into: Path, progress: Progress) -> GeneratedClip:
        with self._lock:
            self.calls.append(shot)
        self.before(shot, progress)
        colour = np.asarray(open_picture(shot.first_frame)).reshape(-1, 3).mean(0).astype(np.uint8)
        with encode_frames(into, FRAME, shot.fps) as write:
            for _ in range(shot.frame_count):
                write(np.full((FRAME.height, FRAME.width, 3), colour, np.uint8))
        progress(1.0)
        return GeneratedClip(engine="local", technique="plain colour", cost_usd=0.0)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> CountingEngine:
    """The engine that the flow's render task gets instead of the real one."""
    counting = CountingEngine()
    monkeypatch.setattr("tasks.render_scene.video_generator", lambda *_: counting)
    return counting


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with little effort; how much is spent on them otherwise is not what is tested."""
    monkeypatch.setattr("storage.passwords.COST", Cost(4, 8, 1))
