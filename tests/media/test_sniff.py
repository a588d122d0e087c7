import io
import zipfile
from pathlib import Path

import pytest

from media.sniff import as_audio, sniff


def box(brand: bytes, *more: bytes) -> bytes:
    return (16 + 4 * len(more)).to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"".join(more)


def office(entry: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(entry, "<x/>")
    return archive.getvalue()


EBML = b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\x82"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0", ("image", "jpeg", "image/jpeg", "jpg")),
        (b"\x89PNG\r\n\x1a\n", ("image", "png", "image/png", "png")),
        (b"RIFF\0\0\0\0WEBPVP8 ", ("image", "webp", "image/webp", "webp")),
        (b"GIF89a", ("image", "gif", "image/gif", "gif")),
        (b"II*\0", ("image", "tiff", "image/tiff", "tif")),
        (b"BM" + bytes(12) + b"\x28\0\0\0", ("image", "bmp", "image/bmp", "bmp")),
        (box(b"avif"), ("image", "avif", "image/avif", "avif")),
        (box(b"mif1", b"heic"), ("image", "heic", "image/heic", "heic")),
        (box(b"mif1", b"avif"), ("image", "avif", "image/avif", "avif")),
        (box(b"isom"), ("video", "mp4", "video/mp4", "mp4")),
        (box(b"qt  "), ("video", "mov", "video/quicktime", "mov")),
        (b"\0\0\0\x08wide\0\0\0\0mdat", ("video", "mov", "video/quicktime", "mov")),
        (box(b"M4A "), ("audio", "m4a", "audio/mp4", "m4a")),
        (EBML + b"\x84webm", ("video", "webm", "video/webm", "webm")),
        (EBML + b"\x88matroska", ("video", "mkv", "video/x-matroska", "mkv")),
        (b"RIFF\0\0\0\0AVI LIST", ("video", "avi", "video/x-msvideo", "avi")),
        (b"RIFF\0\0\0\0WAVEfmt ", ("audio", "wav", "audio/wav", "wav")),
        (b"ID3\x04", ("audio", "mp3", "audio/mpeg", "mp3")),
        (b"\xff\xfb\x90\x44", ("audio", "mp3", "audio/mpeg", "mp3")),
        (b"OggS", ("audio", "ogg", "audio/ogg", "ogg")),
        (b"%PDF-1.7", ("document", "pdf", "application/pdf", "pdf")),
        (OLE + "WordDocument".encode("utf-16-le"), ("document", "doc", "application/msword", "doc")),
    ],
)
def test_magic_bytes_decide(head: bytes, expected: tuple[str, ...]) -> None:
    assert sniff(head) == expected


def test_word_archive_is_a_document_and_others_are_not() -> None:
    found = sniff(office("word/document.xml"))
    assert found is not None
    assert (found.kind, found.format) == ("document", "docx")
    assert sniff(office("xl/workbook.xml")) is None


@pytest.mark.parametrize(
    "head",
    [
        b"", b"<svg xmlns='http://www.w3.org/2000/svg'>", b"<!doctype html>", b"BM is how this sentence begins, really",
        b"RIFF\0\0\0\0CDDA", b"\xff\xf1\x50\x80", b"PK\x05\x06", b"#EXTM3U", b"ffconcat version 1.0",
        OLE + "Workbook".encode("utf-16-le"), EBML + b"\x84evil",
    ],
)  # fmt: skip
def test_everything_else_is_nothing(head: bytes) -> None:
    assert sniff(head) is None


def test_containers_of_both_can_be_read_as_sound() -> None:
    found, webm, jpeg = sniff(box(b"isom")), sniff(EBML + b"\x84webm"), sniff(b"\xff\xd8\xff")
    assert found is not None
    assert webm is not None
    assert jpeg is not None
    assert [getattr(as_audio(each), "content_type", None) for each in (found, webm, jpeg)] == [
        "audio/mp4", "audio/webm", None,
    ]  # fmt: skip


def test_names_are_never_asked(bad: Path) -> None:
    found = sniff((bad / "png-renamed.jpg").read_bytes())
    assert found is not None
    assert found.format == "png"
    assert sniff((bad / "svg-renamed.png").read_bytes()) is None
    assert sniff((bad / "html-renamed.png").read_bytes()) is None
