"""Where the subject of a photo is: what stands out in colour and detail, and faces."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from media.encode import Frame

_WORKING_SIDE_PX = 160
_DETAIL_SIDE_PX = 800
_FACE_SIDE_PX = 480
_FACE_EVIDENCE = 8  # overlapping detections; with fewer, foliage and crumpled cloth pass for faces
_FACE_WEIGHT = 6.0

Map = NDArray[np.float32]
"""A small map over the whole photo, shape (rows, columns), values 0–1 before faces are added."""


def subject_map(photo: Frame) -> Map:
    """Return how much each part of a photo matters for the viewer, on at most 160 × 160 cells.

    Contrast of colour with the surroundings at three scales (after Itti and Koch's centre-surround idea), density of
    fine detail, a mild preference for the middle, and faces above all.
    """
    small = _shrunk(photo, _WORKING_SIDE_PX)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    side = max(small.shape[:2])
    contrast = np.zeros(small.shape[:2], np.float32)
    for share in (0.04, 0.08, 0.16):
        centre = cv2.GaussianBlur(lab, (0, 0), side * share / 4 + 0.3)
        surround = cv2.GaussianBlur(lab, (0, 0), side * share * 2)
        contrast += _normalised(np.linalg.norm(centre - surround, axis=2))
    rows, columns = contrast.shape
    sharp = cv2.resize(_fine_detail(photo), (columns, rows), interpolation=cv2.INTER_AREA)
    density = _normalised(cv2.GaussianBlur(sharp, (0, 0), side * 0.04))
    weight = ((contrast / 3 + 0.8 * density) * _centre_prior(rows, columns)) ** 2
    return _with_faces((weight / max(float(weight.max()), 1e-6)).astype(np.float32), photo)


def _fine_detail(photo: Frame) -> Map:
    """Return the strength of the finest structure, which only what is in focus has."""
    grey = cv2.cvtColor(_shrunk(photo, _DETAIL_SIDE_PX), cv2.COLOR_RGB2GRAY)
    return np.minimum(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), 40).astype(np.float32)


def faces(photo: Frame) -> list[tuple[float, float, float, float]]:
    """Return the faces found beyond doubt, as (left, top, width, height) in shares of the photo's sides."""
    small = _shrunk(photo, _FACE_SIDE_PX)
    grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    height, width = grey.shape
    least = max(24, round(0.06 * min(height, width)))
    cascade = cv2.CascadeClassifier(_cascade_path())  # made anew: one classifier must not serve two threads at once
    found = cascade.detectMultiScale(grey, 1.15, _FACE_EVIDENCE, minSize=(least, least))
    skin = _skin(small)
    return [
        (x / width, y / height, w / width, h / height)
        for x, y, w, h in np.asarray(found, int).reshape(-1, 4).tolist()
        if skin[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4].mean() > 0.4
    ]


def _with_faces(weight: Map, photo: Frame) -> Map:
    rows, columns = weight.shape
    for left, top, width, height in faces(photo):
        # Hair and shoulders belong to the person: the box grows by half, and by one height downwards.
        x0, x1 = (max(0, int((left - width / 4) * columns)), int((left + 1.25 * width) * columns) + 1)
        y0, y1 = (max(0, int((top - height / 2) * rows)), int((top + 2 * height) * rows) + 1)
        weight[y0:y1, x0:x1] += _FACE_WEIGHT
    return weight


@lru_cache(maxsize=1)
def _cascade_path() -> str:
    return str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")


def _skin(picture: Frame) -> NDArray[np.bool_]:
    """Return where colours are those of skin of any tone: in YCrCb, reddish with little blue (Chai and Ngan 1999)."""
    ycrcb = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    red, blue = ycrcb[..., 1], ycrcb[..., 2]
    skin: NDArray[np.bool_] = (red > 131) & (red < 180) & (blue > 75) & (blue < 130)
    return skin


def _shrunk(photo: Frame, side_px: int) -> Frame:
    scale = side_px / max(photo.shape[:2])
    if scale >= 1:
        return photo
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _normalised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    top = float(np.percentile(values, 98))
    return np.minimum(values / max(top, 1e-6), 1).astype(np.float32)


def _centre_prior(rows: int, columns: int) -> Map:
    down = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    return (1 - 0.35 * np.minimum(1, across**2 + down**2)).astype(np.float32)
