"""A gentle guess at what is near: enough for a believable move, never presented as measured depth."""

import numpy as np

from models.media import Size
from providers.video.local.framing import FramedPhoto
from providers.video.local.imaging import Field, averaged, blurred, grey, resized, single

_SIDE_PX = 200
_RAMP = 0.6
_OBJECT = 0.4


def nearness(photo: FramedPhoto) -> Field:
    """Return 0 (far) to 1 (near) over the photo's window, on a small map.

    What is lower in a picture is mostly nearer, so a ramp makes the greater part; being linear it keeps straight
    lines straight, as ground and floor do under a real camera. On it stand the subjects, whole and with edges that
    follow the picture's (guided filter: He, Sun and Tang 2013), then softened so that nothing tears.
    """
    left, top, width, height = (round(side) for side in photo.window)
    scale = _SIDE_PX / max(width, height)
    size = Size(max(2, round(width * scale)), max(2, round(height * scale)))
    view = single(grey(resized(photo.still[top : top + height, left : left + width], size))) / np.float32(255)
    subject = single(np.clip(resized(photo.subject, size), 0, 1))
    objects = blurred(_guided(subject, view, side=2 * (_SIDE_PX // 12) + 1, softness=2e-3), _SIDE_PX * 0.03)
    low, high = float(objects.min()), float(objects.max())
    ramp = np.linspace(0, 1, size.height)[:, None]
    return single(np.clip(_RAMP * ramp + _OBJECT * (objects - low) / max(high - low, 1e-3), 0, 1))


def _guided(values: Field, guide: Field, side: int, softness: float) -> Field:
    mean_guide, mean_values = averaged(guide, side), averaged(values, side)
    covariance = averaged(guide * values, side) - mean_guide * mean_values
    slope = covariance / (averaged(guide * guide, side) - mean_guide**2 + np.float32(softness))
    return averaged(slope, side) * guide + averaged(mean_values - slope * mean_guide, side)
