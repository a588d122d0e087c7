"""Photos named on the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.photos import find_photos
from models.errors import InvalidInput

Pictures = Callable[..., list[Path]]


def names(places: list[Path]) -> list[str]:
    return [photo.path.name for photo in find_photos(places)[0]]


def test_files_keep_the_order_given(make_pictures: Pictures) -> None:
    a, b, c = make_pictures(3)
    assert names([c, a, b]) == [c.name, a.name, b.name]


def test_a_folder_is_read_in_natural_order(make_pictures: Pictures) -> None:
    folder = make_pictures(11)[0].parent
    assert names([folder]) == [f"photo {number}.jpg" for number in range(1, 12)]


def test_other_files_in_a_folder_are_passed_over(make_pictures: Pictures) -> None:
    folder = make_pictures(2)[0].parent
    (folder / "notes.txt").write_text("not a picture")
    (folder / "deeper").mkdir()
    photos, left_out = find_photos([folder])
    assert (len(photos), left_out) == (2, [])


def test_a_broken_picture_in_a_folder_is_left_out_and_mentioned(make_pictures: Pictures) -> None:
    folder = make_pictures(3)[0].parent
    broken = folder / "photo 2.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    photos, left_out = find_photos([folder])
    assert [photo.path.name for photo in photos] == ["photo 1.jpg", "photo 3.jpg"]
    assert len(left_out) == 1
    assert "photo 2.jpg" in left_out[0]


def test_a_broken_picture_named_is_refused(make_pictures: Pictures, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(make_pictures(1)[0].read_bytes()[:200])
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    with pytest.raises(InvalidInput) as refused:
        find_photos([*make_pictures(2), broken, text, tmp_path / "absent.jpg"])
    for name in ("broken.jpg", "text.jpg", "absent.jpg: there is no such file"):
        assert name in str(refused.value), "every file that cannot be used is named at once"


def test_the_same_picture_is_used_once(make_pictures: Pictures, tmp_path: Path) -> None:
    a, b = make_pictures(2)
    copy = shutil.copy(a, tmp_path / "copy.jpg")
    photos, left_out = find_photos([a, Path(copy), b])
    assert [photo.path for photo in photos] == [a, b]
    assert "the same picture" in left_out[0]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos(make_pictures: Pictures, tmp_path: Path, count: int) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for path in make_pictures(count):
        shutil.copy(path, folder)
    with pytest.raises(InvalidInput, match=f"at least 2 different photos, found {count}"):
        find_photos([folder])


def test_the_same_photo_twice_is_one_photo(make_pictures: Pictures) -> None:
    (photo,) = make_pictures(1)
    with pytest.raises(InvalidInput, match="found 1"):
        find_photos([photo, photo])


def test_every_awkward_file_is_refused_with_a_sentence_or_used(test_data: Path, make_pictures: Pictures) -> None:
    good = make_pictures(1)[0]
    for path in sorted((test_data / "media" / "bad").iterdir()):
        try:
            photos, _ = find_photos([good, path])
        except InvalidInput as refused:
            assert path.name in str(refused)
            assert len(str(refused)) > len(str(path)) + 15, "a refusal says why"
        else:
            assert [photo.path for photo in photos] == [good, path]
