"""Which photos belong together by their tags and names, and the pairs that follow from it.

The rule for tags and names: the trailing number is removed (``Bedroom 1 2`` is in ``Bedroom 1``), and spelling in
capitals, hyphens or underscores makes no difference. A file name (an original name, or a name that ends like a
picture file) is read a little further, because that is how people name the files of a folder: the extension goes, a
last word on the kind of view goes (``pier-wide``, ``pier-detail``), then the trailing number or else a trailing single
letter (``shelf-pan-a``, ``shelf-pan-b``), and punctuation becomes spaces. A file name that is only a camera's counter
(``IMG_0042``) says nothing about the picture and makes no group. Tags and names proper never lose a letter or a word.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.storyboard import Photo
from providers.planner.base import Pair

_EXTENSION = re.compile(r"\.(jpe?g|png|webp|gif|tiff?|bmp|heic|heif|avif)$", re.IGNORECASE)
_TRAILING_NUMBER = re.compile(r"[\s_#(.-]*\d+\s*\)?$")
_TRAILING_VIEW = re.compile(
    r"(?<=\w) (wide|establishing|overview|aerial|approach|panorama|detail|close|close ?up|view)$", re.IGNORECASE
)
_TRAILING_LETTER = re.compile(r"(?<=\w) [a-z]$", re.IGNORECASE)
_CAMERA_COUNTER = re.compile(r"[\W\d_]*(img|dsc[a-z]?|pxl|mvimg|gopr|dji|sam|p)?[\W\d_]*(wa\d+)?", re.IGNORECASE)


class PhotoGroup(NamedTuple):
    """Photos that belong together, oldest first. ``name`` is as the oldest spells it; None when nothing names it."""

    name: str | None
    photos: list[Photo]


def photo_label(photo: Photo) -> str:
    """Return what the photo is called, fit to read: its name, else its original name, else nothing."""
    for text, is_file_name in _names(photo):
        words = _file_words(text) if is_file_name else _collapsed(text)
        if words:
            return words
    return ""


def group_name(photo: Photo) -> str | None:
    """Return the name of the photo's group, None when neither tag nor name gives one."""
    tag = next((tag for tag in photo.tags if tag.strip()), "")
    if words := _without_number(_collapsed(tag)):
        return words
    for text, is_file_name in _names(photo):
        words = _file_group(text) if is_file_name else _without_number(_collapsed(text))
        if words:
            return words
    return None


def photo_groups(photos: Sequence[Photo]) -> list[PhotoGroup]:
    """Return all groups, also those of one photo, in order of their oldest photo."""
    groups: dict[str, PhotoGroup] = {}
    for photo in sorted(photos, key=_age):
        name = group_name(photo)
        # A photo without a group stands alone; its id as the key cannot meet a group's, which holds no line break.
        key = re.sub(r"[\s_-]+", " ", name).strip().casefold() if name else f"\n{photo.id}"
        groups.setdefault(key, PhotoGroup(name, [])).photos.append(photo)
    return list(groups.values())


def group_pairs(photos: Sequence[Photo], num_pairs: int) -> list[Pair]:
    """Pair ``photos`` by group and age: at most ``num_pairs`` and never fewer than the photos allow.

    Photos 1 and 2 of each group in order of the groups' oldest photos, then 3 and 4 of each, and so on; then what is
    left over, in age order.
    """
    groups = photo_groups(photos)
    return [pair for pair, _ in zip(_all_pairs(groups), range(num_pairs), strict=False)]


def _all_pairs(groups: Sequence[PhotoGroup]) -> Iterator[Pair]:
    longest = max((len(group.photos) for group in groups), default=0)
    for start in range(0, longest - 1, 2):
        for name, photos in groups:
            if start + 1 < len(photos):
                reasoning = f"Both of {name}, next to each other by age."
                yield _pair(photos[start], photos[start + 1], name, reasoning)
    odd = sorted((group.photos[-1] for group in groups if len(group.photos) % 2), key=_age)
    for first, last in zip(odd[::2], odd[1::2], strict=False):
        yield _pair(first, last, None, "Left over from their groups; paired by age.")


def _pair(first: Photo, last: Photo, name: str | None, reasoning: str) -> Pair:
    return Pair(first_id=first.id, last_id=last.id, group_name=name, reasoning=reasoning)


def _age(photo: Photo) -> int:
    return photo.age_rank


def _names(photo: Photo) -> Iterator[tuple[str, bool]]:
    """Yield the photo's names with whether each is a file's. A name that repeats the id is a stand-in, not a name."""
    if photo.name != photo.id:
        yield photo.name, bool(_EXTENSION.search(photo.name.strip()))
    yield photo.original_name, True


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def _without_number(text: str) -> str:
    return _TRAILING_NUMBER.sub("", text).strip()


def _file_words(file_name: str) -> str:
    """Return the words of a file name without extension and punctuation; nothing when it is a camera's counter."""
    stem = _EXTENSION.sub("", _collapsed(file_name))
    return "" if _CAMERA_COUNTER.fullmatch(stem) else _collapsed(re.sub(r"[-_.+~]+", " ", stem))


def _file_group(file_name: str) -> str:
    words = _TRAILING_VIEW.sub("", _file_words(file_name))
    shorter = _without_number(words)
    return shorter if shorter != words else _TRAILING_LETTER.sub("", words)
