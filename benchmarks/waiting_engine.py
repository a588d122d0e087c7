"""An engine that waits as long as its clip shall last, as a vendor's does, and hands out a clip made beforehand.

A benchmark puts it in the place of the local engine, in the processes of a real service, by a ``sitecustomize`` that
calls ``install``.
"""

import importlib.util
import shutil
import sys
import time
from contextlib import nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import numpy as np

_STEP = "tasks.render_scene"


class WaitingEngine:
    """Stands where a video generator stands. No clip is ever kept for another scene."""

    def __init__(self, clips: Path) -> None:
        self._clips = clips

    @property
    def version(self) -> str:
        """Another one each time, so that nothing is taken from the cache."""
        return uuid4().hex

    def generate(self, shot: Any, into: Path, progress: Any) -> Any:
        """Wait, then copy the clip of that length."""
        from providers.video.base import GeneratedClip

        end = time.monotonic() + shot.duration_s
        while (left := end - time.monotonic()) > 0:
            progress(max(0.0, 1 - left / shot.duration_s))
            time.sleep(min(left, 0.5))
        shutil.copyfile(clip_path(self._clips, shot.duration_s), into)
        return GeneratedClip(engine="local", technique="waiting", cost_usd=0.0)


def prepare(folder: Path, durations_s: tuple[float, ...]) -> None:
    """Write what ``install`` needs into ``folder``, which must then be on the service's PYTHONPATH."""
    from media.encode import encode_frames
    from models.media import Size

    for duration_s in durations_s:
        with encode_frames(clip_path(folder, duration_s), Size(320, 180), 30) as write:
            for _ in range(round(duration_s * 30)):
                write(np.full((180, 320, 3), 90, np.uint8))
    hook = f"from benchmarks import waiting_engine\nwaiting_engine.install({str(folder)!r})\n"
    (folder / "sitecustomize.py").write_text(hook)


def install(clips: str) -> None:
    """Replace the engine, and its limit for one machine, as soon as the step that renders is imported."""
    sys.meta_path.insert(0, _Hook(Path(clips)))


def clip_path(folder: Path, duration_s: float) -> Path:
    """Return where the clip of that length lies."""
    return folder / f"clip-{duration_s:g}.mp4"


class _Hook:
    def __init__(self, clips: Path) -> None:
        self._clips = clips

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name != _STEP:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def load_and_replace(module: ModuleType) -> None:
            load(module)
            vars(module)["video_generator"] = lambda *_: WaitingEngine(self._clips)
            vars(module)["engine_slot"] = lambda *_, **__: nullcontext()

        spec.loader.exec_module = load_and_replace  # type: ignore[method-assign]
        return spec
