"""A fast video engine that renders real, recognisable clips, counts its calls and fails on demand."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.decode import open_picture
from media.encode import encode_frames
from models.media import Size
from providers.video.base import GeneratedClip, Progress, Shot

FRAME = Size(64, 36)


class CountingEngine:
    """Renders clips of one colour, the mean of the first photo. ``before`` may raise to fail a call."""

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
    monkeypatch.setattr("tasks.render_scene.video_generator", lambda _name: counting)
    return counting
