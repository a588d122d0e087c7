"""Fitting a photo to the frame: which part of it is seen at rest, on what backdrop, and with how many pixels."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.decode import open_picture, read_picture_header
from media.encode import Frame
from models.media import Fit, Size
from providers.video.local.camera import Spare
from providers.video.local.imaging import blurred, lattice, resized
from providers.video.local.projective import Matrix, Rectangle, apply, rectangle_map
from providers.video.local.subjects import Map, subject_map

_FINEST = 2.0  # working pixels per frame pixel: with twice as many, looking between them costs no sharpness
_SPARE = 0.6  # picture kept beyond the crop on each side, in units of the frame's side
_COMMON = 0.5  # share of a view that both photos should show; more would only take the move out of a pan
_OFFSETS = 15  # positions tried for a crop along the side that is cut


@dataclass(frozen=True)
class Photo:
    """A decoded photo and where its subject is."""

    pixels: Frame
    subject: Map


@dataclass(frozen=True)
class FramedPhoto:
    """A photo in its frame.

    ``still`` is exactly what is seen at rest. ``pixels`` is the photo's neighbourhood of the frame, twice as fine as
    the frame; ``to_pixels`` maps frame pixels to it, ``placement`` the photo's own pixels to frame
    pixels. ``window`` (whole frame pixels) is where the
    photo is seen: the frame itself, or for ``contain`` the photo's place on the backdrop (None for ``cover``).
    """

    still: Frame
    pixels: Frame
    to_pixels: Matrix
    placement: Matrix
    window: Rectangle
    spare: Spare
    backdrop: Frame | None
    subject: Map

    @property
    def bounds(self) -> Rectangle:
        """The part of the plane, in frame pixels, that the photo covers."""
        height, width = self.pixels.shape[:2]
        inverse = np.linalg.inv(self.to_pixels)
        return (inverse[0, 2], inverse[1, 2], width * inverse[0, 0], height * inverse[1, 1])


def load_photo(path: Path, size: Size, fit: Fit) -> Photo:
    """Decode a photo with as many pixels as ``size`` can make use of. Raises InvalidMedia."""
    stored = read_picture_header(path).size
    ratios = (size.width / stored.width, size.height / stored.height)
    useful = _FINEST * (max(ratios) if fit == "cover" else min(ratios))
    most = math.ceil(max(stored) * useful) if useful < 1 else None
    pixels = np.asarray(open_picture(path, most))
    return Photo(pixels, subject_map(pixels))


def crops(a: Photo, b: Photo, relation: Matrix | None, size: Size) -> tuple[Rectangle, Rectangle]:
    """Choose the crop of each photo, in its pixels, that has the frame's shape and keeps the subject.

    When the photos show one scene (``relation`` maps pixels of ``a`` to pixels of ``b``), both crops are chosen
    together, so that they show as much in common as they can.
    """
    weigh_a, weigh_b = (_Crops(photo, size) for photo in (a, b))
    scores = weigh_a.scores[:, None] + weigh_b.scores[None, :]
    if relation is not None:
        common = np.array([[_common(one, other, relation) for other in weigh_b.boxes] for one in weigh_a.boxes])
        scores = scores + 2 * np.minimum(common, _COMMON)
    best_a, best_b = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return weigh_a.boxes[int(best_a)], weigh_b.boxes[int(best_b)]


def frame_cover(photo: Photo, crop: Rectangle, size: Size) -> FramedPhoto:
    """Fill the frame with ``crop`` of the photo."""
    window = (0.0, 0.0, float(size.width), float(size.height))
    still = _crop_resized(photo.pixels, crop, size)
    pixels, to_pixels = _working_pixels(photo.pixels, crop, window)
    return FramedPhoto(
        still, pixels, to_pixels, rectangle_map(crop, window), window, _spare(photo.pixels, crop), None,
        _within(photo.subject, _on_map(photo, crop)),
    )  # fmt: skip


def frame_contain(photo: Photo, size: Size) -> FramedPhoto:
    """Show the whole photo, as large as the frame allows, on a blurred and darkened enlargement of itself."""
    height, width = photo.pixels.shape[:2]
    scale = min(size.width / width, size.height / height)
    inner = Size(*(max(1, min(full, round(side * scale))) for full, side in zip(size, (width, height), strict=True)))
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    window = (float(left), float(top), float(inner.width), float(inner.height))
    whole = (0.0, 0.0, float(width), float(height))
    backdrop = _backdrop(photo.pixels, size, window)
    still = backdrop.copy()
    still[top : top + inner.height, left : left + inner.width] = _crop_resized(photo.pixels, whole, inner)
    pixels, to_pixels = _working_pixels(photo.pixels, whole, window)
    return FramedPhoto(
        still, pixels, to_pixels, rectangle_map(whole, window), window, Spare(0, 0, 0, 0), backdrop,
        photo.subject,
    )  # fmt: skip


class _Crops:
    """The crops of a photo that could be chosen, with the share of its subject that each keeps."""

    def __init__(self, photo: Photo, size: Size) -> None:
        height, width = photo.pixels.shape[:2]
        scale = max(size.width / width, size.height / height)
        wide, high = min(width, size.width / scale), min(height, size.height / scale)
        steps = np.linspace(0, 1, _OFFSETS if max(width - wide, height - high) >= 0.5 else 1)
        self.boxes = [(float(step * (width - wide)), float(step * (height - high)), wide, high) for step in steps]
        total = float(photo.subject.sum())
        self.scores = np.array([
            float(_within(photo.subject, _on_map(photo, box)).sum()) / total
            - 0.1 * abs(step - (0.4 if high < height else 0.5))  # of equals, the middle, and heads before feet
            for step, box in zip(steps, self.boxes, strict=True)
        ])  # fmt: skip


def _on_map(photo: Photo, box: Rectangle) -> Rectangle:
    """Return a rectangle of the photo in cells of its subject map."""
    across = photo.subject.shape[1] / photo.pixels.shape[1]
    down = photo.subject.shape[0] / photo.pixels.shape[0]
    return (box[0] * across, box[1] * down, box[2] * across, box[3] * down)


def _within(values: Map, box: Rectangle) -> Map:
    left, top, width, height = (round(side) for side in box)
    return values[top : top + max(1, height), left : left + max(1, width)]


def _common(a: Rectangle, b: Rectangle, relation: Matrix) -> float:
    """Return which share of the smaller crop's view lies in the other, by sampling; 0–1."""
    shares = []
    inverse = np.asarray(np.linalg.inv(relation), np.float64)
    for one, other, carry in ((a, b, relation), (b, a, inverse)):
        cells = lattice(Size(1, 1), Size(8, 8)) * np.array(one[2:], np.float32) + np.array(one[:2], np.float32)
        seen = apply(carry, cells) - np.array(other[:2], np.float32)
        shares.append(float(np.mean(np.all((seen >= 0) & (seen <= np.array(other[2:], np.float32)), axis=-1))))
    return max(shares)


def _crop_resized(photo: Frame, box: Rectangle, size: Size) -> Frame:
    left, top, width, height = box
    edges = (left, top, min(left + width, photo.shape[1]), min(top + height, photo.shape[0]))
    return np.array(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS, box=edges))


def _working_pixels(photo: Frame, crop: Rectangle, window: Rectangle) -> tuple[Frame, Matrix]:
    """Return the crop with its surroundings at a useful scale, and the map from frame pixels to it."""
    limits = photo.shape[1::-1]
    start = [max(0, math.floor(crop[i] - _SPARE * crop[i + 2])) for i in (0, 1)]
    end = [min(limits[i], math.ceil(crop[i] + (1 + _SPARE) * crop[i + 2])) for i in (0, 1)]
    region = (float(start[0]), float(start[1]), float(end[0] - start[0]), float(end[1] - start[1]))
    scale = _FINEST * max(window[2] / crop[2], window[3] / crop[3])
    size = Size(max(1, round(region[2] * scale)), max(1, round(region[3] * scale)))
    onto_working = rectangle_map(region, (0, 0, size.width, size.height))
    pixels = resized(photo[start[1] : end[1], start[0] : end[0]], size)
    return pixels, onto_working @ rectangle_map(window, crop)


def _spare(photo: Frame, crop: Rectangle) -> Spare:
    height, width = photo.shape[:2]
    left, top, wide, high = crop
    beyond = (left / wide, top / high, (width - left - wide) / wide, (height - top - high) / high)
    return Spare(*(2 * min(_SPARE, max(0.0, share)) for share in beyond))


def _backdrop(photo: Frame, size: Size, window: Rectangle) -> Frame:
    """Return the photo enlarged to fill the frame, out of focus and dimmed, with a soft shadow around the window."""
    height, width = photo.shape[:2]
    scale = max(size.width / width, size.height / height)
    box_size = (size.width / scale, size.height / scale)
    box = ((width - box_size[0]) / 2, (height - box_size[1]) / 2, *box_size)
    small_size = Size(*(max(8, side // 8) for side in size))
    soft = blurred(_crop_resized(photo, box, small_size).astype(np.float32), 0.045 * max(small_size))
    pale = 0.1 * soft.mean(2, keepdims=True) + 0.9 * soft
    dimmed = (0.62 * pale * (1 - 0.35 * _shadow(small_size, size, window))).astype(np.float32)
    backdrop: Frame = np.clip(resized(dimmed, size) + _grain(size), 0, 255).astype(np.uint8)
    return backdrop


def _shadow(small: Size, size: Size, window: Rectangle) -> NDArray[np.float32]:
    mask = np.zeros((small.height, small.width), np.float32)
    x, y = small.width / size.width, small.height / size.height
    left, top, right, bottom = window[0] * x, window[1] * y, (window[0] + window[2]) * x, (window[1] + window[3]) * y
    mask[round(top) : round(bottom), round(left) : round(right)] = 1
    return blurred(mask, 0.02 * max(small))[..., None]


def _grain(size: Size) -> NDArray[np.float32]:
    """Return noise of less than a level, which keeps the soft gradients of a backdrop from banding."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (size.height, size.width, 1))
    return noise.astype(np.float32) + np.float32(0.5)
