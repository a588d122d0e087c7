"""How two photos of one scene are related as a whole: one homography, found by features."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import Size
from providers.video.local.imaging import Points, grey, shrunk
from providers.video.local.projective import Matrix, Rectangle, exp, log, rectangle_map

_FEATURE_SIDE_PX = 640
_FEATURES = 1500
_DISTINCT = 0.78  # nearest against second-nearest descriptor distance (Lowe 2004 gives 0.8)
_INLIER_PX = 3.0
_LEAST_INLIERS = 14
_LARGEST_ZOOM = 5.0
_STRONGEST_TILT = 0.9  # half-way, per half of the longer side; at 1 the horizon would touch the picture
_MOST_STRETCHED = 2.0  # half-way: the larger scale over the smaller
_MOST_TURNED = 0.4  # half-way, radians


def relate(a: Frame, b: Frame) -> Matrix | None:
    """Return the homography from pixels of photo ``a`` to pixels of photo ``b``, or None when they share no view.

    SIFT features matched both ways, MAGSAC with a fixed seed, and bounds that a real camera move keeps: no mirror
    image, no half turn, zoom below 5, and no tilt so strong that the picture would fold.
    """
    (points_a, scale_a), (points_b, scale_b) = _matched(a, b)
    if len(points_a) < _LEAST_INLIERS:
        return None
    parameters = cv2.UsacParams()
    parameters.randomGeneratorState = 7
    parameters.threshold = _INLIER_PX
    parameters.confidence = 0.999
    parameters.maxIterations = 5000
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    found, inliers = cv2.findHomography(points_a, points_b, parameters)
    if found is None or int(inliers.sum()) < max(_LEAST_INLIERS, 0.2 * len(points_a)):
        return None
    seen = points_a[inliers.ravel() > 0] @ found[2, :2] + found[2, 2]
    found = found * np.sign(np.median(seen))  # the estimate's sign is arbitrary; what was matched is seen
    relation = np.diag([1 / scale_b, 1 / scale_b, 1.0]) @ found @ np.diag([scale_a, scale_a, 1.0])
    return relation if _plausible(relation, Size(a.shape[1], a.shape[0]), Size(b.shape[1], b.shape[0])) else None


def _matched(a: Frame, b: Frame) -> tuple[tuple[Points, float], tuple[Points, float]]:
    (keys_a, found_a, scale_a), (keys_b, found_b, scale_b) = (_features(photo) for photo in (a, b))
    empty = np.zeros((0, 2), np.float32)
    if found_a is None or found_b is None or min(len(keys_a), len(keys_b)) < 2:
        return (empty, scale_a), (empty, scale_b)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    there = {m.queryIdx: m.trainIdx for m in _distinct(matcher.knnMatch(found_a, found_b, 2))}
    back = {m.queryIdx: m.trainIdx for m in _distinct(matcher.knnMatch(found_b, found_a, 2))}
    pairs = [(i, j) for i, j in there.items() if back.get(j) == i]
    points_a = np.array([keys_a[i].pt for i, _ in pairs], np.float32).reshape(-1, 2) + np.float32(0.5)
    points_b = np.array([keys_b[j].pt for _, j in pairs], np.float32).reshape(-1, 2) + np.float32(0.5)
    return (points_a, scale_a), (points_b, scale_b)


def _distinct(candidates: Sequence[Sequence[cv2.DMatch]]) -> list[cv2.DMatch]:
    return [pair[0] for pair in candidates if len(pair) == 2 and pair[0].distance < _DISTINCT * pair[1].distance]


def _features(photo: Frame) -> tuple[tuple[cv2.KeyPoint, ...], NDArray[np.float32] | None, float]:
    small = shrunk(photo, _FEATURE_SIDE_PX)
    engine: Any = cv2.SIFT.create(_FEATURES)
    keys, found = engine.detectAndCompute(grey(small), None)
    return tuple(keys), found, small.shape[1] / photo.shape[1]


def _plausible(relation: Matrix, a: Size, b: Size) -> bool:
    """Tell whether a camera between two ordinary photos of one scene can have made this map.

    Judged half-way, where a turn that carries part of one photo behind the other's camera is still an ordinary view.
    """
    onto_b, onto_a = (rectangle_map(_centred(size), (-1000, -1000, 2000, 2000)) for size in (b, a))
    try:
        half = exp(log(onto_b @ relation @ np.linalg.inv(onto_a)) / 2)
        half = half / half[2, 2]
    except ValueError:
        return False
    tilt, shift = 1000 * half[2, :2], half[:2, 2] / 1000
    linear = half[:2, :2] - np.outer(shift, tilt)  # the map's derivative in the middle
    if not np.linalg.det(linear) > 0 or np.abs(tilt).sum() > _STRONGEST_TILT:
        return False
    largest, smallest = np.linalg.svd(linear, compute_uv=False)
    turned = abs(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    zoom_in_bounds = largest < _LARGEST_ZOOM**0.5 and smallest > _LARGEST_ZOOM**-0.5
    return bool(zoom_in_bounds and largest / smallest < _MOST_STRETCHED and turned < _MOST_TURNED)


def _centred(size: Size) -> Rectangle:
    """Return the square on a photo's middle whose side is the photo's longer side."""
    side = float(max(size))
    return ((size.width - side) / 2, (size.height - side) / 2, side, side)
