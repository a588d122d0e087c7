"""How the camera moves: timing, and the displacement each movement gives to near and far.

Displacements are in units of half the window's width (x) and height (y), in the sense "sample from further this way":
a camera that travels to the right samples from further right, and the picture slides to the left.
"""

from typing import NamedTuple

import numpy as np

from models.media import CameraMovement
from providers.video.local.imaging import Field, Points

_RAMP = 0.38  # share of the time spent gaining speed, and again losing it: an unhurried operator's hand
_DOLLY = 0.17  # enlargement of the middle distance over a whole move
_TRUCK = 0.17
_PAN = 0.22
_FLOAT = 0.028
_NEARNESS = 0.55  # how much faster the nearest moves than the middle distance, and slower the farthest
_OVERSCAN = 0.45  # share of a sideways move hidden by enlarging, the rest by letting the picture's edge lag behind


class Spare(NamedTuple):
    """Picture beyond the window on each side, in units of half the window."""

    left: float
    top: float
    right: float
    bottom: float


def ease(time: float) -> float:
    """Return the share of the way covered at ``time`` (0–1): speed rises by a smoothstep, stays, and falls likewise.

    Speed and acceleration are zero at both ends, so that clips join at rest.
    """
    if time > 0.5:
        return 1 - ease(1 - time)
    reached = min(time / _RAMP, 1.0)
    ramp = _RAMP * (reached**3 - reached**4 / 2)
    return (ramp + max(0.0, time - _RAMP)) / (1 - _RAMP)


def there_and_back(time: float) -> float:
    """Return 0 at both ends and 1 half-way, at rest at all three."""
    return ease(2 * time) if time <= 0.5 else ease(2 - 2 * time)


def default_movement(spare: Spare) -> CameraMovement:
    """Choose a movement: sideways where the crop left much of the picture to see, else forward."""
    wide = min(spare.left, spare.right) > 0.3
    return CameraMovement.TRUCK_LATERAL if wide else CameraMovement.DOLLY_FORWARD


def displacement(movement: CameraMovement, advance: float, points: Points, nearness: Field, spare: Spare) -> Points:
    """Return where each of ``points`` (±1 at the window's edges) is seen after ``advance`` along the move.

    ``advance`` runs from −1 to 1; at 0 the picture is at rest, positive means later. ``nearness`` is 0 (far) to 1.
    What is returned never lies outside the picture: where it ends at the window's edge, the edge is held and the
    displacement fades towards it, which reads as the slight breathing of a wide lens.
    """
    gain = 1 + _NEARNESS * (2 * nearness[..., None] - 1)
    match movement:
        case CameraMovement.DOLLY_FORWARD:
            move = -_DOLLY * advance * points * gain
        case CameraMovement.DOLLY_BACKWARD:
            move = _DOLLY * advance * points * gain
        case CameraMovement.TRUCK_LATERAL:
            move = _sideways(_TRUCK * advance, points, gain)
        case CameraMovement.TRUCK_LATERAL_OPPOSITE:
            move = _sideways(-_TRUCK * advance, points, gain)
        case CameraMovement.PAN_SWEEP:
            move = _sideways(_PAN * advance, points, np.ones_like(gain))
        case CameraMovement.STATIC_FLOAT:
            move = _FLOAT * advance * (np.array([0.35, 0.0], np.float32) - points) * gain
    return (points + _held_at_edges(points, move, spare)).astype(np.float32)


def _sideways(shift: float, points: Points, gain: Field) -> Points:
    across = np.concatenate((shift * gain, np.zeros_like(gain)), -1)
    moved: Points = across - _OVERSCAN * abs(shift) * points
    return moved


def _held_at_edges(points: Points, move: Points, spare: Spare) -> Points:
    """Fade a displacement towards those edges across which it would reach further than the picture does."""
    held = move.copy()
    for axis in range(2):
        p = points[..., axis]
        for side, room in ((-1.0, spare[axis]), (1.0, spare[axis + 2])):
            excess = float((side * (p + move[..., axis]) - 1)[np.abs(p) <= 1].max(initial=0.0))
            if excess > room:
                inner = np.clip(side * p, 0, 1)
                held[..., axis] *= 1 - (1 - room / excess) * inner**2
    return held
