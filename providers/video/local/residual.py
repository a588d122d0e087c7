"""What a homography leaves between two views of one scene: optical flow, where to trust it, and the colours' relation.

Both photos are brought half-way by the homography first, so that flow has little to bridge even in a strong zoom, and
neither photo is favoured.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import Size
from providers.video.local.framing import FramedPhoto
from providers.video.local.imaging import Field, Points, averaged, blurred, lattice, look_up, single
from providers.video.local.projective import Matrix, Rectangle, apply, exp, log

FLOW_SIDE_PX = 640
"""Longest side at which optical flow is computed; the selector's pixels are pixels of this size."""

CONSISTENT_PX = 3.0
"""Largest forward-backward flow error of a pixel that counts as the same point of the scene."""

_LEAST_CONSISTENT = 0.5  # measured: two views of one scene reach 0.8, unrelated photos stay near 0
_LEAST_ALIKE = 0.55
_LEAST_COMMON = 0.15
_MOST_FOLDED = 0.03
_FLOW_SIGMA_PX = 1.2
_ISLAND_PX = 61


@dataclass(frozen=True)
class Residual:
    """The photos compared half-way between the two views.

    Flows (``there`` from the first photo to the second, ``back``) are in frame pixels, on maps that cover the frame;
    ``trust`` (0–1) says where both photos show the same point. ``consistent`` is the share of the common view with a
    forward-backward error below ``CONSISTENT_PX``, ``alike`` its correlation after the warp (−1 to 1), ``folded`` the
    share where the flow would turn the picture inside out, ``common`` the share of the window that both photos show.
    ``gain`` and ``offset`` (per channel) turn the first photo's colours into the second's.
    """

    there: Points
    back: Points
    trust: Field
    consistent: float
    alike: float
    folded: float
    common: float
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]

    @property
    def same_scene(self) -> bool:
        """Tell whether a move through one scene would be believed; when in doubt it would melt, so no."""
        return (
            self.consistent > _LEAST_CONSISTENT
            and self.alike > _LEAST_ALIKE
            and self.common > _LEAST_COMMON
            and self.folded < _MOST_FOLDED
        )


def measure_residual(a: FramedPhoto, b: FramedPhoto, relation: Matrix, size: Size) -> Residual:
    """Compare two framed photos; ``relation`` maps frame pixels of ``a`` to frame pixels of ``b``."""
    scale = FLOW_SIDE_PX / max(size)
    small = Size(max(24, round(size.width * scale)), max(24, round(size.height * scale)))
    places = lattice(size, small)
    step = log(relation)
    half_a, inside_a = _seen(a, apply(exp(-step / 2), places))
    half_b, inside_b = _seen(b, apply(exp(step / 2), places))
    window = _inside(places, a.window) | _inside(places, b.window)
    common = inside_a & inside_b & window
    there, back = _flows(half_a, half_b, common)
    error = np.maximum(_round_trip(there, back), _round_trip(back, there))
    sure = common & (error < CONSISTENT_PX)
    moved = _displaced(half_b, there)
    gain, offset = _colour_match(half_a, moved, sure)
    trust = _trust(error, half_a * gain + offset - moved, common)
    frame_px = np.float32(1 / scale)
    return Residual(
        there=_smoothed(there, trust) * frame_px,
        back=_smoothed(back, trust) * frame_px,
        trust=trust,
        consistent=float(sure.sum() / max(1, common.sum())),
        alike=_correlation(half_a, moved, common),
        folded=_folded(there, sure),
        common=float(common.sum() / max(1, window.sum())),
        gain=gain,
        offset=offset,
    )


def _inside(points: Points, box: Rectangle) -> NDArray[np.bool_]:
    left, top, width, height = box
    x, y = points[..., 0], points[..., 1]
    inside: NDArray[np.bool_] = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
    return inside


def _seen(photo: FramedPhoto, points: Points) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Look the photo up at frame positions, anti-aliased, as float; and say which of them it covers."""
    positions = apply(photo.to_pixels, points)
    stride = float(np.median(np.abs(np.diff(positions[..., 0], axis=1))))
    seen = look_up(blurred(photo.pixels, max(0.3, 0.4 * stride)), positions)
    return seen.astype(np.float32), _inside(points, photo.bounds)


def _flows(a: NDArray[np.float32], b: NDArray[np.float32], common: NDArray[np.bool_]) -> tuple[Points, Points]:
    grey_a, grey_b = (_grey(picture, common) for picture in (a, b))
    engine: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return engine.calc(grey_a, grey_b, None), engine.calc(grey_b, grey_a, None)


def _grey(picture: NDArray[np.float32], common: NDArray[np.bool_]) -> Frame:
    """Return luminance with the common view's mean and contrast made standard, so that exposure does not count."""
    luminance = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    values = luminance[common] if common.any() else luminance
    standard: Frame = np.clip((luminance - values.mean()) / (values.std() + 4) * 50 + 128, 0, 255).astype(np.uint8)
    return standard


def _displaced(picture: NDArray[np.float32], flow: Points) -> NDArray[np.float32]:
    here = Size(flow.shape[1], flow.shape[0])
    return look_up(picture, lattice(here, here) + flow)


def _round_trip(out: Points, home: Points) -> Field:
    return single(np.linalg.norm(out + _displaced(home, out), axis=2))


def _colour_match(
    a: NDArray[np.float32], b: NDArray[np.float32], sure: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return gain and offset per channel that give ``a`` the mean and contrast of ``b``, within what exposures vary."""
    if sure.sum() < 500:
        return np.ones(3, np.float32), np.zeros(3, np.float32)
    one, other = a[sure], b[sure]
    gain = np.clip((other.std(0) + 2) / (one.std(0) + 2), 0.7, 1.4)
    offset = np.clip(other.mean(0) - gain * one.mean(0), -40, 40)
    return gain.astype(np.float32), offset.astype(np.float32)


def _trust(error: Field, unlike: NDArray[np.float32], common: NDArray[np.bool_]) -> Field:
    """Return 1 where flow agrees with itself and colours agree after it, 0 where not, softly between."""
    difference = blurred(np.abs(unlike).max(2), 2.0)
    trust = np.clip(2 - error / 1.5, 0, 1) * np.clip(2 - difference / 18, 0, 1) * common
    # Erode before softening: what lies at the rim of a wrong match is wrong too.
    sure = np.asarray(cv2.erode(trust.astype(np.float32), np.ones((5, 5))), np.float32)
    # An island of agreement within a thing that was moved is chance, and following it would bend the thing.
    believed = np.clip((averaged(sure, _ISLAND_PX) - 0.35) / 0.3, 0, 1)
    return blurred(single(sure * believed), 2.5)


def _smoothed(flow: Points, trust: Field) -> Points:
    """Keep trusted flow; elsewhere continue it smoothly from the surroundings, fading to none far away."""
    weight = np.maximum(trust, np.float32(1e-4))[..., None]
    fine = blurred(flow * weight, _FLOW_SIGMA_PX) / blurred(weight, _FLOW_SIGMA_PX)[..., None]
    spread = averaged(averaged(trust, 81), 41)[..., None]
    wide = averaged(averaged(flow * trust[..., None], 81), 41) / (spread + np.float32(0.02))
    return single(trust[..., None] * fine + (1 - trust[..., None]) * wide)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32], common: NDArray[np.bool_]) -> float:
    if common.sum() < 100:
        return 0.0
    one, other = (blurred(picture, 1.0)[common].ravel() for picture in (a, b))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / (np.sqrt((one**2).sum() * (other**2).sum()) + 1e-6))


def _folded(flow: Points, sure: NDArray[np.bool_]) -> float:
    smooth = blurred(flow, 2.0)
    dx_dx, dx_dy = 1 + np.gradient(smooth[..., 0], axis=1), np.gradient(smooth[..., 0], axis=0)
    dy_dx, dy_dy = np.gradient(smooth[..., 1], axis=1), 1 + np.gradient(smooth[..., 1], axis=0)
    folded = (dx_dx * dy_dy - dx_dy * dy_dx < 0.1) & sure
    return float(folded.sum() / max(1, sure.sum()))
