"""A gentle guess at what is near: enough for a believable move, never presented as measured depth."""

import cv2
import numpy as np

from providers.video.local.framing import FramedPhoto
from providers.video.local.grid import Field

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
    view = photo.still[top : top + height, left : left + width]
    scale = _SIDE_PX / max(width, height)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.cvtColor(cv2.resize(view, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    subject = cv2.resize(np.minimum(photo.subject, 1), size, interpolation=cv2.INTER_LINEAR)
    objects = _guided(subject.astype(np.float32), small.astype(np.float32) / 255, radius=_SIDE_PX // 12, softness=2e-3)
    objects = cv2.GaussianBlur(objects, (0, 0), _SIDE_PX * 0.03)
    objects = (objects - objects.min()) / max(float(objects.max() - objects.min()), 1e-3)
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)[:, None]
    return np.clip(_RAMP * ramp + _OBJECT * objects, 0, 1).astype(np.float32)


def _guided(values: Field, guide: Field, radius: int, softness: float) -> Field:
    side = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_values = cv2.blur(guide, side), cv2.blur(values, side)
    covariance = cv2.blur(guide * values, side) - mean_guide * mean_values
    slope = covariance / (cv2.blur(guide * guide, side) - mean_guide**2 + softness)
    return (cv2.blur(slope, side) * guide + cv2.blur(mean_values - slope * mean_guide, side)).astype(np.float32)
