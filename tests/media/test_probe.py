import os
from collections.abc import Callable
from pathlib import Path

import ffmpeg
import pytest
from PIL import Image

from media.ffmpeg import run_graph
from media.probe import probe, probe_video
from models.errors import InvalidMedia
from models.media import Size

FILMS = {
    "mp4-renamed.jpg": (320, 180, 2.0, 50), "one-frame.mp4": (320, 180, 0.04, 1), "rotated-90.mp4": (180, 320, 2.0, 50),
}  # fmt: skip
NOT_FILMS = {
    "audio-only.mp4": "no video track: the file holds only sound", "truncated-faststart.mp4": "cut off",
    "truncated-no-moov.mp4": "cut off", "zero-bytes.mp4": "empty", "zero-bytes.mp3": "empty",
    "zero-length.wav": "no samples", "silence.wav": "no video track", "lying-header.wav": "no video track",
    "exif-gps.jpg": r"no video track: the file holds image \(jpeg\)", "text-renamed.jpg": "no known format",
}  # fmt: skip
SOUNDS = {"audio-only.mp4": ("m4a", 2.0), "silence.wav": ("wav", 1.0), "lying-header.wav": ("wav", 0.025)}


@pytest.mark.parametrize("name", sorted(FILMS))
def test_films_are_measured(bad: Path, name: str) -> None:
    facts = probe_video(bad / name)
    width, height, duration_s, frames = FILMS[name]
    assert (facts.width, facts.height, facts.frame_count) == (width, height, frames)
    assert facts.duration_s == pytest.approx(duration_s, abs=0.001)
    assert (facts.kind, facts.content_type, facts.video_codec, facts.pixel_format) == (
        "video", "video/mp4", "h264", "yuv420p",
    )  # fmt: skip
    assert facts.fps == 25


@pytest.mark.parametrize("name", sorted(NOT_FILMS))
def test_what_is_no_film_is_refused(bad: Path, name: str) -> None:
    with pytest.raises(InvalidMedia, match=NOT_FILMS[name]):
        probe_video(bad / name)


@pytest.mark.parametrize("name", sorted(SOUNDS))
def test_sound_is_measured_by_its_bytes(bad: Path, name: str) -> None:
    facts = probe(bad / name)
    assert (facts.kind, facts.format, facts.width) == ("audio", SOUNDS[name][0], None)
    assert facts.duration_s == pytest.approx(SOUNDS[name][1], abs=0.001)


def test_picture_is_judged_by_its_header_alone(bad: Path) -> None:
    bomb, turned = probe(bad / "bomb-20000x20000.png"), probe(bad / "exif-rotated.jpg")
    assert (bomb.width, bomb.height) == (20000, 20000)
    assert (turned.width, turned.height, turned.format) == (480, 360, "jpeg")
    assert turned.size_bytes == os.path.getsize(bad / "exif-rotated.jpg")  # noqa: PTH202


def test_document_has_type_only(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"%PDF-1.4 and so on")
    assert probe(tmp_path / "a.bin").model_dump(exclude_none=True) == {
        "kind": "document", "format": "pdf", "content_type": "application/pdf", "size_bytes": 18,
    }  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "vp9"), ("mkv", "h264"), ("avi", "mpeg4"), ("mov", "h264")])
def test_other_containers(tmp_path: Path, make_clip: Callable[..., Path], suffix: str, codec: str) -> None:
    encoder = {"vp9": "libvpx-vp9", "h264": "libx264", "mpeg4": "mpeg4"}[codec]
    path = tmp_path / f"clip.{suffix}"
    run_graph(ffmpeg.input(str(make_clip("a.mp4", (9, 99, 200)))).output(str(path), vcodec=encoder), timeout_s=60)
    facts = probe_video(path)
    assert (facts.format, facts.video_codec, facts.width, facts.height) == (suffix, codec, 128, 72)
    assert facts.duration_s == pytest.approx(1.0, abs=0.05)
    assert facts.fps == pytest.approx(24, abs=0.1)


def test_pixels_that_are_not_square_are_shown_wide(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    path = tmp_path / "wide.mp4"
    source = ffmpeg.input(str(make_clip("a.mp4", (9, 99, 200), Size(64, 72)))).filter("setsar", "2/1")
    run_graph(source.output(str(path)), timeout_s=60)
    facts = probe(path)
    assert (facts.width, facts.height) == (128, 72)


def test_cover_art_is_no_film(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "cover.png")
    tone = ffmpeg.input("sine=d=1", format="lavfi")
    cover = ffmpeg.input(str(tmp_path / "cover.png"))
    path = tmp_path / "song.m4a"
    output = ffmpeg.output(tone, cover, str(path), format="mp4", vcodec="mjpeg", **{"disposition:v:0": "attached_pic"})
    run_graph(output, timeout_s=60)
    assert probe(path).kind == "audio"


def test_film_cut_short_is_refused_and_one_with_a_tail_is_not(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    whole = make_clip("a.mp4", (9, 99, 200)).read_bytes()
    (tmp_path / "short.mp4").write_bytes(whole[:-1])
    (tmp_path / "tail.mp4").write_bytes(whole + b"<html>not a box</html>")
    with pytest.raises(InvalidMedia, match="cut off"):
        probe(tmp_path / "short.mp4")
    assert probe(tmp_path / "tail.mp4").frame_count == 24


def test_film_with_a_long_box_size_is_read(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    whole = make_clip("a.mp4", (9, 99, 200)).read_bytes()
    empty_box = (1).to_bytes(4, "big") + b"free" + (16).to_bytes(8, "big")
    (tmp_path / "long.mp4").write_bytes(whole + empty_box)
    assert probe(tmp_path / "long.mp4").frame_count == 24
    cut = (1).to_bytes(4, "big") + b"mdat" + (1 << 33).to_bytes(8, "big")
    (tmp_path / "cut.mp4").write_bytes(whole + cut)
    with pytest.raises(InvalidMedia, match="cut off"):
        probe(tmp_path / "cut.mp4")


def test_playlist_in_disguise_reads_no_other_file(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    make_clip("secret.mp4", (1, 2, 3))
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(InvalidMedia, match="no known format"):
        probe(tmp_path / "list.mp4")
