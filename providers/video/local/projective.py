"""Plane projective maps as 3×3 matrices: apply, interpolate along the group, bound.

A camera that turns and zooms in place relates two pictures by a homography; its matrix logarithm is the constant
"velocity" of that camera, so ``exp(s · log H)`` for s from 0 to 1 is the steady move from one view to the other. A pure
zoom keeps its fixed point, a pan its speed, a turn its axis. (Lie group interpolation; logarithm by inverse scaling and
squaring with Denman-Beavers square roots, exponential by scaling and squaring: Higham, Functions of Matrices, 2008.)
"""

import numpy as np
from numpy.typing import NDArray

from providers.video.local.imaging import Points, single

Matrix = NDArray[np.float64]
"""A 3×3 homogeneous matrix acting on column vectors (x, y, 1). Its sign matters: points that are seen come out with a
positive third coordinate."""

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height."""

_ROOTS = 6  # log(H) of a bounded H has norm below about 3; the 64th root is then within 0.05 of the identity
_TERMS = 10
_UNIT = np.diag([1e-3, 1e-3, 1.0])  # thousands of pixels, so that shifts weigh about as much as turns
_PER_UNIT = np.diag([1e3, 1e3, 1.0])


def scaling(scale: float, about: tuple[float, float] = (0.0, 0.0)) -> Matrix:
    """Return the map that enlarges by ``scale`` about a point."""
    return np.array([[scale, 0, about[0] * (1 - scale)], [0, scale, about[1] * (1 - scale)], [0, 0, 1.0]])


def rectangle_map(source: Rectangle, target: Rectangle) -> Matrix:
    """Return the map that carries one rectangle onto another."""
    sx, sy = target[2] / source[2], target[3] / source[3]
    return np.array([[sx, 0, target[0] - sx * source[0]], [0, sy, target[1] - sy * source[1]], [0, 0, 1.0]])


def apply(matrix: Matrix, points: Points) -> Points:
    """Map points; those on or behind the horizon come back as far away (1e6) instead of mirrored."""
    m = matrix.astype(np.float32)
    x, y = points[..., 0], points[..., 1]
    depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    if not np.any(m[2, :2]):
        depth = np.full_like(x, m[2, 2])
    safe = np.where(depth > 1e-6, depth, np.float32(1e-6))
    mapped = np.stack(((m[0, 0] * x + m[0, 1] * y + m[0, 2]) / safe, (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / safe), -1)
    return single(np.clip(mapped, -1e6, 1e6))


def log(matrix: Matrix) -> Matrix:
    """Return the principal logarithm of a homography of pixels without reflection.

    Raises ValueError when there is none (a mirror image or a half turn).
    """
    determinant = np.linalg.det(matrix)
    if not determinant > 0:
        raise ValueError("a reflection has no real logarithm")
    root = _UNIT @ (matrix / np.cbrt(determinant)) @ _PER_UNIT
    for _ in range(_ROOTS):
        root = _square_root(root)
    rest = root - np.eye(3)
    if not np.linalg.norm(rest) < 0.5:
        raise ValueError("too far from the identity")
    power, total = np.eye(3), np.zeros((3, 3))
    for term in range(1, _TERMS + 1):
        power = power @ rest
        total += power * ((-1) ** (term + 1) / term)
    logarithm: Matrix = _PER_UNIT @ total @ _UNIT * 2.0**_ROOTS
    return logarithm


def exp(matrix: Matrix) -> Matrix:
    """Return the matrix exponential."""
    small = matrix / 2.0**_ROOTS
    power, total = np.eye(3), np.eye(3)
    for term in range(1, _TERMS + 1):
        power = power @ small / term
        total += power
    for _ in range(_ROOTS):
        total = total @ total
    return total


def _square_root(matrix: Matrix) -> Matrix:
    root, inverse = matrix, np.eye(3)
    for _ in range(20):
        following = (root + np.linalg.inv(inverse)) / 2
        inverse = (inverse + np.linalg.inv(root)) / 2
        done = np.allclose(following, root, rtol=0, atol=1e-13)
        root = following
        if done:
            break
    if not np.allclose(root @ root, matrix, atol=1e-8):
        raise ValueError("no real square root: the views are turned half around")
    return root
