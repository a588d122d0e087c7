"""A coarse grid over the frame, on which camera moves are computed before they are enlarged to every pixel.

Moves are smooth, so a sixteenth of the positions describes them to a few thousandths of a pixel; that makes room for
well-sampled pictures at better than real time.
"""

import math

import numpy as np

from media.encode import Frame
from models.media import Size
from providers.video.local.imaging import Field, Points, enlarged, look_up, look_up_indices, resized
from providers.video.local.projective import Matrix, apply

CELL_PX = 4
"""Side of a grid cell in frame pixels."""

_COARSEST_STEP = 2.2  # picture pixels from one frame pixel to the next before the next smaller copy is used


class Grid:
    """The cells' centres in frame pixels, one ring of cells wider than the frame."""

    def __init__(self, size: Size) -> None:
        self.size = size
        columns, rows = (-(-side // CELL_PX) + 2 for side in size)
        across = (np.arange(columns) - 0.5) * CELL_PX
        down = (np.arange(rows) - 0.5) * CELL_PX
        self.points: Points = np.stack(np.meshgrid(across, down), -1).astype(np.float32)

    def per_pixel(self, field: Field | Points) -> Field | Points:
        """Enlarge a field on the grid, of one or two numbers per cell, to one per pixel of the frame."""
        large = enlarged(field, CELL_PX)
        return large[CELL_PX : CELL_PX + self.size.height, CELL_PX : CELL_PX + self.size.width]

    def sample(self, field: Field | Points, points: Points) -> Field | Points:
        """Look up a small map that covers the whole frame at frame positions."""
        rows, columns = field.shape[:2]
        return look_up(field, points * np.array([columns / self.size.width, rows / self.size.height], np.float32))


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
        scale = np.array(level.shape[1::-1]) / np.array(self._levels[0].shape[1::-1])
        return look_up_indices(level, grid.per_pixel(positions * scale.astype(np.float32) - np.float32(0.5)))

    def _level(self, positions: Points) -> Frame:
        step = float(np.median(np.abs(np.diff(positions[..., 0], axis=1)))) / CELL_PX
        wanted = max(0, math.ceil(2 * math.log2(max(step, 1e-3) / _COARSEST_STEP)))
        while len(self._levels) <= wanted and min(self._levels[-1].shape[:2]) > 16:
            height, width = self._levels[0].shape[:2]
            smaller = 2 ** (-len(self._levels) / 2)
            size = Size(max(1, round(width * smaller)), max(1, round(height * smaller)))
            self._levels.append(resized(self._levels[0], size))
        return self._levels[min(wanted, len(self._levels) - 1)]
