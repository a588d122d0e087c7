"""One camera move through a scene that both photos show.

The camera goes steadily from the first view to the second along the group of homographies; flow carries what the
homography leaves (parallax, moved things). Every frame looks each photo up once, in its own pixels. Where both photos
are trusted to show the same point they are blended over much of the move; where not, one gives way to the other
quickly; what only one of them shows comes from that one.
"""

import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import CameraMovement, Size
from providers.video.local.camera import ease
from providers.video.local.framing import FramedPhoto
from providers.video.local.grid import Grid, Pyramid
from providers.video.local.imaging import Field, Points, blended, single, smoothstep, translated
from providers.video.local.projective import Matrix, Rectangle, apply, exp, log, scaling
from providers.video.local.residual import Residual
from providers.video.local.windows import compose, moved_window, settled

_BLEND_TRUSTED = 0.5  # share of the way over which agreeing photos are blended
_BLEND_OTHERWISE = 0.14
_SEEN_LEVELS = 3.0  # difference of exposure, at mid-grey, that a blend would show as a pulse
_FEATHER = 0.08  # of the frame's longer side: width of the seam where one photo ends within the other
_MOST_OVERSCAN = 0.3  # largest enlargement half-way that hides what neither photo shows; with more, no morph
_OVERSCAN_STEP = 0.01
_LEAST_SHARE = 2e-3  # of a pixel's light, half a level: less is not drawn
_STILL = 0.06  # of the longer side: views closer than this are taken from one spot, and get a small move of their own
_OWN_MOVE = 0.1  # enlargement half-way between two photos from one spot
_OWN_FLOAT = 0.03
_TOWARDS = {
    CameraMovement.TRUCK_LATERAL: 1.0,
    CameraMovement.PAN_SWEEP: 1.0,
    CameraMovement.TRUCK_LATERAL_OPPOSITE: -1.0,
}


class Morph:
    """Draws the frames of a move between two views; ``frame(time)`` for ``time`` 0–1 is its verb."""

    def __init__(
        self,
        a: FramedPhoto,
        b: FramedPhoto,
        relation: Matrix,
        residual: Residual,
        movement: CameraMovement | None,
        size: Size,
    ) -> None:
        self._a, self._b = a, b
        self._gain, self._offset = residual.gain.astype(np.float64), residual.offset.astype(np.float64)
        self._pixels_a, self._pixels_b = Pyramid(a.pixels), Pyramid(b.pixels)
        self._step = log(relation)
        self._grid = Grid(size)
        self._feather_px = _FEATHER * max(size)
        self._residual = np.concatenate((residual.there, residual.back), -1)
        self._trust = residual.trust
        self._gapless = _needed_overscan(a, b, self._step)
        stillness = max(0.0, 1 - self._travel_px(apply(relation, self._grid.points)) / (_STILL * max(size)))
        own_move = _OWN_FLOAT if movement is CameraMovement.STATIC_FLOAT else _OWN_MOVE
        self._overscan = max(self._gapless, own_move * stillness)
        # Gaps lie on both sides: only where there are none may the enlargement lean to one.
        self._towards = _TOWARDS.get(movement, 0.0) if movement and stillness and not self._gapless else 0.0

    @property
    def shows_no_gap(self) -> bool:
        """Tell whether the two photos together fill every frame."""
        return self._gapless <= _MOST_OVERSCAN

    def frame(self, time: float) -> Frame:
        """Draw the frame at ``time``."""
        way = ease(time)
        if way <= 0 or way >= 1:
            return self._a.still if way <= 0 else self._b.still
        in_a, in_b, trust = self._places(way)
        weight = self._weight(way, in_a, in_b, trust)
        drawn = compose(self._drawn(way, in_a, in_b, weight), self._a, self._b, way)
        return settled(drawn, self._a, self._b, self._travel_px(in_a), self._travel_px(in_b))

    def _places(self, way: float) -> tuple[Points, Points, Field]:
        """Return where each grid cell is in either photo's rest frame, and how far the two are trusted to agree.

        Between the photos, flow follows the quadratic rule of Jiang et al. (Super SloMo, 2018), which vanishes at
        the end at which a photo is at rest.
        """
        window = moved_window(self._a, self._b, way)
        points = apply(_inverse_overscan(self._overscan, way, window, self._towards), self._grid.points)
        half_way = apply(exp(self._step * (0.5 - way)), points)
        flows = self._grid.sample(self._residual, half_way)
        there, back = flows[..., :2], flows[..., 2:]
        trust = self._grid.sample(self._trust, half_way)
        to_a = way * (way * back - (1 - way) * there)
        to_b = (1 - way) * ((1 - way) * there - way * back)
        return (
            apply(exp(-self._step / 2), single(half_way + to_a)),
            apply(exp(self._step / 2), single(half_way + to_b)),
            trust,
        )

    def _weight(self, way: float, in_a: Points, in_b: Points, trust: Field) -> Field:
        """Return the second photo's share per cell: by time, by trust, and by which photo reaches that far."""
        reach_a = self._reach(self._a, in_a)
        reach_b = self._reach(self._b, in_b)
        width = _BLEND_OTHERWISE + (_BLEND_TRUSTED - _BLEND_OTHERWISE) * trust
        by_time = smoothstep((way - 0.5) / width + 0.5)
        share_a = reach_a * (1 - by_time * reach_b)
        share_b = reach_b * (1 - (1 - by_time) * reach_a)
        total = share_a + share_b
        return np.where(total > 1e-6, share_b / np.maximum(total, 1e-6), by_time).astype(np.float32)

    def _reach(self, photo: FramedPhoto, points: Points) -> Field:
        """Return 1 inside the photo, 0 at its border, over a seam that grows as the border comes into view."""
        left, top, width, height = photo.bounds
        x, y = points[..., 0], points[..., 1]
        depth = np.minimum(np.minimum(x - left, left + width - x), np.minimum(y - top, top + height - y))
        seam = min(self._feather_px, 0.7 * self._travel_px(points)) + 1e-3
        return smoothstep(depth / np.float32(seam))

    def _travel_px(self, points: Points) -> float:
        """Return how far the frame's corner cells are from where they are when that photo is at rest."""
        return float(np.abs(points - self._grid.points).max())

    def _drawn(self, way: float, in_a: Points, in_b: Points, weight: Field) -> Frame:
        """Draw the photo that shows more, and blend the other into the part where it has a share."""
        a = (self._pixels_a, self._a.to_pixels, in_a, 1 - weight, True)
        b = (self._pixels_b, self._b.to_pixels, in_b, weight, False)
        (under, under_map, places, _, first), over = (b, a) if weight.mean() > 0.5 else (a, b)
        drawn = self._coloured(under.sample(self._grid, under_map, places), way, first)
        over_pixels, over_map, places, share, first = over
        part = self._grid.part_where(share > _LEAST_SHARE)
        if part is None:
            return drawn
        piece = self._coloured(over_pixels.sample(self._grid, over_map, places, part), way, first)
        where = self._grid.pixels(part)
        drawn[where] = blended(drawn[where], piece, self._grid.per_pixel(share, part))
        return drawn

    def _coloured(self, drawn: Frame, way: float, first: bool) -> Frame:
        """Move a photo's colours along from the first's to the second's, so that the blend shows no pulse."""
        if np.abs(self._gain * 128 + self._offset - 128).max() < _SEEN_LEVELS:
            return drawn
        levels = np.arange(256)[:, None]
        if first:
            table = levels + way * (levels * self._gain + self._offset - levels)
        else:
            table = levels + (1 - way) * ((levels - self._offset) / self._gain - levels)
        return translated(drawn, np.clip(table + 0.5, 0, 255).astype(np.uint8)[None])


def _inverse_overscan(overscan: float, way: float, window: Rectangle, towards: float = 0.0) -> Matrix:
    """Return where a frame looks that is enlarged half-way, about its left edge (``towards`` −1) to its right (1)."""
    middle = (window[0] + window[2] * (1 + towards) / 2, window[1] + window[3] / 2)
    return scaling(1 / (1 + overscan * 4 * way * (1 - way)), middle)


def _needed_overscan(a: FramedPhoto, b: FramedPhoto, step: Matrix) -> float:
    """Return the least enlargement half-way with which no frame looks past both photos; infinite when over 1."""
    for overscan in np.arange(0, 1, _OVERSCAN_STEP):
        if all(_covered(a, b, step, float(overscan), way) for way in np.linspace(0.04, 0.96, 13)):
            return float(overscan)
    return float("inf")


def _covered(a: FramedPhoto, b: FramedPhoto, step: Matrix, overscan: float, way: float) -> bool:
    window = moved_window(a, b, way)
    steps = np.linspace(0, 1, 13, dtype=np.float32)
    points = np.stack(np.meshgrid(window[0] + window[2] * steps, window[1] + window[3] * steps), -1).astype(np.float32)
    points = apply(_inverse_overscan(overscan, way, window), points)
    in_a = _within(apply(exp(-step * way), points), a.bounds)
    return bool((in_a | _within(apply(exp(step * (1 - way)), points), b.bounds)).all())


def _within(points: Points, box: Rectangle) -> NDArray[np.bool_]:
    low = np.array(box[:2]) - 0.5
    high = low + np.array(box[2:]) + 1
    inside: NDArray[np.bool_] = np.all((points >= low) & (points <= high), axis=-1)
    return inside
