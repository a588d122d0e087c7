"""The seven scenes of Set A and the vocabulary, as data."""

from models.property import ONLY_IN, PROPERTY_TYPES, SET_A, selection_mode


def test_set_a_is_seven_scenes_in_order() -> None:
    assert [scene.scene_number for scene in SET_A] == list(range(1, 8))
    assert [scene.scene_type for scene in SET_A] == [
        "Grand Arrival", "Refined Interiors", "Guest Room Sanctuary", "Culinary Excellence", "Wellness & Recreation",
        "Unique Experiences", "Lasting Impression",
    ]  # fmt: skip
    assert sum(scene.duration for scene in SET_A) == 35
    assert all(len(scene.ideal_tags) >= 6 for scene in SET_A)


def test_every_type_stands_for_a_scene_of_set_a() -> None:
    names = {scene.scene_type for scene in SET_A}
    assert {stands_for for stands_for, _ in PROPERTY_TYPES.values()} <= names
    assert set(ONLY_IN.values()) <= names
    for _, vocabulary in PROPERTY_TYPES.values():
        assert all(part for part in vocabulary)


def test_the_mode_follows_from_types_and_number() -> None:
    assert selection_mode(["bedroom"], 2) == "property_types"
    assert (selection_mode([], 14), selection_mode([], 13)) == ("strict", "reduced")
