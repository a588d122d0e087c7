"""What is left out of files, and that pictures and films are the same without it."""

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from media.clean import cleaned
from media.decode import open_picture
from media.ffmpeg import ffmpeg_executable
from media.probe import probe
from media.sniff import sniff
from models.errors import InvalidMedia

SECRET = b"Somewhere secret"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><p exif:GPSLatitude="46,30.5N"/>' + SECRET + b"</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def clean(path: Path) -> bytes:
    found = sniff(path.read_bytes())
    assert found is not None
    return b"".join(cleaned(path, found.format))


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    block.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 30.0)})
    return block


def picture(size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(5).integers(0, 255, (5, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


def stored_pixels(data: bytes) -> np.ndarray:
    """The pixels as they lie in the file, not turned."""
    with Image.open(io.BytesIO(data)) as stored:
        return np.asarray(stored.convert("RGB"))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"comment": SECRET}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)  # fmt: skip
def test_position_goes_and_picture_stays(
    tmp_path: Path, format: str, options: dict[str, object], orientation: int
) -> None:
    path = tmp_path / "a"
    picture().save(path, format, exif=exif(orientation), xmp=XMP, icc_profile=PROFILE, **options)
    before = path.read_bytes()
    assert SECRET in before
    path.write_bytes(before + b"<html>tail</html>")
    after = clean(path)
    assert SECRET not in after
    assert b"GPS" not in after
    assert b"html" not in after
    assert np.array_equal(stored_pixels(after), stored_pixels(before))
    with Image.open(io.BytesIO(after)) as kept:
        assert dict(kept.getexif()) == ({} if orientation == 1 else {0x0112: 6})
        assert kept.getexif().get_ifd(0x8825) == {}
        assert kept.info["icc_profile"] == PROFILE
        assert "xmp" not in kept.info
    path.write_bytes(after)
    assert open_picture(path).size == ((60, 40) if orientation == 1 else (40, 60))
    assert clean(path) == after


@pytest.mark.parametrize("orientation", [1, 6])
def test_webp_announces_what_it_holds(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.webp"
    picture().save(path, exif=exif(orientation), xmp=XMP)
    after = clean(path)
    exif_flag, xmp_flag = 0x08, 0x04
    assert after[12:16] == b"VP8X"
    assert after[20] & (exif_flag | xmp_flag) == (0 if orientation == 1 else exif_flag)
    assert int.from_bytes(after[4:8], "little") == len(after) - 8


def test_text_in_png_goes(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    text.add_itxt("Description", SECRET.decode())
    path = tmp_path / "a.png"
    picture(mode="P").save(path, pnginfo=text, transparency=3, dpi=(300, 300))
    after = clean(path)
    assert SECRET not in after
    with Image.open(io.BytesIO(after)) as kept:
        assert kept.info["transparency"] == 3
        assert kept.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_animations_keep_all_frames(tmp_path: Path, format: str) -> None:
    frames = [picture((40 + number, 30)).resize((40, 30)).rotate(20 * number) for number in range(4)]
    path = tmp_path / "a"
    options = {"comment": SECRET} if format == "GIF" else {"xmp": XMP} if format == "WEBP" else {}
    frames[0].save(path, format, save_all=True, append_images=frames[1:], duration=70, loop=3, **options)
    after = clean(path)
    assert SECRET not in after
    with Image.open(path) as old, Image.open(io.BytesIO(after)) as new:
        assert getattr(new, "n_frames", 1) == 4
        assert new.info["loop"] == old.info["loop"] == 3
        for number in range(4):
            old.seek(number)
            new.seek(number)
            assert np.array_equal(np.asarray(new.convert("RGB")), np.asarray(old.convert("RGB")))


def test_gif_application_data_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    picture((20, 20), "P").save(path)
    data = path.read_bytes()
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes((len(XMP),)) + XMP + b"\0"
    path.write_bytes(data[:-1] + xmp + b";tail")
    assert clean(path) == data


@pytest.mark.parametrize(
    "name",
    [
        "exif-gps.jpg", "exif-rotated.jpg", "exif-bad-orientation.jpg", "trailing-html.jpg", "cmyk.jpg", "gray.jpg",
        "progressive.jpg", "gray-16bit.png", "rgb-16bit.png", "palette-alpha.png", "rgba.png", "photo.webp",
        "animated.gif", "animated.webp", "png-renamed.jpg", "one-pixel.png",
    ],
)  # fmt: skip
def test_awkward_pictures_look_the_same(bad: Path, tmp_path: Path, name: str) -> None:
    after = clean(bad / name)
    (tmp_path / "after").write_bytes(after)
    seen = [np.asarray(open_picture(path, allow_small=True)) for path in (bad / name, tmp_path / "after")]
    assert np.array_equal(*seen)
    assert not any(word in after.lower() for word in (b"gps", b"<html", b"<script", b"description"))


def test_gps_file_loses_its_position(bad: Path) -> None:
    with Image.open(bad / "exif-gps.jpg") as before:
        assert before.getexif().get_ifd(0x8825)
    with Image.open(io.BytesIO(clean(bad / "exif-gps.jpg"))) as after:
        assert not after.getexif()


@pytest.mark.parametrize("name", ["movie.mp4", "movie.mov", "sound.m4a"])
def test_films_lose_their_position_in_place(tmp_path: Path, make_clip: Callable[..., Path], name: str) -> None:
    path, place = tmp_path / name, "+46.5000+011.3500/"
    source = [str(make_clip("a.mp4", (9, 99, 200))), "-f", "lavfi", "-i", "sine=d=1"]
    tracks = ["-map", "1:a"] if name.endswith("m4a") else ["-map", "0:v", "-map", "1:a", "-c:v", "copy"]
    command = [ffmpeg_executable(), "-v", "error", "-i", *source, *tracks, "-metadata", f"location={place}"]
    subprocess.run([*command, "-metadata", f"title={SECRET.decode()}", path], check=True, stdin=subprocess.DEVNULL)
    before, facts = path.read_bytes(), probe(path)
    assert SECRET in before
    after = clean(path)
    assert SECRET not in after
    assert place.encode() not in after
    assert len(after) == len(before)
    path.write_bytes(after)
    assert probe(path) == facts
    assert frame_hashes(path) == frame_hashes_of(before, tmp_path / f"before-{name}")


def frame_hashes(path: Path) -> bytes:
    command = [ffmpeg_executable(), "-v", "error", "-i", path, "-f", "framemd5", "-"]
    return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


def frame_hashes_of(data: bytes, path: Path) -> bytes:
    path.write_bytes(data)
    return frame_hashes(path)


def test_boxes_inside_boxes_without_end_are_no_trap(tmp_path: Path) -> None:
    nested = b"".join(struct.pack(">I4s", 8 * (5000 - number), b"moov") for number in range(5000))
    path = tmp_path / "a.mp4"
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + nested)
    assert clean(path) == path.read_bytes()


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("png", b"\x89PNG\r\n\x1a\n\0\0\xff\xffIHDR"), ("webp", b"RIFF\xff\0\0\0WEBPVP8 \xff\xff\0\0 "),
        ("gif", b"GIF89a" + bytes(7) + b"\x2c"), ("jpeg", b"\xff\xd8\xff\xe1"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_refused(tmp_path: Path, format: str, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InvalidMedia, match="damaged or cut off"):
        list(cleaned(tmp_path / "a", format))


def test_other_formats_are_kept(bad: Path) -> None:
    assert clean(bad / "silence.wav") == (bad / "silence.wav").read_bytes()
