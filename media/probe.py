"""What a file is and holds, told by its bytes: never by its name, its declared type or its header's promises."""

from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Stream

from media.decode import read_picture_header
from media.film import Timeline, measure, open_film, upright, video_track
from media.sniff import SNIFF_BYTES, Sniffed, as_audio, sniff
from models.errors import InvalidMedia
from models.media import MediaFacts


def probe(path: Path) -> MediaFacts:
    """Return the facts about a picture, film, sound or document.

    Pictures are judged by their header only and may be larger than ``open_picture`` accepts. Lengths are measured
    by reading every packet; of a film it is the length of its pictures. A container that could hold a film but has
    sound only is reported as audio. Raises InvalidMedia for anything unknown, empty, cut off or unreadable, for sound
    without samples and films without frames.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if not head:
        raise InvalidMedia("the file is empty")
    found = sniff(head)
    if found is None:
        raise InvalidMedia("the file's contents are of no known format")
    if found.kind == "image":
        size = read_picture_header(path).size
        return _facts(path, found, width=size.width, height=size.height)
    if found.kind == "document":
        return _facts(path, found)
    with open_film(path) as (_, container):
        return _film_facts(path, found, container)


def probe_video(path: Path) -> MediaFacts:
    """Return the facts about a film that has pictures: ``duration_s``, ``fps``, ``width``, ``height`` are all known.

    Raises InvalidMedia like ``probe``, and when the file is no film, has no video track or no length.
    """
    facts = probe(path)
    if facts.kind != "video":
        held = "only sound" if facts.kind == "audio" else f"{facts.kind} ({facts.format})"
        raise InvalidMedia(f"no video track: the file holds {held}")
    if not facts.duration_s:
        raise InvalidMedia("the video has no length")
    return facts


def _film_facts(path: Path, found: Sniffed, container: InputContainer) -> MediaFacts:
    track = video_track(container) if found.kind == "video" else None
    sound = next(iter(container.streams.audio), None)
    streams: list[Stream] = [stream for stream in (track, sound) if stream is not None]
    if not streams:
        raise InvalidMedia("the file holds neither pictures nor sound")
    lines = measure(container, streams)
    audio_codec = _codec(sound) if sound is not None else None
    if track is not None:
        return _facts(path, found, audio_codec=audio_codec, **_track_facts(container, lines[track.index]))
    assert sound is not None
    if lines[sound.index].duration_s <= 0:
        raise InvalidMedia("the audio is empty: it has no samples")
    return _facts(path, as_audio(found) or found, audio_codec=audio_codec, duration_s=lines[sound.index].duration_s)


def _track_facts(container: InputContainer, line: Timeline) -> dict[str, Any]:
    track = video_track(container)
    if track is None or not line.frames:
        raise InvalidMedia("the video has no frames")
    container.seek(0)
    first = next(iter(container.decode(track)), None)
    if first is None:
        raise InvalidMedia("no frame of the video can be decoded")
    shown = upright(first, track)
    rate = track.average_rate or (line.frames / line.duration_s if line.duration_s else None)
    return {
        "width": shown.width,
        "height": shown.height,
        "duration_s": line.duration_s,
        "fps": float(rate) if rate else None,
        "frame_count": line.frames,
        "video_codec": _codec(track),
        "pixel_format": track.codec_context.pix_fmt,
    }


def _codec(stream: Stream) -> str | None:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else None


def _facts(path: Path, found: Sniffed, **known: Any) -> MediaFacts:
    return MediaFacts(
        kind=found.kind,
        format=found.format,
        content_type=found.content_type,
        size_bytes=path.stat().st_size,
        **known,
    )
