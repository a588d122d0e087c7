"""Putting a drawn picture into its window: the backdrop around it, and the way out of and into rest."""

import numpy as np

from media.encode import Frame
from providers.video.local.framing import FramedPhoto
from providers.video.local.imaging import Field, blended, mixed, single
from providers.video.local.projective import Rectangle

_SETTLE_PX = 0.7  # travel below which a frame is partly the photo at rest: its finer resampling comes and goes unseen


def moved_window(a: FramedPhoto, b: FramedPhoto, way: float) -> Rectangle:
    """Return the window on the way from one photo's to the other's."""
    left, top, width, height = ((1 - way) * one + way * other for one, other in zip(a.window, b.window, strict=True))
    return (left, top, width, height)


def compose(drawn: Frame, a: FramedPhoto, b: FramedPhoto, way: float) -> Frame:
    """Set a frame-sized drawing on the backdrops, blended by ``way``; only its window stays. Without one, as it is."""
    if a.backdrop is None or b.backdrop is None:
        return drawn
    behind = a.backdrop if a is b else mixed(a.backdrop, b.backdrop, way)
    left, top, width, height = moved_window(a, b, way)
    share = np.outer(_coverage(top, height, drawn.shape[0]), _coverage(left, width, drawn.shape[1]))
    return blended(behind, drawn, share)


def settled(drawn: Frame, a: FramedPhoto, b: FramedPhoto, travel_a_px: float, travel_b_px: float) -> Frame:
    """Blend a frame with the photo at rest while it has hardly left it, or has all but arrived."""
    still, travel = (a.still, travel_a_px) if travel_a_px < travel_b_px else (b.still, travel_b_px)
    moved = travel / _SETTLE_PX
    return drawn if moved >= 1 else mixed(still, drawn, moved)


def _coverage(start: float, length: float, count: int) -> Field:
    """Return how much of each of ``count`` pixels in a row lies between start and start + length."""
    left = np.arange(count)
    covered = np.minimum(left + 1, start + length) - np.maximum(left, start)
    return single(np.clip(covered, 0, 1))
