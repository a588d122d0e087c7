"""What the pixels of one picture tell a planner: a hash, two quality figures and a coarse description of the view."""

from base64 import b64decode, b64encode

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.storyboard import PhotoFeatures

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

GRID = 14
"""Cells across and down in a view descriptor."""

CHANNELS = 7
"""Values in a cell: L, a, b and the edge strength in four orientations."""

_WORKING_SIDE_PX = 1024
_VIEW_SIDE_PX = 16 * GRID
_HASH_SIDE_PX = 32
_ORIENTATIONS = 4
_TILES = 6
_REBLUR_PX = 9
_BLACK, _WHITE = 6, 249


def picture_features(picture: Image.Image) -> PhotoFeatures:
    """Describe ``picture``, which must stand upright; any mode that converts to RGB, any size.

    The same pixels give the same features. Costs some 30 ms for a photo of 1600 px.
    """
    pixels = np.asarray(picture.convert("RGB"))
    scale = min(1.0, _WORKING_SIDE_PX / max(picture.size))
    size = max(2, round(picture.width * scale)), max(2, round(picture.height * scale))
    working: Bytes = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    luma: Bytes = cv2.cvtColor(working, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    return PhotoFeatures(
        perceptual_hash=_perceptual_hash(luma),
        sharpness=round(_sharpness(luma.astype(np.float32)), 3),
        exposure=round(_exposure(luma), 3),
        view=b64encode(_view(working).tobytes()).decode("ascii"),
    )


def unpack_view(features: PhotoFeatures) -> Floats:
    """Return the view descriptor as an array of shape (GRID, GRID, CHANNELS); a and b are 0 for neutral grey."""
    cells = np.frombuffer(b64decode(features.view), np.uint8).reshape(GRID, GRID, CHANNELS).astype(np.float32)
    cells[..., 1:3] -= 128
    return cells


def _perceptual_hash(luma: Bytes) -> str:
    """The 8 × 8 lowest frequencies of a 32 × 32 cosine transform against their median (pHash; Zauner 2010)."""
    small = cv2.resize(luma, (_HASH_SIDE_PX, _HASH_SIDE_PX), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:8, :8].ravel()
    # The first coefficient is the mean brightness: it says nothing about the pattern and would skew the median.
    return np.packbits(low > np.median(low[1:])).tobytes().hex()


def _sharpness(luma: Floats) -> float:
    """Return how much detail a second blur would destroy, 0–1, in the sharpest parts of the picture.

    The measure is Crété's perceptual blur (Crété et al., "The blur effect", SPIE 6492, 2007), which depends little on
    what is shown. It is taken tile by tile, because a subject in focus before a soft background is a sharp picture.
    """
    kept = []
    for axis, kernel in ((1, (_REBLUR_PX, 1)), (0, (1, _REBLUR_PX))):
        detail = np.abs(np.diff(luma, axis=axis))
        lost = np.maximum(0, detail - np.abs(np.diff(cv2.blur(luma, kernel), axis=axis)))
        had, went, energy = (_tiles(values) for values in (detail, lost, detail**2))
        # Tiles without structure hold only noise and compression, which would look sharp; noise has little energy.
        structured = energy > max(0.5, 0.15 * float(energy.max()))
        ratios = np.sort(went[structured] / had[structured])
        kept.append(float(ratios[-max(1, len(ratios) // 4) :].mean()) if len(ratios) else 0.0)
    return min(1.0, min(kept))


def _tiles(values: Floats) -> Floats:
    means: Floats = cv2.resize(values, (_TILES, _TILES), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    return means


def _exposure(luma: Bytes) -> float:
    """Return 1 for a well spread picture, less for clipped highlights, blocked shadows or an extreme mean, 0.1–1.

    The floors keep pictures on a pure white or black ground, which are meant to be so, above nothing.
    """
    blocked, clipped = float((luma <= _BLACK).mean()), float((luma >= _WHITE).mean())
    off_centre = abs(float(luma.mean()) / 255 - 0.47) / 0.53
    lost = max(0.0, blocked - 0.05) + max(0.0, clipped - 0.02)
    return max(0.3, 1 - off_centre**2) * max(0.35, 1 - 1.5 * lost)


def _view(rgb: Bytes) -> Bytes:
    """Return the view descriptor: colour and edge orientations on a coarse grid, the picture squeezed to a square."""
    square = cv2.resize(rgb, (_VIEW_SIDE_PX, _VIEW_SIDE_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.resize(square, (GRID, GRID), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    luma = cv2.GaussianBlur(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    strength, angle = np.hypot(across, down), np.arctan2(down, across)
    edges = []
    for bin_number in range(_ORIENTATIONS):
        # Doubled angles: an edge from dark to light and one from light to dark are the same edge.
        share = np.maximum(0, np.cos(2 * (angle - bin_number * np.pi / _ORIENTATIONS)))
        edges.append(np.sqrt(cv2.resize(strength * share, (GRID, GRID), interpolation=cv2.INTER_AREA)))
    grid = np.stack(edges, axis=-1)
    scaled = np.rint(grid * (255 / max(1.0, float(grid.max())))).astype(np.uint8)
    return np.concatenate([lab, scaled], axis=-1)
