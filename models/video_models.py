"""The video models of vendors as data: names, what each can make, and what its input is called (video-v3 §19)."""

from dataclasses import dataclass
from typing import Any, Literal

from models.errors import InvalidInput
from models.providers import VideoEngine

VideoFamily = Literal["local", "veo", "hailuo"]
MAX_PROMPT_CHARS = 2000
DEFAULT_DURATION_S = 6.0
_LOCAL_NAMES = ("local", "draft")


@dataclass(frozen=True)
class Length:
    """A length that can be ordered, the longest wish that it serves, and the resolution that it comes in."""

    seconds: int
    up_to_s: float
    resolution: str


@dataclass(frozen=True)
class VendorModel:
    """What a model of a vendor takes.

    ``aspect_ratios`` are those that may be sent, the first for every other wish; none are sent when there are none, and
    the film follows the first frame. ``fixed`` is sent with every order.
    """

    family: VideoFamily
    names: tuple[str, ...]
    first_frame: str
    last_frame: str
    lengths: tuple[Length, ...]
    aspect_ratios: tuple[str, ...]
    fixed: tuple[tuple[str, Any], ...]

    def length(self, wanted_s: float) -> Length:
        """Return the length that is ordered for a wish."""
        return next((length for length in self.lengths if wanted_s <= length.up_to_s), self.lengths[-1])


VENDOR_MODELS = (
    VendorModel(
        family="veo",
        names=("veo3", "veo-3", "veo-3.1", "veo3.1", "google/veo-3", "google/veo-3.1"),
        first_frame="image",
        last_frame="last_frame",
        lengths=(Length(4, 5, "1080p"), Length(6, 7, "1080p"), Length(8, float("inf"), "1080p")),
        aspect_ratios=("16:9", "9:16"),
        fixed=(("generate_audio", False),),
    ),
    VendorModel(
        family="hailuo",
        names=(
            "hilua", "hilua-2.5", "hailuo", "hailuo-2.5", "hailuo-2.0", "hailuo-02", "hailuo2", "minimax/hailuo-02",
        ),
        first_frame="first_frame_image",
        last_frame="last_frame_image",
        lengths=(Length(6, 8.999999, "1080p"), Length(10, float("inf"), "768p")),
        aspect_ratios=(),
        fixed=(("prompt_optimizer", True),),
    ),
)  # fmt: skip


def video_family(name: str, default: str, *, cloud: bool) -> VideoFamily:
    """Return the family behind an accepted name, in any case of letters.

    ``auto`` is what ``default`` names; when that is ``auto``, too, it is Veo where ``cloud`` says that a key is set,
    and local otherwise. Raises InvalidInput for a name that nobody answers to.
    """
    wanted = name.strip().lower()
    if wanted == "auto":
        wanted = default.strip().lower()
    if wanted == "auto":
        return "veo" if cloud else "local"
    if wanted in _LOCAL_NAMES:
        return "local"
    for model in VENDOR_MODELS:
        if wanted in model.names:
            return model.family
    raise InvalidInput(f"video_model {name!r} is not supported; use auto, local, veo3 or hailuo-02")


def engine_of(family: VideoFamily) -> VideoEngine:
    """Return the engine that makes the films of a family."""
    return "local" if family == "local" else "replicate"


def vendor_model(family: VideoFamily) -> VendorModel:
    """Return what a vendor's family takes. Raises ValueError for the local one."""
    for model in VENDOR_MODELS:
        if model.family == family:
            return model
    raise ValueError(f"{family} is no vendor's model")


def vendor_order(model: VendorModel, prompt: str, duration_s: float, aspect_ratio: str) -> dict[str, Any]:
    """Return a vendor's input without its two frames: only values that are valid there (video-v3 §19.2)."""
    length = model.length(duration_s)
    order = {"prompt": _plain(prompt), "duration": length.seconds, "resolution": length.resolution, **dict(model.fixed)}
    if model.aspect_ratios:
        order["aspect_ratio"] = aspect_ratio if aspect_ratio in model.aspect_ratios else model.aspect_ratios[0]
    return order


def _plain(prompt: str) -> str:
    """Return the prompt with its white space collapsed and cut to what is accepted."""
    return " ".join(prompt.split())[:MAX_PROMPT_CHARS].rstrip()
