"""The few OpenCV calls this engine makes, with its own array types: the library's stubs say only "some array"."""

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from media.encode import Frame
from models.media import Size

_Number = TypeVar("_Number", np.uint8, np.float32)
_cv2: Any = cv2

Field = NDArray[np.float32]
"""One number per cell of a grid or of a small map, shape (rows, columns)."""

Points = NDArray[np.float32]
"""Positions or displacements, shape (..., 2), x before y. The centre of pixel 0 is at 0.5."""


def single(values: ArrayLike) -> NDArray[np.float32]:
    """Return values in single precision, all that positions and weights need."""
    return np.asarray(values, np.float32)


def look_up(picture: NDArray[_Number], at: Points) -> NDArray[_Number]:
    """Return the picture's values at positions, bilinearly; outside, its edge is repeated."""
    return look_up_indices(picture, at - np.float32(0.5))


def look_up_indices(picture: NDArray[_Number], at: Points) -> NDArray[_Number]:
    """Do as ``look_up``, with positions as array indices: the centre of pixel 0 is at 0."""
    found: NDArray[_Number] = _cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found


def resized(picture: NDArray[_Number], size: Size) -> NDArray[_Number]:
    """Return the picture at another size: averaged when smaller, smooth when larger."""
    shrinks = size.width * size.height < picture.shape[0] * picture.shape[1]
    scaled: NDArray[_Number] = _cv2.resize(
        picture, tuple(size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return scaled


def enlarged(field: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Return a field with ``times`` as many cells each way, linearly interpolated."""
    rows, columns = field.shape[:2]
    large: NDArray[np.float32] = _cv2.resize(field, (columns * times, rows * times), interpolation=cv2.INTER_LINEAR)
    return large


def blurred(picture: NDArray[_Number], sigma: float) -> NDArray[_Number]:
    """Return the picture after a Gaussian of ``sigma`` pixels, mirrored at the border."""
    soft: NDArray[_Number] = _cv2.GaussianBlur(picture, (0, 0), sigma)
    return soft


def averaged(field: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the mean over squares of ``side`` pixels."""
    mean: NDArray[np.float32] = _cv2.blur(field, (side, side))
    return mean


def blended(a: NDArray[_Number], b: NDArray[_Number], share_of_b: Field) -> NDArray[_Number]:
    """Return a mixture of two pictures; ``share_of_b`` is per pixel."""
    share = np.ascontiguousarray(share_of_b)
    mixture: NDArray[_Number] = _cv2.blendLinear(a, b, 1 - share, share)
    return mixture


def mixed(a: Frame, b: Frame, share_of_b: float) -> Frame:
    """Return an even mixture of two pictures."""
    mixture: Frame = _cv2.addWeighted(a, 1 - share_of_b, b, share_of_b, 0)
    return mixture


def translated(picture: Frame, table: NDArray[_Number]) -> NDArray[_Number]:
    """Return the picture with each level replaced by its entry in a table of 256, or of 256 per channel."""
    replaced: NDArray[_Number] = _cv2.LUT(picture, table)
    return replaced


def grey(picture: Frame) -> NDArray[np.uint8]:
    """Return the luminance of an RGB picture."""
    luminance: NDArray[np.uint8] = _cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return luminance


def shrunk(picture: Frame, longest_px: int) -> Frame:
    """Return the picture with its longer side at most ``longest_px``."""
    height, width = picture.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return picture
    return resized(picture, Size(max(1, round(width * scale)), max(1, round(height * scale))))


def smoothstep(values: Field) -> Field:
    """Return 0 below 0, 1 above 1, and 3v² − 2v³ between."""
    v = np.clip(values, 0, 1)
    return single(v * v * (3 - 2 * v))


def lattice(size: Size, count: Size) -> Points:
    """Return the centres of ``count`` equal cells that cover a rectangle of ``size`` from the origin."""
    across = (np.arange(count.width) + 0.5) * (size.width / count.width)
    down = (np.arange(count.height) + 0.5) * (size.height / count.height)
    return single(np.stack(np.meshgrid(across, down), -1))
