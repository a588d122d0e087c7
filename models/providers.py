"""The names of the engines, one Literal per capability. A new engine starts with its word here."""

from typing import Literal

VideoEngine = Literal["local", "replicate"]
VideoModel = Literal[
    "auto",
    "local", "draft",
    "veo3", "veo-3", "veo-3.1", "veo3.1", "google/veo-3", "google/veo-3.1",
    "hilua", "hilua-2.5", "hailuo", "hailuo-2.5", "hailuo-2.0", "hailuo-02", "hailuo2", "minimax/hailuo-02",
]  # fmt: skip
"""What a request or setting may ask for: an engine or a model by one of its accepted names (video-v3 §19.1)."""

PlannerEngine = Literal["xai", "openai", "template"]
