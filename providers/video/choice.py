"""Which video generator serves a request: explicit, lazy, exhaustive."""

from typing import assert_never

from models.errors import InvalidInput
from models.providers import VideoEngine
from providers.video.base import VideoGenerator
from settings import Settings


def video_engine(model: str, settings: Settings) -> VideoEngine:
    """Return the engine behind a model's accepted name; ``auto`` leaves the choice to the settings.

    Raises InvalidInput for a name that no engine answers to.
    """
    wanted = model.lower()
    if wanted == "auto":
        wanted = settings.video_generation_model
    match wanted:
        case "auto" | "local" | "draft":
            return "local"
        case _:
            raise InvalidInput(f"video_model {model!r} is not supported; use auto, local or draft")


def video_generator(engine: VideoEngine) -> VideoGenerator:
    """Return the generator of that engine; its code is imported only now."""
    match engine:
        case "local":
            from providers.video.local import LocalVideoGenerator

            return LocalVideoGenerator()
        case _:
            assert_never(engine)
