"""Leaving out of a file what betrays where and by whom it was made, and what hides behind its end.

Nothing is encoded again: pixels, sound and colour profiles stay bit for bit. What goes:

- JPEG, PNG, WebP and GIF: EXIF (positions, descriptions, serial numbers) except for the orientation, XMP, IPTC,
  comments, and every byte after the picture's end;
- MP4, MOV and M4A: the user data and metadata boxes, where cameras and phones write the position. They are blanked in
  place, so that no offset moves.

Other formats are kept as they are.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from media.decode import exif_orientation
from models.errors import InvalidMedia

_BLOCK_BYTES = 256 * 1024
_ZEROS = bytes(_BLOCK_BYTES)
_Part = bytes | tuple[int, int]
"""Bytes to write, or the place of bytes to copy: first and one past the last."""


def cleaned(path: Path, format: str) -> Iterator[bytes]:
    """Yield the bytes of the file at ``path``, whose sniffed format is ``format``, without what betrays its maker.

    Raises InvalidMedia when the file does not hold together as its format asks.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for part in _CLEANERS.get(format, _whole)(data):
                if isinstance(part, bytes):
                    yield part
                else:
                    yield from _copied(file, *part)
        except (struct.error, IndexError) as exc:
            raise InvalidMedia(f"the {format.upper()} file is damaged or cut off") from exc


def _copied(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Read instead of slicing the map: mapped pages stay in the process's memory until the map is closed."""
    file.seek(start)
    for at in range(start, end, _BLOCK_BYTES):
        yield file.read(min(_BLOCK_BYTES, end - at))


def _whole(data: mmap.mmap) -> Iterator[_Part]:
    yield 0, len(data)


def _orientation_only(exif: bytes) -> bytes:
    """Return an EXIF block (TIFF 6.0: one directory, one entry) with the orientation; nothing when it is upright."""
    orientation = exif_orientation(exif)
    if orientation == 1:
        return b""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_ENDS_JPEG_SCAN = np.array([byte not in (0x00, 0xFF, *range(0xD0, 0xD8)) for byte in range(256)])
"""Which bytes after 0xFF end a scan: not stuffing, not fill, and not the restart markers, which belong to it."""
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_EXIF = b"Exif\0\0"


def _jpeg(data: mmap.mmap) -> Iterator[_Part]:
    """ITU-T T.81 annex B: segments, scans, and the end of the image."""
    yield b"\xff\xd8"
    at, exif_seen = 2, False
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            break
        if marker == _SOI or 0xD0 <= marker <= 0xD7 or marker == 1:
            continue  # stand-alone markers mean nothing here
        end = at + struct.unpack_from(">H", data, at)[0]
        if marker == _SOS:
            end = _jpeg_scan_end(data, end)
        if _jpeg_keeps(marker, data[at + 2 : at + 14]):
            yield bytes((0xFF, marker))
            yield at, min(end, len(data))
        elif marker == _APP1 and not exif_seen and data[at + 2 : at + 8] == _EXIF:
            exif_seen = True
            if block := _orientation_only(data[at + 2 : end]):
                yield struct.pack(">BBH", 0xFF, _APP1, 2 + len(_EXIF + block)) + _EXIF + block
        at = max(end, at + 2)
    yield b"\xff\xd9"


def _jpeg_scan_end(data: mmap.mmap, start: int) -> int:
    """Return where the scan that begins at ``start`` ends: at its next marker, else at the end of the file."""
    for at in range(start, len(data) - 1, _BLOCK_BYTES):
        block = np.frombuffer(data, np.uint8, min(_BLOCK_BYTES + 1, len(data) - at), at)
        marks = np.flatnonzero(block[:-1] == 0xFF)
        ends = marks[_ENDS_JPEG_SCAN[block[marks + 1]]]
        if ends.size:
            end = at + int(ends[0])
            while end > start and data[end - 1] == 0xFF:
                end -= 1  # fill bytes belong to the marker
            return end
    return len(data)


def _jpeg_keeps(marker: int, begin: bytes) -> bool:
    if 0xE0 <= marker <= 0xEF:
        return marker in _JPEG_KEPT and begin.startswith(_JPEG_KEPT[marker])
    return marker != 0xFE


_PNG_KEPT = {
    b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"tRNS", b"pHYs", b"sPLT",
    b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip


def _png(data: mmap.mmap) -> Iterator[_Part]:
    """PNG (third edition) §5.3: chunks; those with a capital first letter are needed to show the picture."""
    yield 0, 8
    at, name = 8, b""
    while name != b"IEND" and at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise IndexError
        if name in _PNG_KEPT or name[:1].isupper():
            yield at, end
        elif name == b"eXIf" and (block := _orientation_only(data[at + 8 : end - 4])):
            yield struct.pack(">I", len(block)) + name + block + struct.pack(">I", zlib.crc32(name + block))
        at = end


_WEBP_KEPT = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_EXIF_FLAG, _WEBP_XMP_FLAG = 0x08, 0x04
_WEBP_MOST_PARTS = 100_000


def _webp(data: mmap.mmap) -> Iterator[_Part]:
    """RFC 9649 §2: chunks in a RIFF; the flags of ``VP8X`` say which kinds follow."""
    parts: list[_Part] = []
    flags_at, exif = None, b""
    at, all_end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= all_end:
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > all_end or len(parts) > _WEBP_MOST_PARTS:
            raise IndexError
        if name == b"VP8X":
            flags_at = len(parts)
            parts.append(data[at : end + length % 2])
        elif name in _WEBP_KEPT:
            parts += [(at, end), bytes(length % 2)]
        elif name == b"EXIF":
            exif = _orientation_only(data[at + 8 : end])
        at = end + length % 2
    if flags_at is not None:
        head = bytearray(bytes(parts[flags_at]))
        head[8] &= ~(_WEBP_EXIF_FLAG | _WEBP_XMP_FLAG)
        head[8] |= _WEBP_EXIF_FLAG if exif else 0
        parts[flags_at] = bytes(head)
    if exif:
        parts.append(struct.pack("<4sI", b"EXIF", len(exif)) + exif)
    size = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
    yield struct.pack("<4sI4s", b"RIFF", 4 + size, b"WEBP")
    yield from parts


_GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_GIF_EXTENSION, _GIF_IMAGE, _GIF_COMMENT, _GIF_APPLICATION = 0x21, 0x2C, 0xFE, 0xFF


def _gif(data: mmap.mmap) -> Iterator[_Part]:
    """GIF89a §16–27: blocks, each a head and a chain of sub-blocks that ends with an empty one."""
    at = 13 + _gif_table(data[10])
    yield 0, at
    while at < len(data) and data[at] in (_GIF_EXTENSION, _GIF_IMAGE):
        start, kept = at, True
        if data[at] == _GIF_EXTENSION:
            label, at = data[at + 1], at + 2
            kept = label != _GIF_COMMENT and (
                label != _GIF_APPLICATION or data[at + 1 : at + 12] in _GIF_APPLICATIONS
            )  # fmt: skip
        else:
            at += 10 + _gif_table(data[at + 9]) + 1
        while length := data[at]:
            at += 1 + length
        at += 1
        if kept:
            yield start, at
    yield b";"


def _gif_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_ISO_TOLD = (b"udta", b"meta")
_ISO_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def _iso(data: mmap.mmap) -> Iterator[_Part]:
    """ISO/IEC 14496-12 §4.2: boxes in boxes. Those that tell are renamed to ``free`` and filled with zeros."""
    copied = 0
    for start, body, end in _telling_boxes(data, 0, len(data)):
        yield copied, start + 4
        yield b"free"
        yield start + 8, body
        for at in range(body, end, _BLOCK_BYTES):
            yield _ZEROS[: end - at]
        copied = end
    yield copied, len(data)


def _telling_boxes(
    data: mmap.mmap, at: int, all_end: int, holders: tuple[bytes, ...] = (b"moov", b"trak")
) -> Iterator[tuple[int, int, int]]:
    while at + 8 <= all_end:
        size, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = min(all_end, at + size) if size else all_end
        if end < body:
            return
        if name in _ISO_TOLD or (name == b"uuid" and data[body : body + 16] == _ISO_XMP):
            yield at, body, end
        elif holders and name == holders[0]:
            yield from _telling_boxes(data, body, end, holders[1:])
        at = end


_CLEANERS: dict[str, Callable[[mmap.mmap], Iterator[_Part]]] = {
    "jpeg": _jpeg, "png": _png, "webp": _webp, "gif": _gif, "mp4": _iso, "mov": _iso, "m4a": _iso,
}  # fmt: skip
