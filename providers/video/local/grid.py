"""A coarse grid over the frame, on which camera moves are computed before they are enlarged to every pixel.

Moves are smooth, so one position in 64 describes them to a few hundredths of a pixel; that makes room for
well-sampled pictures at better than real time.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import Size
from providers.video.local.imaging import Field, Points, enlarged, look_up, look_up_indices, resized
from providers.video.local.projective import Matrix, apply

CELL_PX = 8
"""Side of a grid cell in frame pixels."""

_COARSEST_STEP = 2.2  # picture pixels from one frame pixel to the next before the next smaller copy is used


class Part(NamedTuple):
    """A rectangle of the grid's cells; the ring outside the frame is never part of one."""

    top: int
    bottom: int
    left: int
    right: int


class Grid:
    """The cells' centres in frame pixels, one ring of cells wider than the frame."""

    def __init__(self, size: Size) -> None:
        self.size = size
        columns, rows = (-(-side // CELL_PX) + 2 for side in size)
        across = (np.arange(columns) - 0.5) * CELL_PX
        down = (np.arange(rows) - 0.5) * CELL_PX
        self.whole = Part(1, rows - 1, 1, columns - 1)
        self.points: Points = np.stack(np.meshgrid(across, down), -1).astype(np.float32)

    def part_where(self, wanted: NDArray[np.bool_]) -> Part | None:
        """Return the smallest part around all wanted cells and their neighbours, None when there are none."""
        rows, columns = (np.flatnonzero(wanted.any(axis)) for axis in (1, 0))
        if not rows.size:
            return None
        top, bottom, left, right = self.whole
        part = Part(
            max(top, int(rows[0]) - 1), min(bottom, int(rows[-1]) + 2),
            max(left, int(columns[0]) - 1), min(right, int(columns[-1]) + 2),
        )  # fmt: skip
        return part if part.top < part.bottom and part.left < part.right else None

    def pixels(self, part: Part) -> tuple[slice, slice]:
        """Return the rows and columns of the frame that a part covers."""
        height, width = self.size.height, self.size.width
        return (
            slice((part.top - 1) * CELL_PX, min(height, (part.bottom - 1) * CELL_PX)),
            slice((part.left - 1) * CELL_PX, min(width, (part.right - 1) * CELL_PX)),
        )

    def per_pixel(self, field: Field | Points, part: Part | None = None) -> Field | Points:
        """Enlarge a field on the grid, of one or two numbers per cell, to one per pixel of a part of the frame."""
        part = part or self.whole
        rows, columns = self.pixels(part)
        large = enlarged(field[part.top - 1 : part.bottom + 1, part.left - 1 : part.right + 1], CELL_PX)
        return large[CELL_PX : CELL_PX + rows.stop - rows.start, CELL_PX : CELL_PX + columns.stop - columns.start]

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

    def sample(self, grid: Grid, to_pixels: Matrix, points: Points, part: Part | None = None) -> Frame:
        """Draw a part of the frame whose cells look at ``points``; ``to_pixels`` maps those to the picture's pixels."""
        positions = apply(to_pixels, points)
        level = self._level(positions)
        scale = np.array(level.shape[1::-1]) / np.array(self._levels[0].shape[1::-1])
        return look_up_indices(level, grid.per_pixel(positions * scale.astype(np.float32) - np.float32(0.5), part))

    def _level(self, positions: Points) -> Frame:
        step = float(np.median(np.abs(np.diff(positions[..., 0], axis=1)))) / CELL_PX
        wanted = max(0, math.ceil(2 * math.log2(max(step, 1e-3) / _COARSEST_STEP)))
        while len(self._levels) <= wanted and min(self._levels[-1].shape[:2]) > 16:
            height, width = self._levels[0].shape[:2]
            smaller = 2 ** (-len(self._levels) / 2)
            size = Size(max(1, round(width * smaller)), max(1, round(height * smaller)))
            self._levels.append(resized(self._levels[0], size))
        return self._levels[min(wanted, len(self._levels) - 1)]
