"""What clips must have in common to be joined without encoding them anew."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.video.stream import VideoStream

from media.film import Timeline, demuxer_of, measure, open_film, shown_as_stored, video_track
from models.errors import InvalidMedia
from models.media import Size

DEFAULT_RATE = Fraction(24)
_USUAL_RATES = tuple(Fraction(n) for n in (24, 25, 30, 48, 50, 60)) + tuple(
    Fraction(n * 1000, 1001) for n in (24, 30, 60)
)
_RATE_TOLERANCE = Fraction(1, 2500)  # 24 and 24000/1001 differ by 1/1000
_HIGHEST_RATE = 60
_PLAIN_PROFILES = ("Constrained Baseline", "Baseline", "Main", "High")
"""Those of H.264 that are always 4:2:0 with 8 bits (ITU-T H.264, Annex A), which every player decodes."""
_LABELLED_IN_CONFIGURATION = ("h264", "hevc")
"""Codecs whose colour labels are known without decoding; of others the decoder must tell."""
_UNSPECIFIED = 2  # ISO 23091-2: the matrix coefficients are not named


@dataclass(frozen=True)
class ClipFormat:
    """How a clip is encoded. Clips whose formats are equal play as one when their packets are put in a row."""

    codec: str
    profile: str | None
    size: Size
    colours: tuple[int | None, ...]
    rate: Fraction
    time_base: Fraction
    extradata: bytes | None
    """The decoder's configuration (SPS and PPS, so also the pixel format); other packets would not decode with it."""

    def fits(self, size: Size, rate: Fraction) -> bool:
        """Whether a clip of this format could stand beside one made for that canvas."""
        return self.size == size and self.rate == rate


@dataclass(frozen=True)
class Clip:
    """A clip as read: its length and frames are measured, ``unlabelled`` says that it does not name its colours."""

    path: Path
    demuxer: str
    format: ClipFormat
    duration_s: float
    frames: int
    reorder_frames: int
    """How many frames are decoded, at most, before an earlier one can be shown."""
    unlabelled: bool
    steady: bool
    copyable: bool
    """It is plain H.264 in MP4, 4:2:0, upright, square pixels, constant rate, untrimmed, video track first."""


def read_clip(path: Path) -> Clip:
    """Read a clip's format and measure it. Raises InvalidMedia when it has no video track, no frames or no length."""
    with open_film(path, packets_only=True) as (found, container):
        track = video_track(container)
        if track is None:
            raise InvalidMedia("no video track: the file holds only sound")
        line = measure(container, [track])[track.index]
        if not line.duration_s:
            raise InvalidMedia("the video has no frames")
        form, demuxer = _format(track, line), demuxer_of(found)
        fit_to_copy = demuxer == "mov" and track.index == 0 and _joinable(form, track, line)
        return Clip(
            path=path,
            demuxer=demuxer,
            format=form,
            duration_s=line.duration_s,
            frames=line.frames,
            reorder_frames=_reordered(line.shown),
            unlabelled=form.codec in _LABELLED_IN_CONFIGURATION and track.codec_context.colorspace == _UNSPECIFIED,
            steady=line.steady,
            copyable=fit_to_copy and shown_as_stored(path),
        )


def agreed_rate(clips: Sequence[Clip]) -> Fraction:
    """Return the most frequent frame rate of the steady clips; 24 when there is none or several are as frequent."""
    votes = Counter(clip.format.rate for clip in clips if clip.steady and clip.format.rate <= _HIGHEST_RATE)
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return DEFAULT_RATE
    return ranked[0][0]


def _format(track: VideoStream, line: Timeline) -> ClipFormat:
    context = track.codec_context
    return ClipFormat(
        codec=context.codec.canonical_name,
        profile=context.profile,
        size=Size(context.width, context.height),
        colours=(context.color_primaries, context.color_trc, context.colorspace, context.color_range),
        rate=_nominal_rate(Fraction(line.frames) / Fraction(line.duration_s)),
        time_base=Fraction(track.time_base or 0),
        extradata=context.extradata,
    )


def _nominal_rate(measured: Fraction) -> Fraction:
    """Return the usual rate that was measured, or else the nearest whole number of frames a second."""
    for usual in _USUAL_RATES:
        if abs(measured - usual) <= usual * _RATE_TOLERANCE:
            return usual
    return Fraction(max(1, round(measured)))


def _reordered(shown: Sequence[int]) -> int:
    """Return how far the times of showing, in the order of decoding, are from rising."""
    places = {stamp: place for place, stamp in enumerate(sorted(shown))}
    return max(number - places[stamp] for number, stamp in enumerate(shown))


def _joinable(form: ClipFormat, track: VideoStream, line: Timeline) -> bool:
    plain = form.codec == "h264" and form.profile in _PLAIN_PROFILES and track.sample_aspect_ratio in (None, 0, 1)
    return plain and line.steady and line.ordered and not line.trimmed
