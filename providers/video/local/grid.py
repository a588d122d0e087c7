"""A coarse grid over the frame, on which camera moves are computed before they are enlarged to every pixel.

Moves are smooth, so a sixteenth of the positions describes them to a few thousandths of a pixel; that makes room for
well-sampled pictures at better than real time.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import Size
from providers.video.local.projective import Matrix, Points, apply

CELL_PX = 4
"""Side of a grid cell in frame pixels."""

_COARSEST_STEP = 2.2  # picture pixels from one frame pixel to the next before the next smaller copy is used

Field = NDArray[np.float32]
"""One number per grid cell, shape (rows, columns), or per pixel of the frame."""


class Grid:
    """The cells' centres in frame pixels, one ring of cells wider than the frame."""

    def __init__(self, size: Size) -> None:
        self.size = size
        columns, rows = (-(-side // CELL_PX) + 2 for side in size)
        across = (np.arange(columns, dtype=np.float32) - 0.5) * CELL_PX
        down = (np.arange(rows, dtype=np.float32) - 0.5) * CELL_PX
        self.points: Points = np.stack(np.meshgrid(across, down), -1).astype(np.float32)

    def per_pixel(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge a field on the grid, of one or two numbers per cell, to one per pixel of the frame."""
        rows, columns = field.shape[:2]
        large = cv2.resize(field, (columns * CELL_PX, rows * CELL_PX), interpolation=cv2.INTER_LINEAR)
        return large[CELL_PX : CELL_PX + self.size.height, CELL_PX : CELL_PX + self.size.width]

    def sample_field(self, field: NDArray[np.float32], points: Points) -> NDArray[np.float32]:
        """Look up a small map that covers the whole frame at frame positions; outside, its edge is repeated."""
        rows, columns = field.shape[:2]
        scale = np.array([columns / self.size.width, rows / self.size.height], np.float32)
        at = points * scale - np.float32(0.5)
        return cv2.remap(field, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


class Pyramid:
    """A picture in sizes that shrink by √2, so that making it smaller takes every pixel into account.

    The steps are small enough for the change from one size to the next to go unseen in a moving picture.
    """

    def __init__(self, pixels: Frame) -> None:
        self._levels = [pixels]

    def sample(self, grid: Grid, to_pixels: Matrix, points: Points) -> Frame:
        """Draw the frame whose cells look at ``points``; ``to_pixels`` maps those to the picture's pixels."""
        positions = apply(to_pixels, points)
        level = self._level(positions)
        scale = np.array([level.shape[1], level.shape[0]]) / np.array(self._levels[0].shape[1::-1])
        where = grid.per_pixel(positions * scale.astype(np.float32) - np.float32(0.5))
        return cv2.remap(level, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]

    def _level(self, positions: Points) -> Frame:
        stride = float(np.median(np.abs(np.diff(positions[..., 0], axis=1)))) / CELL_PX
        wanted = max(0, math.ceil(2 * math.log2(max(stride, 1e-3) / _COARSEST_STEP)))
        while len(self._levels) <= wanted and min(self._levels[-1].shape[:2]) > 16:
            height, width = self._levels[0].shape[:2]
            shrink = 2 ** (len(self._levels) / 2)
            size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
            self._levels.append(cv2.resize(self._levels[0], size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
        return self._levels[min(wanted, len(self._levels) - 1)]
