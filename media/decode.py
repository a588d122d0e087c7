"""The guarded way to open a picture that a stranger made.

Order matters: what the file is comes from its first bytes, its size from its header, and only a picture of an
accepted format and size has its pixels decoded. So a small file that promises a huge picture costs no memory.
"""

import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from media.colour import to_srgb
from media.sniff import SNIFF_BYTES, sniff
from models.errors import InvalidMedia
from models.media import Size

MAX_PIXELS = 100_000_000
"""Largest picture decoded. A decoded picture takes four bytes a pixel, so this is 400 MB, and 1.2 GB for the moment in
which it is converted or turned. Phones make 12 to 50 million pixels; only medium-format cameras come near the limit."""

MIN_SIDE_PX = 16
"""Smallest side. Below it there is no picture to speak of, and filters and encoders divide by nearly nothing."""

MAX_RATIO = 20
"""Longest side in units of the shortest. Panoramas reach about 12; beyond 20 are strips and attacks."""

ACCEPTED = "JPEG, PNG, WebP, GIF, AVIF, TIFF and BMP"

# The decoders are named one by one instead of asking Pillow to guess: a file never reaches a decoder that its first
# bytes do not call for, and rarely used ones are out of reach.
_DECODERS: dict[str, Callable[..., ImageFile.ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "avif": AvifImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
}

_Turn = Image.Transpose
_TURNS = {
    2: _Turn.FLIP_LEFT_RIGHT, 3: _Turn.ROTATE_180, 4: _Turn.FLIP_TOP_BOTTOM, 5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270, 7: _Turn.TRANSVERSE, 8: _Turn.ROTATE_90,
}  # fmt: skip
_ORIENTATION_TAG = 274

_DECODER_FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error,
    RuntimeError, UserWarning, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow's decoders raise for broken input; AVIF reports with RuntimeError, and a program that turns warnings
into errors gets UserWarning for TIFF directories that point outside the file."""

_quiet = threading.Lock()


class PictureHeader(NamedTuple):
    """What a picture's header says: its short format name (``jpeg``) and its size as shown, after the EXIF turn."""

    format: str
    size: Size


def open_picture(path: Path, max_side_px: int | None = None, *, allow_small: bool = False) -> Image.Image:
    """Decode the picture at ``path``: first frame, upright, RGB of 8 bits, sRGB colours, transparency on white.

    With ``max_side_px`` it is scaled down, never up, so that neither side is longer; that is much faster and smaller
    for large JPEGs. The result holds nothing else of the file: no metadata, no profile, no open handle.

    Raises InvalidMedia, with a sentence that says what is wrong, for anything that is not an accepted picture of
    16 px to 100 million pixels, no longer than 20:1, or whose data is cut off or damaged. With ``allow_small`` it
    may be smaller, which is enough to show it.
    """
    with _opened(path) as (_, stored):
        check_picture_size(Size(*stored.size), allow_small=allow_small)
        orientation = exif_orientation(stored.info.get("exif", b""))
        if max_side_px is not None:
            stored.draft(None, _fitted(Size(*stored.size), 2 * max_side_px))  # twice, for a clean final scaling
        try:
            stored.load()
        except _DECODER_FAULTS as exc:
            raise InvalidMedia(_what_is_wrong(exc)) from exc
        picture = to_srgb(stored)
    if max_side_px is not None and max(picture.size) > max_side_px:
        picture = picture.resize(_fitted(Size(*picture.size), max_side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def read_picture_header(path: Path) -> PictureHeader:
    """Return format and size of the picture at ``path`` without decoding it, and without judging its size.

    Raises InvalidMedia when it is not a picture of an accepted format or its header is damaged.
    """
    with _opened(path) as (name, stored):
        width, height = stored.size
        turned = exif_orientation(stored.info.get("exif", b"")) in (5, 6, 7, 8)
    return PictureHeader(name, Size(height, width) if turned else Size(width, height))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, ImageFile.ImageFile]]:
    """Sniff the file and read its header; yields the format and the picture, whose pixels are still undecoded."""
    with path.open("rb") as file:
        name = _accepted_format(file.read(SNIFF_BYTES))
        file.seek(0)
        try:
            with _without_chatter():
                stored = _DECODERS[name](file)
        except _DECODER_FAULTS as exc:
            raise InvalidMedia(f"the {name.upper()} header is damaged or cut off") from exc
        yield name, stored


def _accepted_format(head: bytes) -> str:
    if not head:
        raise InvalidMedia("the file is empty")
    found = sniff(head)
    if found is None or found.kind != "image":
        what = f"it is {found.kind} ({found.format})" if found else "its contents are no known picture format"
        raise InvalidMedia(f"the file is not a picture: {what}; accepted are {ACCEPTED}")
    if found.format not in _DECODERS:
        raise InvalidMedia(f"pictures of format {found.format.upper()} are not supported; accepted are {ACCEPTED}")
    return found.format


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Silence remarks on odd metadata. Python's warning filters are shared by all threads, hence the lock."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_picture_size(size: Size, *, allow_small: bool = False) -> None:
    """Raise InvalidMedia for a picture that is too large, too long or, unless ``allow_small``, too small."""
    short, long = sorted(size)
    shown = f"the picture is {size.width}×{size.height} pixels"
    if size.width * size.height > MAX_PIXELS:
        raise InvalidMedia(f"{shown}; at most {MAX_PIXELS // 1_000_000} million are accepted")
    if short < MIN_SIDE_PX and not allow_small:
        raise InvalidMedia(f"{shown}; each side must be at least {MIN_SIDE_PX}")
    if long > MAX_RATIO * short:
        raise InvalidMedia(f"{shown}; the longer side may be at most {MAX_RATIO} times the shorter")


def _fitted(size: Size, max_side_px: int) -> Size:
    scale = min(1.0, max_side_px / max(size))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def _what_is_wrong(exc: Exception) -> str:
    if "truncated" in str(exc) or isinstance(exc, EOFError):
        return "the picture is cut off: part of its data is missing"
    return "the picture's data is damaged and cannot be decoded"


def exif_orientation(exif: bytes) -> int:
    """Return the orientation (1–8) in the first directory of an EXIF block; 1 when absent, invalid or unreadable.

    Read here because Pillow's own reader decodes the whole picture first for PNG.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # the directory runs past its end: as good as no orientation
    return 1
