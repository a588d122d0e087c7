"""Where the subject of a photo is: what stands out in colour and detail, and faces."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from media.encode import Frame
from models.media import Size
from providers.video.local.imaging import blurred, grey, resized, shrunk, single

_WORKING_SIDE_PX = 160
_DETAIL_SIDE_PX = 800
_NOISE_LEVELS = 8  # Laplacian of sensor noise and compression, which is not detail
_FACE_SIDE_PX = 480
_FACE_EVIDENCE = 8  # overlapping detections; with fewer, foliage and crumpled cloth pass for faces
_FACE_WEIGHT = 6.0

Map = NDArray[np.float32]
"""A small map over the whole photo, shape (rows, columns), values 0–1 before faces are added."""


def subject_map(photo: Frame) -> Map:
    """Return how much each part of a photo matters for the viewer, on at most 160 × 160 cells.

    Contrast of colour with the surroundings at three scales (after Itti and Koch's centre-surround idea), colours
    unlike those of the border (after Zhang et al. 2015), density of fine detail, a mild preference for the middle,
    and faces above all.
    """
    small = shrunk(photo, _WORKING_SIDE_PX)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    side = max(small.shape[:2])
    rows, columns = small.shape[:2]
    contrast = np.zeros((rows, columns), np.float32)
    for share in (0.04, 0.08, 0.16):
        centre, surround = blurred(lab, side * share / 4 + 0.3), blurred(lab, side * share * 2)
        contrast += _relative(single(np.linalg.norm(centre - surround, axis=2)), 4)
    density = _relative(blurred(resized(_fine_detail(photo), Size(columns, rows)), side * 0.04), 4)
    foreign = _relative(blurred(_unlike_border(lab), side * 0.02), 3)
    weight = ((contrast / 3 + 0.7 * density + 0.8 * foreign) * _centre_prior(rows, columns)) ** 2
    return _with_faces(single(weight / max(float(weight.max()), 1e-6)), photo)


def _unlike_border(lab: NDArray[np.float32]) -> Map:
    """Return how far each colour is from those along the photo's border, which is mostly background.

    Mahalanobis distance to each side's colours, without the least like it: a subject may touch one side.
    """
    band = max(1, round(0.06 * max(lab.shape[:2])))
    sides = (lab[:band], lab[-band:], lab[:, :band], lab[:, -band:])
    distances = np.stack([_distance(lab, side.reshape(-1, 3)) for side in sides])
    return single((distances.sum(0) - distances.max(0)) / 3)


def _distance(lab: NDArray[np.float32], colours: NDArray[np.float32]) -> Map:
    spread = np.cov(colours, rowvar=False) + 40 * np.eye(3)
    away = lab - colours.mean(0)
    return single(np.sqrt(np.einsum("...i,ij,...j->...", away, np.linalg.inv(spread), away, optimize=True)))


def _fine_detail(photo: Frame) -> Map:
    """Return the strength of the finest structure, which only what is in focus has."""
    edges = np.abs(cv2.Laplacian(grey(shrunk(photo, _DETAIL_SIDE_PX)), cv2.CV_32F))
    return single(np.clip(edges - _NOISE_LEVELS, 0, 40))


def faces(photo: Frame) -> list[tuple[float, float, float, float]]:
    """Return the faces found beyond doubt, as (left, top, width, height) in shares of the photo's sides."""
    small = shrunk(photo, _FACE_SIDE_PX)
    height, width = small.shape[:2]
    least = max(24, round(0.06 * min(height, width)))
    cascade = cv2.CascadeClassifier(_cascade_path())  # made anew: one classifier must not serve two threads at once
    found = cascade.detectMultiScale(cv2.equalizeHist(grey(small)), 1.15, _FACE_EVIDENCE, minSize=(least, least))
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
    return str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml")


def _skin(picture: Frame) -> NDArray[np.bool_]:
    """Return where colours are those of skin of any tone: in YCrCb, reddish with little blue (Chai and Ngan 1999)."""
    ycrcb = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    red, blue = ycrcb[..., 1], ycrcb[..., 2]
    skin: NDArray[np.bool_] = (red > 131) & (red < 180) & (blue > 75) & (blue < 130)
    return skin


def _relative(values: Map, least: float) -> Map:
    """Return values as shares of their near-maximum, which counts as at least ``least``."""
    top = float(np.percentile(values, 98))
    return single(np.minimum(values / max(top, least), 1))


def _centre_prior(rows: int, columns: int) -> Map:
    down = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    return single(1 - 0.35 * np.minimum(1, across**2 + down**2))
