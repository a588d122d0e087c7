"""What a film is put together from: clips alike enough to stand side by side, and the transitions between them."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from media.clip_format import Clip, ClipFormat, agreed_rate, read_clip
from media.encode import H264_SETTINGS
from media.joins import Join, effect_of, head_until, render_join, tail_from
from media.normalise import canvas, made_format, normalise
from media.pieces import PieceKeeper
from media.splice import Cut, cut_places
from models.errors import ProcessingFailed
from models.media import AspectRatio, transition_frames, transitions_that_fit

_NORMALISE, _JOIN = "normalise/1", "join/1"


@dataclass(frozen=True)
class Parts:
    """Clips of one format, which of them were made anew, and after which of them there is a transition."""

    clips: tuple[Clip, ...]
    normalised: tuple[int, ...]
    blended: tuple[bool, ...]
    shared: int
    """Frames that two clips share in a transition."""

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return sum(clip.frames for clip in self.clips) - self.shared * sum(self.blended)


class PartMaker:
    """Makes what a film lacks, as pieces that stay for as long as ``stack`` is open.

    ``names[i]`` names the content of clip i for the keeper. Everything must be done at ``deadline`` (monotonic clock).
    """

    def __init__(
        self, keeper: PieceKeeper, names: Sequence[str], folder: Path, stack: ExitStack, deadline: float
    ) -> None:
        self._keeper, self._names, self._folder = keeper, names, folder
        self._stack, self._deadline = stack, deadline

    def parts(self, sources: Sequence[Clip], aspect_ratio: AspectRatio, words: Sequence[str]) -> Parts:
        """Return the clips made alike, where they are not; ``words`` are those for the joins between them.

        Those that agree and are only copied stay as they are. Others must be just like what is encoded here.
        """
        first = sources[0].format
        alike = all(clip.copyable and clip.format == first for clip in sources)
        shared = transition_frames(first.rate)
        if alike and not any(transitions_that_fit(words, [clip.frames for clip in sources], shared)):
            return Parts(tuple(sources), (), (False,) * (len(sources) - 1), shared)
        size, rate = (first.size, first.rate) if alike else (canvas(aspect_ratio), agreed_rate(sources))
        pattern, shared = made_format(size, rate, self._folder), transition_frames(rate)
        made = {
            number: self._normalised(number, clip, pattern)
            for number, clip in enumerate(sources)
            if not clip.copyable or clip.format != pattern
        }
        clips = [made.get(number, clip) for number, clip in enumerate(sources)]
        blended = transitions_that_fit(words, [clip.frames for clip in clips], shared)
        for number, (before, after) in enumerate(pairwise((False, *blended, False))):
            if before and after and number not in made and not _divisible(clips[number], shared):
                made[number] = clips[number] = self._normalised(number, sources[number], pattern)
        return Parts(tuple(clips), tuple(sorted(made)), blended, shared)

    def cuts(self, parts: Parts, words: Sequence[str]) -> list[Cut]:
        """Return what the film consists of, in order, the transitions among it."""
        bodies = [Cut(clip, 0, clip.frames) for clip in parts.clips]
        joins: dict[int, Join] = {}
        for number in (number for number, blended in enumerate(parts.blended) if blended):
            before, after = bodies[number], bodies[number + 1]
            end = tail_from(before.clip, cut_places(before.clip), parts.shared)
            first = head_until(after.clip, cut_places(after.clip), parts.shared)
            tail, head = Cut(before.clip, end, before.end), Cut(after.clip, 0, first)
            joins[number] = Join(tail, head, parts.shared, effect_of(words[number]))
            bodies[number] = Cut(before.clip, before.first, end)
            bodies[number + 1] = Cut(after.clip, first, after.end)
        films = {number: self._joined(number, join, parts) for number, join in joins.items()}
        return [cut for number, body in enumerate(bodies) for cut in (body, films.get(number)) if cut is not None]

    def _normalised(self, number: int, clip: Clip, form: ClipFormat) -> Clip:
        def make(path: Path) -> None:
            normalise(clip, path, form.size, form.rate, timeout_s=self._left())

        return self._piece(_NORMALISE, {"clip": self._names[number]}, form, make)

    def _joined(self, number: int, join: Join, parts: Parts) -> Cut:
        inputs = {
            "clips": list(self._names[number : number + 2]),
            "normalised": [side in parts.normalised for side in (number, number + 1)],
            "frames": [join.tail.frames, join.head.frames, join.shared],
            "effect": join.effect,
        }

        def make(path: Path) -> None:
            render_join(join, path, self._folder, timeout_s=self._left())

        film = self._piece(_JOIN, inputs, join.tail.clip.format, make)
        if film.frames != join.frames:
            raise ProcessingFailed(f"joining failed: a transition has {film.frames} frames instead of {join.frames}")
        return Cut(film, 0, film.frames)

    def _piece(self, stage: str, inputs: dict[str, Any], form: ClipFormat, make: Callable[[Path], None]) -> Clip:
        """Return what ``make`` encodes in the given format. The format also differs from encoder to encoder."""
        encoding = {
            "size": list(form.size),
            "rate": str(form.rate),
            "settings": H264_SETTINGS,
            "configuration": (form.extradata or b"").hex(),
        }
        piece = read_clip(self._stack.enter_context(self._keeper.piece(stage, {**inputs, **encoding}, make)))
        if piece.format != form:
            raise ProcessingFailed("joining failed: what was encoded for the film does not match its clips")
        return piece

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ProcessingFailed("joining the clips took too long and was stopped")
        return left


def _divisible(clip: Clip, shared: int) -> bool:
    """Whether a clip can be cut between its two transitions."""
    places = cut_places(clip)
    return head_until(clip, places, shared) <= tail_from(clip, places, shared)
