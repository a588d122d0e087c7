"""Property videos as data: the seven scenes of Set A, and the words by which photos are told to fit them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from models.media import CameraMovement

SelectionMode = Literal["strict", "reduced", "property_types"]

STRICT_PHOTOS = 14
"""Photos that a property video in strict mode needs: two for each of the seven scenes."""

DEFAULT_TYPES = ("exterior", "interior", "kitchen", "bedroom", "bathroom", "living_room")
"""What is shown as a job's types when its caller named none."""


class SceneDefinition(BaseModel):
    """One scene of Set A: what it is for, which photos suit it, and how it moves and sounds."""

    model_config = ConfigDict(frozen=True)

    scene_number: int
    scene_type: str
    duration: float = 5.0
    purpose: str
    visual_priority: str
    mood: str
    ideal_tags: tuple[str, ...]
    first_image_guidance: str
    last_image_guidance: str
    transition_goal: str
    camera_movement: CameraMovement
    music_style: str
    music_energy: str


class Vocabulary(NamedTuple):
    """What makes a photo fit a scene: tags that must be of one kind or had better be of another, and words in names.

    Tags are normalised tokens (``living_room``); words may be several in a row (``great room``).
    """

    primary: frozenset[str] = frozenset()
    preferred: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __or__(self, other: "Vocabulary") -> "Vocabulary":
        return Vocabulary(*(mine | theirs for mine, theirs in zip(self, other, strict=True)))


SET_A: tuple[SceneDefinition, ...] = (
    SceneDefinition(
        scene_number=1,
        scene_type="Grand Arrival",
        purpose="present the exterior, its architecture and the sense of arriving",
        visual_priority="wide establishing views, striking architecture, a welcoming entrance",
        mood="aspirational, luxurious, inviting",
        ideal_tags=("exterior", "architecture", "entrance", "facade", "driveway", "landscape"),
        first_image_guidance="distant approach, the whole property in its context",
        last_image_guidance="nearer entrance or an architectural detail",
        transition_goal="the viewer arrives",
        camera_movement=CameraMovement.DOLLY_FORWARD,
        music_style="cinematic, ambient, uplifting",
        music_energy="medium-high",
    ),
    SceneDefinition(
        scene_number=2,
        scene_type="Refined Interiors",
        purpose="show the lobby and shared spaces and the quality of their design",
        visual_priority="sophisticated design, fine detail, generous space",
        mood="elegant, refined, comfortable",
        ideal_tags=("lobby", "interior", "lounge", "reception", "design", "furniture", "chandelier"),
        first_image_guidance="wide room, overall ambience",
        last_image_guidance="design detail or inviting seating",
        transition_goal="flowing through the interior",
        camera_movement=CameraMovement.PAN_SWEEP,
        music_style="open, airy, sophisticated",
        music_energy="medium",
    ),
    SceneDefinition(
        scene_number=3,
        scene_type="Guest Room Sanctuary",
        purpose="show the comfort and amenities of a guest room",
        visual_priority="the bed, roominess, the view out, premium finishes",
        mood="serene, comfortable, intimate",
        ideal_tags=("bedroom", "suite", "bed", "room_view", "balcony", "bathroom", "amenities"),
        first_image_guidance="room overview with bed and layout",
        last_image_guidance="view from the room or a bathroom detail",
        transition_goal="a private, restful retreat",
        camera_movement=CameraMovement.TRUCK_LATERAL,
        music_style="elegant, serene, sophisticated",
        music_energy="medium",
    ),
    SceneDefinition(
        scene_number=4,
        scene_type="Culinary Excellence",
        purpose="present dining, food quality and the atmosphere of the restaurant",
        visual_priority="plated dishes, dining mood, the chef's craft",
        mood="sophisticated, appetising, experiential",
        ideal_tags=("restaurant", "dining", "food", "plating", "bar", "wine", "chef", "cuisine"),
        first_image_guidance="restaurant mood or a beautiful dish",
        last_image_guidance="dining or plating detail",
        transition_goal="appetite and anticipation",
        camera_movement=CameraMovement.STATIC_FLOAT,
        music_style="warm, inviting, intimate",
        music_energy="medium-low",
    ),
    SceneDefinition(
        scene_number=5,
        scene_type="Wellness & Recreation",
        purpose="show pool, spa, fitness and activities",
        visual_priority="premium facilities, places to rest, a choice of activities",
        mood="rejuvenating, active, leisurely",
        ideal_tags=("pool", "spa", "fitness", "yoga", "massage", "wellness", "recreation", "activities"),
        first_image_guidance="wide view of the pool or spa",
        last_image_guidance="close wellness detail or an activity",
        transition_goal="relaxation and vitality",
        camera_movement=CameraMovement.DOLLY_FORWARD,
        music_style="serene, spa, tranquil",
        music_energy="low-medium",
    ),
    SceneDefinition(
        scene_number=6,
        scene_type="Unique Experiences",
        purpose="show what sets the place apart: local culture, special offers",
        visual_priority="differentiators, authentic and memorable moments",
        mood="distinctive, experiential, authentic",
        ideal_tags=("experience", "unique", "culture", "local", "activity", "sunset", "beach", "nature"),
        first_image_guidance="signature experience or feature",
        last_image_guidance="a guest enjoying it, or its natural setting",
        transition_goal="what makes the place special",
        camera_movement=CameraMovement.TRUCK_LATERAL_OPPOSITE,
        music_style="organic, local, uplifting",
        music_energy="medium",
    ),
    SceneDefinition(
        scene_number=7,
        scene_type="Lasting Impression",
        purpose="close on a memorable hero picture",
        visual_priority="a great vista, the iconic angle, golden hour",
        mood="inspirational, memorable, wishing to return",
        ideal_tags=("sunset", "view", "landscape", "ocean", "mountains", "hero_shot", "panorama"),
        first_image_guidance="wide property in its setting",
        last_image_guidance="the single most striking picture",
        transition_goal="inspired, ready to book",
        camera_movement=CameraMovement.DOLLY_BACKWARD,
        music_style="cinematic, peaceful, resolving",
        music_energy="medium-low",
    ),
)


def _vocabulary(primary: str, preferred: str, words: str) -> Vocabulary:
    return Vocabulary(*(frozenset(text.split(", ")) for text in (primary, preferred, words)))


_HOOK = _vocabulary(
    "exterior, pool, courtyard, terrace, water_feature",
    "main_exterior, hero_shot, water",
    "pool, water, exterior, courtyard, terrace, garden",
)
_BEDROOM = _vocabulary(
    "bedroom, master_bedroom, suite",
    "master_bedroom, hero_bedroom, primary_suite",
    "bedroom, bed, master, suite, sleeping",
)
_VANITY = _vocabulary(
    "bathroom, vanity, powder_room",
    "double_vanity, master_bath, ensuite",
    "vanity, bathroom, mirror, sink, powder room",
)
_TUB = _vocabulary(
    "bathroom, bathtub, shower, spa",
    "freestanding_tub, feature_bath, spa_bathroom",
    "tub, bathtub, shower, spa, soaking",
)
_LIVING_ROOM = _vocabulary(
    "living_room, great_room, lounge, sitting_area",
    "main_living, great_room, open_concept",
    "living, lounge, sitting, seating, sofa, great room",
)
_DINING = _vocabulary(
    "dining, dining_room, outdoor_dining, lifestyle",
    "formal_dining, outdoor_living, lifestyle",
    "dining, table, eating, kitchen table, outdoor dining",
)
_OUTRO = _vocabulary(
    "exterior, establishing, wide_shot, aerial, entrance",
    "hero_exterior, establishing_shot, signature_view",
    "exterior, wide, establishing, aerial, entrance, deck, view",
)
_INTERIOR = _vocabulary("interior, lobby, hall", "design, furniture", "interior, inside, hall")
_KITCHEN = _vocabulary(
    "kitchen, kitchenette, pantry", "chef_kitchen, kitchen_island", "kitchen, counter, stove, island"
)

PROPERTY_TYPES: dict[str, tuple[str, Vocabulary]] = {
    "hook": ("Grand Arrival", _HOOK),
    "bedroom": ("Guest Room Sanctuary", _BEDROOM),
    "vanity": ("Guest Room Sanctuary", _VANITY),
    "tub": ("Wellness & Recreation", _TUB),
    "living_room": ("Refined Interiors", _LIVING_ROOM),
    "dining": ("Culinary Excellence", _DINING),
    "outro": ("Lasting Impression", _OUTRO),
    "exterior": ("Grand Arrival", _HOOK | _OUTRO),
    "interior": ("Refined Interiors", _INTERIOR._replace(primary=_INTERIOR.primary | _LIVING_ROOM.primary)),
    "kitchen": ("Culinary Excellence", _KITCHEN),
    "bathroom": ("Guest Room Sanctuary", _VANITY | _TUB),
}
"""The types that callers may name beside those of Set A: the Set A scene each stands for, and its vocabulary."""

COMBINED = frozenset(("exterior", "bathroom"))
"""Types that are two others together. To their Set A scene they add tags only: a view is no arrival."""

ONLY_IN: dict[str, str] = {
    "pool": "Wellness & Recreation",
    "spa": "Wellness & Recreation",
    "shower": "Wellness & Recreation",
    "bathroom": "Guest Room Sanctuary",
}
"""What counts for one scene of Set A alone, though the types that stand for another name it too."""


def selection_mode(types: Sequence[str], photo_count: int) -> SelectionMode:
    """Return the mode of a property video whose caller did not name one."""
    if types:
        return "property_types"
    return "strict" if photo_count >= STRICT_PHOTOS else "reduced"


def too_few_for_strict(photo_count: int) -> str:
    """Return the warning for a film that has to do with fewer scenes."""
    return f"All seven scenes need {STRICT_PHOTOS} photos and there are {photo_count}: the film has fewer scenes."
