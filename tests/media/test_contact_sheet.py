from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.contact_sheet import SheetScene, film_sheet, storyboard_sheet, timecode
from media.typeset import Style, printable, shortened, width_px, wrap
from models.errors import InvalidInput, InvalidMedia

PROSE = "A slow dolly forward through the bright bedroom towards the window and the garden beyond it. " * 4
SMALL = Style(20, (0, 0, 0))


def scene(folder: Path, number: int, title: str = "Bedroom", prompt: str = PROSE) -> SheetScene:
    first, last = folder / "first.png", folder / "last.png"
    Image.new("RGB", (90, 60), (250, 0, 0)).save(first)
    Image.new("RGB", (60, 90), (0, 0, 250)).save(last)
    return SheetScene(number, title, first, last, 5.0, "dolly_forward", prompt)


def share(sheet: Path, colour: tuple[int, int, int]) -> int:
    with Image.open(sheet) as picture:
        return int((np.abs(np.asarray(picture.convert("RGB")).astype(int) - colour).max(axis=2) < 12).sum())


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_every_scene_shows_both_photos(tmp_path: Path, count: int) -> None:
    sheet = tmp_path / "sheet.png"
    storyboard_sheet([scene(tmp_path, number + 1) for number in range(count)], sheet, "Villa Rosa")
    photo = 336 * 252
    assert share(sheet, (250, 0, 0)) == pytest.approx(count * photo, rel=0.01)
    assert share(sheet, (0, 0, 250)) == pytest.approx(count * photo, rel=0.01)


@pytest.mark.parametrize(
    "title", ["夏のセール 最大50%オフ", "إفطار مجاني لكل غرفة", "नमस्ते", "🏡🏡", "", "x" * 500, "Ünïcödé – “quoted”"]
)
def test_any_words_can_be_set(tmp_path: Path, title: str) -> None:
    storyboard_sheet([scene(tmp_path, 1, title, title * 9)], tmp_path / "sheet.jpg", title)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.width == 980


def test_words_change_the_sheet(tmp_path: Path) -> None:
    for title in ("Kitchen", "Garden"):
        storyboard_sheet([scene(tmp_path, 1, title)], tmp_path / f"{title}.png", "Villa Rosa")
    assert (tmp_path / "Kitchen.png").read_bytes() != (tmp_path / "Garden.png").read_bytes()


def test_no_scenes_or_a_broken_photo(bad: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no scenes"):
        storyboard_sheet([], tmp_path / "sheet.png", "Nothing")
    broken = SheetScene(1, "Broken", bad / "truncated.jpg", bad / "gray.jpg", 5, None, "")
    with pytest.raises(InvalidMedia, match="cut off"):
        storyboard_sheet([broken], tmp_path / "sheet.png", "Broken")
    assert list(tmp_path.iterdir()) == []


def test_text_is_wrapped_within_its_width() -> None:
    lines = wrap(PROSE, SMALL, 300, 4)
    assert len(lines) == 4
    assert lines[-1].endswith("...")
    assert max(width_px(line, SMALL) for line in lines) <= 300
    assert " ".join(wrap(PROSE, SMALL, 300, 99)) == PROSE.strip()
    assert max(width_px(line, SMALL) for line in wrap("w" * 200, SMALL, 300, 99)) <= 300
    assert wrap("", SMALL, 300, 4) == []
    assert shortened("short", SMALL, 300) == "short"


def test_letters_without_a_glyph_are_replaced_or_dropped() -> None:
    assert printable("Plain  words\n") == "Plain words"
    assert printable("“a” – b") == '"a" - b'
    assert printable("Île-de-France, café") == "Ile-de-France, cafe"
    assert printable("夏のセール") == ""


def test_film_sheet_shows_moments_in_order(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    film_sheet(make_clip("a.mp4", (200, 30, 40), frames=48), tmp_path / "sheet.png", columns=3, frames=6)
    with Image.open(tmp_path / "sheet.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] == 2 * 88 + 3 * 480 + 2 * 44
    bars = [np.flatnonzero(pixels[88 + 150 + 6, left : left + 480].min(axis=1) > 180) for left in (88, 612, 1136)]
    places = [bar.mean() for bar in bars]
    assert places[0] < places[1] < places[2]


def test_film_with_few_frames_shows_each_once(bad: Path, tmp_path: Path) -> None:
    film_sheet(bad / "one-frame.mp4", tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as picture:
        assert picture.width == 2 * 88 + 480


def test_timecode() -> None:
    assert [timecode(moment) for moment in (0, 5.25, 65.5, 600)] == ["0:00.00", "0:05.25", "1:05.50", "10:00.00"]
