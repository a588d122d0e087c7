"""What a file is, told by its first bytes alone: names, extensions and declared types are never asked."""

from collections.abc import Sequence
from typing import NamedTuple

from models.media import MediaKind

SNIFF_BYTES = 64 * 1024
"""How much of the file to hand over: enough for the document type of Matroska and the first entries of a ZIP."""


class Sniffed(NamedTuple):
    """A recognised file: what it is, its short name (``jpeg``), its media type and its extension without a dot."""

    kind: MediaKind
    format: str
    content_type: str
    extension: str


def _image(name: str, extension: str | None = None) -> Sniffed:
    return Sniffed("image", name, f"image/{name}", extension or name)


JPEG = _image("jpeg", "jpg")
PNG = _image("png")
WEBP = _image("webp")
GIF = _image("gif")
BMP = _image("bmp")
TIFF = _image("tiff", "tif")
AVIF = _image("avif")
HEIC = _image("heic")
MP4 = Sniffed("video", "mp4", "video/mp4", "mp4")
MOV = Sniffed("video", "mov", "video/quicktime", "mov")
WEBM = Sniffed("video", "webm", "video/webm", "webm")
MKV = Sniffed("video", "mkv", "video/x-matroska", "mkv")
AVI = Sniffed("video", "avi", "video/x-msvideo", "avi")
MP3 = Sniffed("audio", "mp3", "audio/mpeg", "mp3")
WAV = Sniffed("audio", "wav", "audio/wav", "wav")
OGG = Sniffed("audio", "ogg", "audio/ogg", "ogg")
M4A = Sniffed("audio", "m4a", "audio/mp4", "m4a")
WEBM_AUDIO = Sniffed("audio", "webm", "audio/webm", "webm")
MKV_AUDIO = Sniffed("audio", "mka", "audio/x-matroska", "mka")
PDF = Sniffed("document", "pdf", "application/pdf", "pdf")
DOC = Sniffed("document", "doc", "application/msword", "doc")
DOCX = Sniffed("document", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx")

_AS_AUDIO = {MP4: M4A, MOV: M4A, WEBM: WEBM_AUDIO, MKV: MKV_AUDIO}

_PREFIXES: Sequence[tuple[bytes, Sniffed]] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),  # BigTIFF
    (b"MM\x00+", TIFF),
    (b"OggS", OGG),
    (b"ID3", MP3),
    (b"%PDF-", PDF),
)
_RIFF_FORMS = {b"WEBP": WEBP, b"AVI ": AVI, b"WAVE": WAV}

# Major brands of ISO base media files: https://mp4ra.org/registered-types/brands. ``mif1`` and ``msf1`` only say
# "some HEIF picture"; which one is in the compatible brands.
_BRANDS = {
    b"avif": AVIF, b"avis": AVIF,
    b"heic": HEIC, b"heix": HEIC, b"hevc": HEIC, b"hevx": HEIC, b"heim": HEIC, b"heis": HEIC,
    b"qt  ": MOV,
    b"M4A ": M4A, b"M4B ": M4A, b"M4P ": M4A,
}  # fmt: skip
_GENERIC_HEIF = (b"mif1", b"msf1")
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def sniff(head: bytes) -> Sniffed | None:
    """Return what the file that begins with ``head`` is (give ``SNIFF_BYTES`` of it), or None if it is nothing known.

    SVG, HTML and other text are None. Recognising a file does not say that it is accepted or that it is whole.
    Containers of both sound and pictures are named as video; ``as_audio`` gives the other reading.
    """
    for prefix, found in _PREFIXES:
        if head.startswith(prefix):
            return found
    if head.startswith(b"RIFF"):
        return _RIFF_FORMS.get(head[8:12])
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _ebml(head)
    if head.startswith(b"PK\x03\x04"):
        return DOCX if b"word/" in head else None
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _compound_file(head)
    return _iso_media(head) or _bitmap(head) or _mpeg_audio(head)


def as_audio(found: Sniffed) -> Sniffed | None:
    """Return the sound-only reading of a container that can hold either, or None when it cannot."""
    return found if found.kind == "audio" else _AS_AUDIO.get(found)


def _ebml(head: bytes) -> Sniffed | None:
    """Matroska and WebM begin alike; the DocType element (0x4282) in the header tells them apart."""
    at = head.find(b"\x42\x82", 4, 1024)
    if at < 0:
        return None
    doctype = head[at + 3 : at + 3 + (head[at + 2 : at + 3] or b"\x80")[0] % 0x80].rstrip(b"\0")
    return {b"webm": WEBM, b"matroska": MKV}.get(doctype)


def _compound_file(head: bytes) -> Sniffed | None:
    """Old Word files: an OLE compound file that names its ``WordDocument`` stream or its Word class.

    The directory may lie anywhere in the file; a head without it is still called DOC unless it is clearly a
    spreadsheet, a presentation or an installer.
    """
    others = ("Workbook", "PowerPoint Document", "SummaryInformation\0Book", "Digital Signature")
    return None if any(name.encode("utf-16-le") in head for name in others) else DOC


def _iso_media(head: bytes) -> Sniffed | None:
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = [head[at : at + 4] for at in (8, *range(16, min(size, len(head), 512) - 3, 4))]
        if brands[0] in _GENERIC_HEIF:
            return next((_BRANDS[brand] for brand in brands[1:] if brand in _BRANDS), HEIC)
        return _BRANDS.get(brands[0], MP4)
    # QuickTime before 2001 has no file type box.
    return MOV if head[4:8] in _QUICKTIME_ATOMS and int.from_bytes(head[:4], "big") not in range(2, 8) else None


def _bitmap(head: bytes) -> Sniffed | None:
    """``BM`` alone could begin a sentence; the size of the second header must be one that exists."""
    known_header_sizes = (12, 40, 52, 56, 64, 108, 124)
    return BMP if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in known_header_sizes else None


def _mpeg_audio(head: bytes) -> Sniffed | None:
    """An MPEG audio frame header (ISO 11172-3, 2.4.1.3) of layer III with no reserved value in it."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    reserved_version = head[1] & 0x18 == 0x08
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return None if reserved_version or bitrate in (0, 15) or rate == 3 else MP3
