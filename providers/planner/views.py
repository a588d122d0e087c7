"""How the views of pictures overlap: every pair compared under the shifts and zooms a camera move makes."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.storyboard import PhotoFeatures
from providers.planner.features import CHANNELS, GRID, Floats, unpack_view

RELATED = 0.735
"""Similarity from which two pictures show the same thing. Among 46 real photos 15 pairs lie above it: 14 that do show
the same, from 0.744 up, and two pages of black text on white. The best pair of different rooms reaches 0.726."""

_SAMPLES = 6
_ZOOMS = (0.85, 0.74, 0.64, 0.55, 0.46)
_ZOOM_STEP = 0.08
_SHIFTS_ACROSS = (0.1, 0.18, 0.26, 0.34, 0.42, 0.5, 0.58)
_SHIFTS_DOWN = (-0.32, -0.24, -0.16, -0.08, 0.0, 0.08, 0.16, 0.24, 0.32)
_LEAST_OVERLAP = 0.38

# Shares of the similarity. Structure finds the alignment; colour tells apart what has the same layout.
_LUMA_SHARE, _EDGE_SHARE, _COLOUR_SHARE = 0.35, 0.35, 0.3
_COLOUR_TOLERANCE = 20.0
_BLOCK = 32  # 32 × 32 × 252 products stay below the size (262 144) from which OpenBLAS takes several threads
_FLAT_LUMA = 18.0

# A moved window must agree better than the unmoved one by this much, or noise would read as a camera move.
_MOVE_MARGIN = 0.01

# (most differing bits, least similarity of the unmoved view). Copies of 46 photos that were brightened, compressed or
# cropped by 3 % differ in up to 8 bits; two shots of one still life, meant as a pair, differ in 12.
_DUPLICATES = ((6, 0.3), (10, 0.85))


class Window(NamedTuple):
    """A part of a picture, 0–1 from its left and top edge."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the picture, 0–1."""
        return (self.right - self.left) * (self.bottom - self.top)


_WHOLE = Window(0.0, 0.0, 1.0, 1.0)


class Overlap(NamedTuple):
    """How two pictures relate: the parts of each that agree best, and how well they do (1 = the same)."""

    similarity: float
    first_window: Window
    last_window: Window

    @property
    def common(self) -> float:
        """Area seen in both over area seen in either, 0–1."""
        ours, theirs = self.first_window.area, self.last_window.area
        return 1 / (1 / ours + 1 / theirs - 1)

    @property
    def zoom(self) -> float:
        """Magnification from the first to the last: above 1 the last is nearer, below 1 the first is."""
        return float(np.sqrt(self.last_window.area / self.first_window.area))

    @property
    def shift(self) -> tuple[float, float]:
        """Where the last view lies from the first: right and down, in widths and heights of the first."""
        (left, top, right, bottom), last = self.first_window, self.last_window
        return (left + right - last.left - last.right) / 2, (top + bottom - last.top - last.bottom) / 2

    def reversed(self) -> "Overlap":
        """Return the same relation seen from the last picture."""
        return Overlap(self.similarity, self.last_window, self.first_window)


class ViewTable:
    """All pairs of some pictures compared, at their positions in ``features``; arrays are (pictures, pictures).

    ``similarity`` is 1 for the same view, about 0.5 for unrelated ones; ``likeness`` is the same for the unmoved
    views, down to −1 or less where colours differ; ``change`` is 0 for the same view and grows to 1 with what is new;
    ``duplicates`` is true where the view is the same but for small differences in light or framing. All are
    symmetric. 200 pictures cost 0.25 s, 400 cost 0.6 s.
    """

    def __init__(self, features: Sequence[PhotoFeatures]) -> None:
        views = np.stack([unpack_view(one) for one in features])
        whole = _vectors(views, _WHOLE)
        self._windows = list(_windows())
        self.likeness = _agreement(whole, whole)
        self._directed = self.likeness + np.float32(_MOVE_MARGIN)
        self._best = np.zeros(self.likeness.shape, np.intp)
        for number, (ours, theirs) in enumerate(self._windows[1:], start=1):
            agreement = _agreement(_vectors(views, ours), whole if theirs == _WHOLE else _vectors(views, theirs))
            self._best[agreement > self._directed] = number
            np.maximum(self._directed, agreement, out=self._directed)
        self._directed[self._best == 0] -= np.float32(_MOVE_MARGIN)
        self.similarity = np.clip(np.maximum(self._directed, self._directed.T), 0, 1)
        self.change = 1 - self._common() * self.similarity
        self.duplicates = _are_duplicates(self.likeness, _hash_distances(features))

    def overlap(self, first: int, last: int) -> Overlap:
        """Return how the pictures at these positions relate, whichever of the two is the wider."""
        similarity = float(self.similarity[first, last])
        if self._directed[first, last] >= self._directed[last, first]:
            return Overlap(similarity, *self._windows[self._best[first, last]])
        last_window, first_window = self._windows[self._best[last, first]]
        return Overlap(similarity, first_window, last_window)

    def _common(self) -> Floats:
        by_window = np.array([Overlap(1.0, *windows).common for windows in self._windows], np.float32)
        common = by_window[self._best]
        symmetric: Floats = np.where(self._directed >= self._directed.T, common, common.T)
        return symmetric


def _windows() -> Iterator[tuple[Window, Window]]:
    """Yield pairs of windows that may show the same thing, the unmoved view first.

    Shifts go to the right only: the other direction is the same pair looked at from the other picture.
    """
    yield _WHOLE, _WHOLE
    for size in _ZOOMS:
        places = np.linspace(0, 1 - size, max(3, round((1 - size) / _ZOOM_STEP) + 1)).tolist()
        yield from ((Window(x, y, x + size, y + size), _WHOLE) for x in places for y in places)
    moves = [(0.0, down) for down in _SHIFTS_DOWN if down > 0]
    moves += [(across, down) for across in _SHIFTS_ACROSS for down in _SHIFTS_DOWN]
    for across, down in moves:
        ours = Window(across, max(0.0, down), 1.0, 1.0 + min(0.0, down))
        if ours.area >= _LEAST_OVERLAP:
            yield ours, Window(0.0, max(0.0, -down), 1.0 - across, 1.0 - max(0.0, down))


class _Vectors(NamedTuple):
    """Rows such that a weighted dot product of two, less both penalties, is their similarity."""

    rows: Floats
    penalty: Floats


def _vectors(views: Floats, window: Window) -> _Vectors:
    """Resample ``window`` of every view to a small grid and normalise it against differences in light."""
    down, across = _resampling(window.top, window.bottom), _resampling(window.left, window.right)
    count = len(views)
    columns = np.matmul(down, views.reshape(count, GRID, GRID * CHANNELS)).reshape(count, _SAMPLES, GRID, CHANNELS)
    cells = np.matmul(across, columns).reshape(count, _SAMPLES * _SAMPLES, CHANNELS)
    centred = cells - cells.mean(axis=1, keepdims=True)
    luma = _unit(centred[..., 0], _FLAT_LUMA) * np.float32(np.sqrt(_LUMA_SHARE))
    edges = _unit(centred[..., 3:].reshape(count, -1), 1.0) * np.float32(np.sqrt(_EDGE_SHARE))
    scale = np.sqrt(2 * _COLOUR_SHARE / (_SAMPLES * _SAMPLES)) / _COLOUR_TOLERANCE
    colour = cells[..., 1:3].reshape(count, -1) * np.float32(scale)
    return _Vectors(np.concatenate([luma, edges, colour], axis=1), (colour**2).sum(axis=1) / 2)


def _agreement(ours: _Vectors, theirs: _Vectors) -> Floats:
    """Return similarities of shape (pictures, pictures): correlation of luma and of edges, nearness of colour.

    The colour term is its share × (1 − mean squared distance in a and b / tolerance²), written as a dot product.
    """
    product = _products(ours.rows, theirs.rows)
    product -= ours.penalty[:, None]
    product += np.float32(_COLOUR_SHARE) - theirs.penalty[None, :]
    return product


def _products(ours: Floats, theirs: Floats) -> Floats:
    """Return the dot products of all rows of two arrays of the same shape, computed block by block in one thread.

    A whole product would run on all cores, and where those are busy (a clip being rendered) its threads wait for each
    other: with three busy processes on two cores, 200 pictures took 0.6 s this way and up to 6 s the other.
    """
    count, width = ours.shape
    padding = ((0, -count % _BLOCK), (0, 0))
    left = np.pad(ours, padding).reshape(-1, 1, _BLOCK, width)
    right = np.pad(theirs, padding).reshape(1, -1, _BLOCK, width).swapaxes(2, 3)
    blocks = np.matmul(left, right)
    side = len(left) * _BLOCK
    products: Floats = blocks.swapaxes(1, 2).reshape(side, side)[:count, :count]
    return products


def _unit(rows: Floats, least: float) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.maximum(lengths, np.float32(least))).astype(np.float32)
    return unit


@lru_cache(maxsize=1024)
def _resampling(start: float, stop: float) -> Floats:
    """Return the (_SAMPLES, GRID) matrix that averages the cells between two positions by the area covered."""
    edges = np.linspace(start, stop, _SAMPLES + 1) * GRID
    cells = np.arange(GRID)
    covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.maximum(0, covered)
    matrix: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def _are_duplicates(same: Floats, bits: NDArray[np.intp]) -> NDArray[np.bool_]:
    (few, least), (some, most) = _DUPLICATES
    duplicates: NDArray[np.bool_] = ((bits <= few) & (same >= least)) | ((bits <= some) & (same >= most))
    return duplicates


def _hash_distances(features: Sequence[PhotoFeatures]) -> NDArray[np.intp]:
    packed = np.array([list(bytes.fromhex(one.perceptual_hash)) for one in features], np.uint8)
    bits = np.unpackbits(packed, axis=1).astype(np.intp)
    ones = bits.sum(axis=1)
    distances: NDArray[np.intp] = ones[:, None] + ones[None, :] - 2 * bits @ bits.T
    return distances
