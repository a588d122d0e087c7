"""Cutting and joining H.264 films packet by packet: nothing is encoded, so every frame stays as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media.clip_format import Clip
from media.film import open_film, video_track
from models.errors import InvalidMedia, ProcessingFailed

_NAL_TYPE, _IDR_SLICE = 0x1F, 5  # ITU-T H.264, table 7-1


@dataclass(frozen=True)
class Cut:
    """The frames ``first`` to ``end`` - 1 of a copyable clip. Both are among its ``cut_places``, or its ends."""

    clip: Clip
    first: int
    end: int

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.end - self.first


def cut_places(clip: Clip) -> tuple[int, ...]:
    """Return the frames of a copyable clip before which it can be cut, the first one included.

    These are the pictures with which decoding starts anew (IDR): nothing behind them refers to anything before them,
    nor is shown before them. Other key frames promise less.
    """
    with open_film(clip.path, packets_only=True) as (_, container):
        track = _track(container, clip)
        prefix = _prefix_bytes(track)
        packets = (packet for packet in container.demux(track) if packet.pts is not None)
        return tuple(
            number for number, packet in enumerate(packets) if packet.is_keyframe and _is_idr(bytes(packet), prefix)
        )


def splice(cuts: Sequence[Cut], into: Path) -> None:
    """Copy the cuts, which are of one format, into one MP4 of constant frame rate, without sound, index in front.

    Raises ProcessingFailed when writing fails.
    """
    used = [cut for cut in cuts if cut.frames]
    base = used[0].clip.format.time_base
    options = {"movflags": "+faststart", "video_track_timescale": str(base.denominator)}
    try:
        with av.open(f"file:{into}", "w", format="mp4", options=options) as film:
            _copy(used, base, film)
    except av.FFmpegError as exc:
        if isinstance(exc, OSError):
            raise
        raise ProcessingFailed(f"joining failed: {exc.strerror}") from exc


def _copy(cuts: Sequence[Cut], base: Fraction, film: OutputContainer) -> None:
    """Number the frames as they are decoded and as they are shown; all times follow from these numbers."""
    clips = [cut.clip for cut in cuts]
    step = Fraction(sum(clip.duration_s for clip in clips)) / sum(clip.frames for clip in clips) / base
    delay = max(clip.reorder_frames for clip in clips)
    track: VideoStream | None = None
    decoded = 0
    for cut in cuts:
        begin = decoded
        for packet, place in _packets(cut):
            if track is None:
                track = film.add_stream_from_template(packet.stream)
                track.time_base = base
            packet.pts, packet.dts = round((begin + place) * step), round((decoded - delay) * step)
            packet.duration = round((decoded - delay + 1) * step) - packet.dts
            packet.stream, packet.time_base = track, base
            film.mux(packet)
            decoded += 1


def _packets(cut: Cut) -> Iterator[tuple["Packet[VideoStream]", int]]:
    """Yield the packets of a cut in their order, and at which place in the cut each is shown."""
    with open_film(cut.clip.path, packets_only=True) as (_, container):
        track = _track(container, cut.clip)
        step = Fraction(cut.clip.duration_s) / cut.clip.frames / cut.clip.format.time_base
        packets = ((packet, packet.pts) for packet in container.demux(track) if packet.pts is not None)
        origin: int | None = None
        for packet, stamp in islice(packets, cut.first, cut.end):
            origin = stamp if origin is None else origin
            yield packet, round((stamp - origin) / step)


def _track(container: InputContainer, clip: Clip) -> VideoStream:
    track = video_track(container)
    if track is None:
        raise InvalidMedia(f"{clip.path.name} has changed while it was read")
    return track


def _prefix_bytes(track: VideoStream) -> int:
    """Return how many bytes say the length of each NAL unit (ISO 14496-15, 5.3.3.1)."""
    configuration = track.codec_context.extradata or b""
    return (configuration[4] & 3) + 1 if len(configuration) > 4 else 4


def _is_idr(packet: bytes, prefix: int) -> bool:
    at = 0
    while at + prefix < len(packet):
        if packet[at + prefix] & _NAL_TYPE == _IDR_SLICE:
            return True
        at += prefix + int.from_bytes(packet[at : at + prefix])
    return False
