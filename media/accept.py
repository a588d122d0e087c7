"""Which files are taken in, judged by their bytes; what callers say about them is a hint at most."""

from pathlib import Path

from media.decode import check_picture_size
from media.probe import probe
from media.sniff import (
    AVI,
    DOC,
    DOCX,
    GIF,
    JPEG,
    M4A,
    MKV,
    MOV,
    MP3,
    MP4,
    OGG,
    PDF,
    PNG,
    SNIFF_BYTES,
    WAV,
    WEBM,
    WEBM_AUDIO,
    WEBP,
    as_audio,
    sniff,
)  # fmt: skip
from models.errors import InvalidMedia
from models.media import MediaFacts, MediaKind, Size

_ACCEPTED = (
    JPEG, PNG, WEBP, GIF, MP4, MOV, WEBM, AVI, MKV, MP3, WAV, OGG, WEBM_AUDIO, M4A, PDF, DOC, DOCX,
)  # fmt: skip
_NAMES = {(found.kind, found.format): found for found in _ACCEPTED}
_EXTENSIONS = {found.content_type: found.extension for found in _ACCEPTED}
ACCEPTED = "JPEG, PNG, WebP, GIF; MP4, MOV, WebM, AVI, MKV; MP3, WAV, OGG, WebM audio, M4A; PDF, DOC, DOCX"


def accept(path: Path, declared: MediaKind | None = None) -> MediaFacts:
    """Return the facts about a file that may be taken in.

    ``declared`` says as what: sound in a container that could hold a film, for instance. Raises InvalidMedia, with the
    reason, for formats that are not taken, files that are not what was declared, pictures of more pixels than can be
    decoded, and films and sound that cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    found = sniff(head)
    if not head:
        raise InvalidMedia("the file is empty")
    if found is None or (found.kind, found.format) not in _NAMES:
        raise InvalidMedia(f"the contents are of no accepted format: {ACCEPTED}")
    facts = probe(path)
    sound = as_audio(found)
    if declared == "audio" and facts.kind == "video" and facts.audio_codec and sound is not None:
        facts = _as_sound(facts, sound.format, sound.content_type)
    if declared is not None and declared != facts.kind:
        raise InvalidMedia(f"it was declared as {declared} and is {facts.kind}")
    if (facts.kind, facts.format) not in _NAMES or (facts.kind == "video" and not facts.width):
        raise InvalidMedia(f"the contents are of no accepted format: {ACCEPTED}")
    if facts.kind == "image" and facts.width and facts.height:
        check_picture_size(Size(facts.width, facts.height), allow_small=True)
    return facts


def extension_of(content_type: str) -> str | None:
    """Return the extension, without a dot, of a content type that is taken in; None for any other."""
    return _EXTENSIONS.get(content_type)


def content_type_of(head: bytes) -> str | None:
    """Return the content type of a file that begins with ``head``, or None when it would not be taken in."""
    found = sniff(head)
    return found.content_type if found is not None and (found.kind, found.format) in _NAMES else None


def _as_sound(facts: MediaFacts, format: str, content_type: str) -> MediaFacts:
    of_the_film = ("width", "height", "fps", "frame_count", "video_codec", "pixel_format")
    return facts.model_copy(
        update={"kind": "audio", "format": format, "content_type": content_type, **dict.fromkeys(of_the_film)}
    )
