"""Which video generator serves a request: explicit, lazy, exhaustive."""

from typing import assert_never

from models.providers import VideoEngine
from models.video_models import engine_of, video_family
from providers.video.base import PaidCall, Unrecorded, VideoGenerator
from settings import Settings, get_settings


def video_engine(model: str, settings: Settings) -> VideoEngine:
    """Return the engine behind a model's accepted name; ``auto`` leaves the choice to the settings.

    Raises InvalidInput for a name that no engine answers to.
    """
    cloud = settings.replicate_api_key is not None
    return engine_of(video_family(model, settings.video_generation_model, cloud=cloud))


def video_generator(engine: VideoEngine, call: PaidCall | None = None) -> VideoGenerator:
    """Return the generator of that engine; its code is imported only now.

    ``call`` is where an engine that costs money keeps account of what it orders. Raises NotConfigured when the engine's
    key is missing.
    """
    match engine:
        case "local":
            from providers.video.local import LocalVideoGenerator

            return LocalVideoGenerator()
        case "replicate":
            from providers.video.replicate import ReplicateVideoGenerator

            return ReplicateVideoGenerator(get_settings(), call or Unrecorded())
        case _:
            assert_never(engine)
