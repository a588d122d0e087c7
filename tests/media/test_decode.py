import io
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from media.decode import MAX_PIXELS, open_picture, read_picture_header
from models.errors import InvalidMedia

TRUE_SIZE = {
    "animated.gif": (120, 90), "animated.webp": (120, 90), "bad-crc.png": (160, 120), "cmyk.jpg": (480, 360),
    "exif-bad-orientation.jpg": (480, 360), "exif-gps.jpg": (240, 180), "exif-rotated.jpg": (480, 360),
    "gray-16bit.png": (240, 180), "gray.jpg": (480, 360), "palette-alpha.png": (240, 180), "photo.avif": (480, 360),
    "photo.tiff": (240, 180), "photo.webp": (480, 360), "png-renamed.jpg": (160, 120), "progressive.jpg": (480, 360),
    "rgb-16bit.png": (240, 180), "rgba.png": (240, 180), "trailing-html.jpg": (480, 360),
}  # fmt: skip

REASON = {
    "README.md": "not a picture", "audio-only.mp4": r"it is video \(mp4\)", "bad-crc-header.png": "header is damaged",
    "bomb-20000x20000.png": "20000×20000 pixels; at most 100 million", "corrupt-data.png": "data is damaged",
    "header-only.jpg": "header is damaged", "html-renamed.png": "no known picture format",
    "lying-header-60000x60000.png": "60000×60000", "lying-header.wav": r"it is audio \(wav\)",
    "mp4-renamed.jpg": r"it is video \(mp4\)", "one-frame.mp4": "it is video", "one-pixel.png": "at least 16",
    "photo.heic": "HEIC are not supported; accepted are JPEG", "rotated-90.mp4": "it is video",
    "script.svg": "no known picture format", "silence.wav": "it is audio", "strip-12000x2.png": "at least 16",
    "svg-renamed.png": "no known picture format", "text-renamed.jpg": "no known picture format",
    "truncated-faststart.mp4": "it is video", "truncated-no-moov.mp4": "it is video", "truncated.jpg": "cut off",
    "zero-bytes.jpg": "file is empty", "zero-bytes.mp3": "file is empty", "zero-bytes.mp4": "file is empty",
    "zero-length.wav": "it is audio",
}  # fmt: skip


def test_every_bad_file_has_an_expectation(bad: Path) -> None:
    assert {path.name for path in bad.iterdir()} == TRUE_SIZE.keys() | REASON.keys()


@pytest.mark.parametrize("name", sorted(TRUE_SIZE))
def test_awkward_picture_is_opened(bad: Path, name: str) -> None:
    picture = open_picture(bad / name)
    assert (picture.mode, picture.size, picture.info) == ("RGB", TRUE_SIZE[name], {})
    assert read_picture_header(bad / name).size == TRUE_SIZE[name]
    assert np.asarray(picture).std() > 20  # it shows something


@pytest.mark.parametrize("name", sorted(REASON))
def test_broken_picture_is_refused_with_its_reason(bad: Path, name: str) -> None:
    with pytest.raises(InvalidMedia, match=REASON[name]):
        open_picture(bad / name)


@pytest.mark.parametrize(
    "name", ["cmyk.jpg", "exif-rotated.jpg", "photo.avif", "photo.webp", "exif-bad-orientation.jpg"]
)
def test_colours_and_turn_are_those_of_the_original(bad: Path, photos: Path, name: str) -> None:
    original = open_picture(photos / "depth" / "railway-bridge.jpg").resize((480, 360))
    error = np.asarray(open_picture(bad / name), float) - np.asarray(original, float)
    assert 10 * np.log10(255**2 / (error**2).mean()) > 26


@pytest.mark.parametrize("name", ["gray-16bit.png", "rgb-16bit.png"])
def test_sixteen_bits_are_scaled(bad: Path, photos: Path, name: str) -> None:
    original = open_picture(photos / "depth" / "railway-bridge.jpg").resize((240, 180)).convert("L")
    assert np.abs(np.asarray(open_picture(bad / name).convert("L"), float) - np.asarray(original, float)).mean() < 4


def test_sixteen_bits_of_grey_keep_their_order(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(levels).save(tmp_path / "a.png")
    seen = np.asarray(open_picture(tmp_path / "a.png"))[..., 0].ravel().astype(int)
    assert (seen[0], seen[-1]) == (0, 255)
    assert np.abs(seen - levels.ravel() / 257).max() <= 1


def test_picture_without_pixels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(7) + b"\x2c" + bytes(9) + b"\x02\x00\x3b")
    with pytest.raises(InvalidMedia):
        read_picture_header(tmp_path / "a.gif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_upright_in_every_orientation(tmp_path: Path, orientation: int) -> None:
    shown = Image.effect_noise((64, 48), 90).resize((64, 48), Image.Resampling.BOX).convert("RGB")
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose members, as numbers
    stored = shown.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else shown
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    assert open_picture(tmp_path / "turned.png").tobytes() == shown.tobytes()
    assert read_picture_header(tmp_path / "turned.png").size == (64, 48)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "1"])
def test_transparency_becomes_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    if mode in ("LA", "RGBA"):
        Image.new(mode, (20, 20)).save(path)
    else:
        Image.new(mode, (20, 20)).save(path, transparency=0)
    assert open_picture(path).getextrema() == ((255, 255),) * 3


def test_embedded_profile_is_applied(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (32, 32), (200, 30, 40)).save(tmp_path / "a.png", icc_profile=lab.tobytes())
    assert np.allclose(open_picture(tmp_path / "a.png").getpixel((3, 3)), (200, 30, 40), atol=2)
    Image.new("RGB", (32, 32), (200, 30, 40)).save(tmp_path / "b.png", icc_profile=b"no profile at all")
    assert open_picture(tmp_path / "b.png").getpixel((3, 3)) == (200, 30, 40)


@pytest.mark.parametrize(("size", "accepted"), [((16, 320), True), ((16, 321), False), ((15, 20), False)])
def test_size_limits(tmp_path: Path, size: tuple[int, int], accepted: bool) -> None:
    Image.new("RGB", size).save(tmp_path / "a.bmp")
    if accepted:
        assert open_picture(tmp_path / "a.bmp").size == size
    else:
        with pytest.raises(InvalidMedia, match="side"):
            open_picture(tmp_path / "a.bmp")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_large_pictures_are_scaled_down_and_small_ones_left(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (1600, 800), "teal").save(path)
    assert open_picture(path, max_side_px=200).size == (200, 100)
    assert open_picture(path, max_side_px=5000).size == (1600, 800)


def test_bomb_costs_no_memory(bad: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; from media.decode import open_picture\n"
        "from models.errors import InvalidMedia\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for name in ('bomb-20000x20000.png', 'lying-header-60000x60000.png'):\n"
        "    try: open_picture(Path(sys.argv[1]) / name); sys.exit('opened')\n"
        "    except InvalidMedia: pass\n"
        "print(peak() - before)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(bad)], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 8 * 1024  # KiB; the bomb decoded would be 50 MB at one bit, 400 MB as bytes


def test_limit_lies_where_the_docs_say() -> None:
    assert MAX_PIXELS == 100_000_000


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_is_refused_or_survived(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    picture = Image.effect_noise((48, 32), 60).convert("RGB")
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"):
        whole = io.BytesIO()
        picture.save(whole, kind)
        for _ in range(15):
            data = bytearray(whole.getvalue())
            for _ in range(rng.randint(1, 5)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            (tmp_path / "a").write_bytes(data[: rng.choice([len(data), rng.randrange(1, len(data))])])
            with suppress(InvalidMedia):
                assert open_picture(tmp_path / "a").mode == "RGB"
