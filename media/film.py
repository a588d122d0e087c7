"""Reading films and sound with bounded work: what is in a file, measured, and single frames of it."""

import re
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from media.sniff import SNIFF_BYTES, Sniffed, sniff
from models.errors import InvalidMedia

AnyPacket: TypeAlias = "Packet[Stream]"  # Packet is generic for the type checker only

READ_LIMIT_S = 20.0
"""Longest time spent reading one file. A healthy one of 100 MB takes a fraction of a second, a crafted one for ever."""

MAX_FRAME_PIXELS = 8192 * 4320
"""Largest frame decoded: 8K in the cinema's width."""

# Naming the demuxer keeps a file out of those that open other files or addresses (playlists, concat scripts).
_DEMUXERS = {
    "mp4": "mov", "mov": "mov", "m4a": "mov", "webm": "matroska", "mkv": "matroska", "avi": "avi", "mp3": "mp3",
    "wav": "wav", "ogg": "ogg",
}  # fmt: skip
_ISO_FORMATS = ("mp4", "mov", "m4a")
_ESSENTIAL_BOXES = (b"ftyp", b"moov", b"mdat", b"moof")
_WIDEST_PIXEL = 4
_LARGEST_INDEX = 16 * 1024**2
_IDENTITY = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
# More frames between two key frames than this are not decoded to reach an exact moment.
_MAX_FRAMES_TO_MOMENT = 1500


@dataclass
class Timeline:
    """The packets of one track, counted: when each frame is shown, in ticks of the track's time base."""

    stream: Stream
    shown: list[int] = field(default_factory=list)
    end: int = 0
    trimmed: bool = False
    """An edit list hides some of the packets."""
    ordered: bool = True
    """Decoding times rise from packet to packet, as players need."""
    _last_dts: int | None = None

    @property
    def frames(self) -> int:
        """How many frames are shown (for sound: packets)."""
        return len(self.shown)

    @property
    def duration_s(self) -> float:
        """Length in seconds from the first frame's start to the last one's end; 0 when nothing is there."""
        if not self.shown or self.stream.time_base is None:
            return 0.0
        return float((self.end - min(self.shown)) * self.stream.time_base)

    @property
    def steady(self) -> bool:
        """Frames are evenly spaced, to one tick."""
        stamps = sorted(self.shown)
        steps = {later - earlier for earlier, later in pairwise(stamps)}
        return not steps or max(steps) - min(steps) <= 1

    def add(self, packet: AnyPacket) -> None:
        """Count one packet."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            return
        if packet.dts is not None:
            self.ordered = self.ordered and (self._last_dts is None or packet.dts > self._last_dts)
            self._last_dts = packet.dts
        if packet.is_discard:
            self.trimmed = True
            return
        self.shown.append(stamp)
        self.end = max(self.end, stamp + (packet.duration or self._usual_step()))

    def _usual_step(self) -> int:
        rate = self.stream.average_rate if isinstance(self.stream, VideoStream) else None
        return round(1 / (rate * self.stream.time_base)) if rate and self.stream.time_base else 0


def demuxer_of(found: Sniffed) -> str:
    """Return ffmpeg's name of the demuxer for a film or sound that ``open_film`` takes."""
    return _DEMUXERS[found.format]


@contextmanager
def open_film(path: Path, *, packets_only: bool = False) -> Iterator[tuple[Sniffed, InputContainer]]:
    """Open a film or sound file by what its first bytes say; yields that and the container.

    With ``packets_only`` nothing is decoded, which is several times faster; the pixel format is then unknown.
    Raises InvalidMedia when it is none, when it is cut off, or when its index is missing or damaged; also for
    whatever goes wrong while the block reads from it.
    """
    found = _film_format(path)
    if found.format in _ISO_FORMATS:
        _refuse_cut_off(path)
    options = {"max_pixels": str(MAX_FRAME_PIXELS)} | ({"skip_frame": "all"} if packets_only else {})
    limits = (READ_LIMIT_S, READ_LIMIT_S)
    try:
        with av.open(
            f"file:{path}", format=demuxer_of(found), options=options, timeout=limits, metadata_errors="replace"
        ) as container:
            yield found, container
    except av.FFmpegError as exc:
        raise InvalidMedia(f"the {found.kind} cannot be read: its data is damaged or cut off") from exc


def shown_as_stored(path: Path) -> bool:
    """Whether every track of an MP4 or MOV file has the identity display matrix, told without decoding.

    The matrix stands in each track header (ISO 14496-12, 8.3.2), behind times of 4 or 8 bytes by its version.
    """
    with path.open("rb") as file:
        for kind, at, size in _boxes(path):
            if kind == b"moov":
                file.seek(at)
                index = file.read(min(size, _LARGEST_INDEX))
                headers = [hit.end() for hit in re.finditer(rb"tkhd", index)]
                places = [end + (52 if index[end : end + 1] == b"\x01" else 40) for end in headers]
                return bool(places) and all(index[place : place + 36] == _IDENTITY for place in places)
    return False


def video_track(container: InputContainer) -> VideoStream | None:
    """Return the first moving picture of a file whose codec is known; cover art does not count.

    Raises InvalidMedia when its frames are larger than 8K.
    """
    for stream in container.streams.video:
        if stream.codec_context is None or stream.disposition & Disposition.attached_pic:
            continue
        if stream.width * stream.height > MAX_FRAME_PIXELS:
            raise InvalidMedia(f"the video is {stream.width}×{stream.height} pixels; at most 8K is accepted")
        return stream
    return None


def measure(container: InputContainer, streams: Sequence[Stream]) -> dict[int, Timeline]:
    """Count every packet of ``streams``, whatever the header promises; the result is keyed by the stream's index.

    Raises InvalidMedia when that takes longer than ``READ_LIMIT_S``.
    """
    lines = {stream.index: Timeline(stream) for stream in streams}
    deadline = time.monotonic() + READ_LIMIT_S
    for packet in container.demux(*streams):
        lines[packet.stream.index].add(packet)
        if time.monotonic() > deadline:
            raise InvalidMedia("the file takes too long to read; its index is damaged or it is far too long")
    return lines


def frame_at(container: InputContainer, track: VideoStream, moment_s: float) -> VideoFrame:
    """Return the frame shown ``moment_s`` seconds after the track's start, or the last one before its end.

    Raises InvalidMedia when nothing can be decoded there.
    """
    base = track.time_base or 1
    wanted = (track.start_time or 0) + round(moment_s / base)
    container.seek(max(wanted, 0), stream=track)
    shown: VideoFrame | None = None
    for count, frame in enumerate(container.decode(track)):
        if shown is not None and frame.pts is not None and frame.pts > wanted:
            break
        shown = frame
        if count == _MAX_FRAMES_TO_MOMENT:
            break
    if shown is None:
        raise InvalidMedia("no frame of the video can be decoded")
    return shown


def upright(frame: VideoFrame, track: VideoStream) -> Image.Image:
    """Return a frame as it is shown: RGB, square pixels, turned by the display matrix.

    Pixels said to be more than four times as wide as high, or the reverse, are taken for square.
    """
    picture = cast(Image.Image, frame.to_image())  # type: ignore[no-untyped-call]
    ratio = track.sample_aspect_ratio
    if ratio and ratio != 1 and 1 / _WIDEST_PIXEL <= ratio <= _WIDEST_PIXEL:
        picture = picture.resize((max(1, round(picture.width * ratio)), picture.height), Image.Resampling.BICUBIC)
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _film_format(path: Path) -> Sniffed:
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if not head:
        raise InvalidMedia("the file is empty")
    found = sniff(head)
    if found is None or found.format not in _DEMUXERS:
        what = f"{found.kind} ({found.format})" if found else "of no known format"
        raise InvalidMedia(f"the file is neither video nor sound: it is {what}")
    return found


def _refuse_cut_off(path: Path) -> None:
    for kind, at, size in _boxes(path):
        if kind in _ESSENTIAL_BOXES and at + size > path.stat().st_size:
            left = path.stat().st_size - at
            raise InvalidMedia(f"the file is cut off: {left} bytes are left where {size} were promised")


def _boxes(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, position and size of the top-level boxes of an ISO base media file (ISO 14496-12, 4.2).

    Ends at the first that is none: some writers pad, and a tail of other bytes does no harm.
    """
    at, end = 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            elif size == 0:
                size = end - at
            if size < 8:
                return
            yield head[4:8], at, size
            at += size
