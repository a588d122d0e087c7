import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from media.accept import accept, content_type_of, extension_of
from models.errors import InvalidMedia
from models.media import MediaKind

TAKEN = {
    "png-renamed.jpg": ("image", "png"), "trailing-html.jpg": ("image", "jpeg"), "one-pixel.png": ("image", "png"),
    "animated.gif": ("image", "gif"), "animated.webp": ("image", "webp"), "cmyk.jpg": ("image", "jpeg"),
    "mp4-renamed.jpg": ("video", "mp4"), "rotated-90.mp4": ("video", "mp4"), "one-frame.mp4": ("video", "mp4"),
    "audio-only.mp4": ("audio", "m4a"), "silence.wav": ("audio", "wav"), "lying-header.wav": ("audio", "wav"),
}  # fmt: skip
REFUSED = [
    "header-only.jpg", "zero-bytes.jpg", "text-renamed.jpg", "html-renamed.png", "svg-renamed.png", "script.svg",
    "bad-crc-header.png", "bomb-20000x20000.png", "lying-header-60000x60000.png", "strip-12000x2.png", "photo.avif",
    "photo.heic", "photo.tiff", "truncated-faststart.mp4", "truncated-no-moov.mp4", "zero-bytes.mp4", "zero-length.wav",
    "zero-bytes.mp3", "README.md",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_taken_by_content(bad: Path, name: str) -> None:
    facts = accept(bad / name)
    assert (facts.kind, facts.format) == TAKEN[name]
    assert accept(bad / name, facts.kind) == facts


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason(bad: Path, name: str) -> None:
    with pytest.raises(InvalidMedia, match=r"\w+ \w+"):
        accept(bad / name)


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("mp4-renamed.jpg", "image"), ("cmyk.jpg", "video"), ("animated.gif", "video"), ("silence.wav", "video"),
        ("audio-only.mp4", "video"), ("cmyk.jpg", "document"), ("rotated-90.mp4", "audio"),
    ],
)  # fmt: skip
def test_what_is_not_what_was_declared(bad: Path, name: str, declared: MediaKind) -> None:
    with pytest.raises(InvalidMedia, match=f"declared as {declared}"):
        accept(bad / name, declared)


def test_a_film_with_sound_may_be_declared_as_sound(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    import ffmpeg

    from media.ffmpeg import run_graph

    path = tmp_path / "both.mp4"
    tone = ffmpeg.input("sine=d=1", format="lavfi")
    run_graph(ffmpeg.output(ffmpeg.input(str(make_clip("a.mp4", (1, 2, 3)))), tone, str(path)), timeout_s=60)
    assert accept(path).content_type == "video/mp4"
    facts = accept(path, "audio")
    assert (facts.kind, facts.format, facts.content_type, facts.width) == ("audio", "m4a", "audio/mp4", None)
    assert facts.duration_s == pytest.approx(1.0, abs=0.1)


def test_documents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"%PDF-1.7\n")
    with zipfile.ZipFile(tmp_path / "b", "w") as file:
        file.writestr("word/document.xml", "<x/>")
    assert accept(tmp_path / "a").format == "pdf"
    assert accept(tmp_path / "b", "document").format == "docx"


def test_names_for_what_is_served() -> None:
    assert extension_of("image/jpeg") == "jpg"
    assert extension_of("text/html") is None
    assert content_type_of(b"\x89PNG\r\n\x1a\n") == "image/png"
    assert content_type_of(b"II*\0") is None
    assert content_type_of(b"<html>") is None
