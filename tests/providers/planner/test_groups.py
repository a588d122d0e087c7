"""The grouping rule and the exact order in which pairs are taken."""

import pytest

from models.storyboard import Photo
from providers.planner.groups import group_name, group_pairs, photo_groups, photo_label


def photo(rank: int, *, tags: tuple[str, ...] = (), name: str = "", original: str = "") -> Photo:
    return Photo(id=str(rank), age_rank=rank, tags=tags, name=name, original_name=original, width=4, height=3)


def named(*names: str) -> list[Photo]:
    return [photo(rank, name=name) for rank, name in enumerate(names)]


def ids(photos: list[Photo], num_pairs: int) -> list[tuple[str, str, str | None]]:
    return [(pair.first_id, pair.last_id, pair.group_name) for pair in group_pairs(photos, num_pairs)]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("Bedroom 1 2", "Bedroom 1"),
        ("Bedroom 1", "Bedroom"),
        ("Bedroom", "Bedroom"),
        ("  Living   room  12 ", "Living room"),
        ("Pool (2)", "Pool"),
        ("pool-3", "pool"),
        ("Vitamin C", "Vitamin C"),
        ("Lake view", "Lake view"),
    ],
)
def test_a_tag_or_name_loses_its_trailing_number_and_nothing_else(text: str, group: str) -> None:
    assert group_name(photo(0, tags=(text,))) == group
    assert group_name(photo(0, name=text)) == group


@pytest.mark.parametrize(
    ("file_name", "group"),
    [
        ("villa-pool-front.jpg", "villa pool front"),
        ("shelf-pan-a.jpg", "shelf pan"),
        ("shelf-pan-b.JPEG", "shelf pan"),
        ("pier-a-wide.jpg", "pier"),
        ("pier-b-detail.jpg", "pier"),
        ("orange close-up.png", "orange"),
        ("Bedroom 1 2.webp", "Bedroom 1"),
        ("kitchen_03.heic", "kitchen"),
        ("IMG_0042.jpg", None),
        ("DSCN1234.JPG", None),
        ("20240102_101112.jpg", None),
        ("IMG-20240102-WA0007.jpg", None),
        ("wide.jpg", "wide"),
        ("a.jpg", "a"),
        ("painting.jpg", "painting"),
    ],
)
def test_a_file_name_is_read_as_people_name_files(file_name: str, group: str | None) -> None:
    assert group_name(photo(0, original=file_name)) == group
    assert group_name(photo(0, name=file_name)) == group


def test_the_first_tag_goes_before_the_name_and_the_name_before_the_original_name() -> None:
    assert group_name(photo(0, tags=(" ", "Pool", "Garden"), name="Villa", original="x.jpg")) == "Pool"
    assert group_name(photo(0, name="Villa 2", original="x.jpg")) == "Villa"
    assert group_name(photo(0, original="x.jpg")) == "x"
    assert group_name(photo(0, tags=("101",), name="Villa")) == "Villa"
    assert group_name(photo(0)) is None


def test_a_name_that_repeats_the_id_is_no_name() -> None:
    stand_in = Photo(id="b7-1", age_rank=0, name="b7-1", original_name="pool.jpg", width=4, height=3)
    assert group_name(stand_in) == "pool"
    assert photo_label(stand_in) == "pool"


def test_spelling_does_not_split_a_group_and_the_oldest_names_it() -> None:
    groups = photo_groups(named("Living-room 1", "living room 2", "LIVING_ROOM"))
    assert [(group.name, len(group.photos)) for group in groups] == [("Living-room", 3)]


def test_nameless_photos_stand_alone() -> None:
    assert [len(group.photos) for group in photo_groups(named("", "", "pool"))] == [1, 1, 1]


def test_pairs_go_round_the_groups_and_leftovers_come_last_by_age() -> None:
    #                0       1        2       3         4       5       6        7       8        9
    photos = named("Hall", "Bed 1", "Pool", "Pool 2", "Bed 2", "Pool", "Bed 3", "Pool", "Pool 9", "Bar")
    assert ids(photos, 20) == [
        ("1", "4", "Bed"),
        ("2", "3", "Pool"),
        ("5", "7", "Pool"),
        ("0", "6", None),
        ("8", "9", None),
    ]


def test_pairing_stops_at_the_wanted_number() -> None:
    photos = named("A", "A", "A", "A", "B", "B")
    assert ids(photos, 2) == [("0", "1", "A"), ("4", "5", "B")]
    assert ids(photos, 0) == []


def test_age_decides_not_the_order_of_the_list() -> None:
    photos = named("A", "B", "A", "B")
    assert ids(photos[::-1], 2) == [("0", "2", "A"), ("1", "3", "B")]


def test_an_odd_photo_of_a_group_is_left_over() -> None:
    assert ids(named("A", "A", "A", "B"), 5) == [("0", "1", "A"), ("2", "3", None)]


def test_hostile_names_are_read_quickly() -> None:
    # A pattern that tries combinations would not come back from this one.
    assert group_name(photo(0, original="dscp" * 60 + "!.jpg")) is not None
