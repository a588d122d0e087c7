"""The video engine that buys clips at Replicate: Veo and Hailuo (video-v3 §19)."""

from providers.video.replicate.generator import ReplicateVideoGenerator
from providers.video.replicate.orders import cancel_order

__all__ = ["ReplicateVideoGenerator", "cancel_order"]
