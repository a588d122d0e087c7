"""Two unrelated photos: a move with depth in each, and a dissolve between them.

Both move the same way at the same speed, so that the dissolve feels like one motion: the first photo leaves its rest,
the last one arrives at its own. The dissolve stays within the middle third, in linear light, and the last photo
comes in from where the camera is going.
"""

import cv2
import numpy as np

from media.encode import Frame
from models.media import CameraMovement, Size
from providers.video.local.camera import default_movement, displacement, ease, there_and_back
from providers.video.local.depth import nearness
from providers.video.local.framing import FramedPhoto
from providers.video.local.grid import Grid, Pyramid
from providers.video.local.imaging import (
    Field,
    Points,
    blended,
    blurred,
    grey,
    look_up,
    resized,
    single,
    smoothstep,
    translated,
)
from providers.video.local.windows import compose, settled

_LONGEST_DISSOLVE_S = 1.1
_DISSOLVE_SHARE = 1 / 3
_STAGGER = 0.6  # share of the dissolve by which its latest parts follow its earliest
_SHORT_S = 3.0  # clips shorter than this move proportionally less, so that they do not rush


class Parallax:
    """Draws the frames of a move through two photos; ``frame(time)`` for ``time`` 0–1 is its verb."""

    def __init__(
        self, a: FramedPhoto, b: FramedPhoto, movement: CameraMovement | None, duration_s: float, size: Size
    ) -> None:
        grid = Grid(size)
        chosen = movement or default_movement(a.spare)
        reach = min(1.0, duration_s / _SHORT_S)
        self._first, self._last = (_MovedPhoto(photo, chosen, reach, grid) for photo in (a, b))
        self._grid, self._a, self._b = grid, a, b
        self._dissolve = min(_DISSOLVE_SHARE, _LONGEST_DISSOLVE_S / duration_s)
        self._order: Field = _order(b, self._last.nearness, chosen, self._last.points)

    def frame(self, time: float) -> Frame:
        """Draw the frame at ``time``."""
        way = ease(time)
        progress = (time - 0.5) / self._dissolve + 0.5
        if progress <= 0:
            return self._first.frame(way)
        if progress >= 1:
            return self._last.frame(way - 1)
        share = smoothstep(progress * (1 + _STAGGER) - _STAGGER * self._order)
        return _dissolved(self._first.frame(way), self._last.frame(way - 1), self._grid.per_pixel(share))


class Orbit:
    """Draws a move that leaves a photo and comes back to it, for a shot that begins and ends with the same photo."""

    def __init__(self, photo: FramedPhoto, movement: CameraMovement | None, duration_s: float, size: Size) -> None:
        chosen = movement or CameraMovement.DOLLY_FORWARD
        self._photo = _MovedPhoto(photo, chosen, 0.6 * min(1.0, duration_s / _SHORT_S), Grid(size))

    def frame(self, time: float) -> Frame:
        """Draw the frame at ``time``."""
        return self._photo.frame(there_and_back(time))


class _MovedPhoto:
    """One photo, seen from places along a move; advance 0 is rest."""

    def __init__(self, photo: FramedPhoto, movement: CameraMovement, reach: float, grid: Grid) -> None:
        self._photo, self._movement, self._reach, self._grid = photo, movement, reach, grid
        left, top, width, height = photo.window
        self._middle = np.array([left + width / 2, top + height / 2], np.float32)
        self._half = np.array([width / 2, height / 2], np.float32)
        self.points: Points = (grid.points - self._middle) / self._half
        self._pixels = Pyramid(photo.pixels)
        self.nearness = _over_window(nearness(photo), self.points)

    def frame(self, advance: float) -> Frame:
        if advance == 0:
            return self._photo.still
        moved = displacement(self._movement, self._reach * advance, self.points, self.nearness, self._photo.spare)
        places = moved * self._half + self._middle
        drawn = self._pixels.sample(self._grid, self._photo.to_pixels, places)
        travel_px = float(np.abs((moved - self.points) * self._half).max())
        composed = compose(drawn, self._photo, self._photo, 0)
        return settled(composed, self._photo, self._photo, travel_px, travel_px)


def _over_window(picture: Field, points: Points) -> Field:
    rows, columns = picture.shape
    return look_up(picture, single((points + 1) / 2 * np.array([columns, rows])))


def _order(photo: FramedPhoto, near: Field, movement: CameraMovement, points: Points) -> Field:
    """Return when each part of the arriving photo comes in, 0 (first) to 1 (last), too smooth to show edges.

    It comes from where the camera is going: from the middle outwards when moving in, from the side when travelling;
    and what is bright or near comes a little before the rest.
    """
    rows, columns = near.shape
    light = single(grey(resized(photo.still, Size(columns, rows)))) / np.float32(255)
    faint = blurred(single(2 - light - near), 0.05 * max(rows, columns))
    x = points[..., 0]
    outward = np.linalg.norm(points, axis=2)
    match movement:
        case CameraMovement.DOLLY_FORWARD:
            late = outward
        case CameraMovement.DOLLY_BACKWARD:
            late = -outward
        case CameraMovement.TRUCK_LATERAL | CameraMovement.PAN_SWEEP:
            late = -x
        case CameraMovement.TRUCK_LATERAL_OPPOSITE:
            late = x
        case CameraMovement.STATIC_FLOAT:
            late = np.zeros_like(x)
    order = late + 0.8 * faint
    return single((order - order.min()) / max(float(order.max() - order.min()), 1e-3))


_LINEAR = np.arange(256, dtype=np.float32) ** 2  # display gamma taken as 2: within a level or two of sRGB in a blend


def _dissolved(a: Frame, b: Frame, share: Field) -> Frame:
    """Blend in linear light, as film and lenses do: highlights stay bright and the middle does not turn grey."""
    light = blended(translated(a, _LINEAR), translated(b, _LINEAR), share)
    return np.asarray(cv2.convertScaleAbs(cv2.sqrt(light)), np.uint8)
