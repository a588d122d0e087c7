"""Transitions: half a second in which one clip gives way to the next. Only they are encoded, never the clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ffmpeg

from media.clip_format import Clip
from media.encode import h264_output, labelled_bt709
from media.ffmpeg import run_graph
from media.splice import Cut, splice

_EFFECTS = {"wipe": "smoothleft", "slide": "slideleft"}
"""ffmpeg's ``xfade`` for the words of the storyboard. The wipe has a soft edge, the slide pushes the old scene out.

A dissolve is what film editors call a cross-fade, and every other word is one too; what ``xfade`` itself calls
``dissolve`` lets the pixels change one by one, which looks like noise.
"""
_CROSS_FADE = "fade"
_FINE_TIME_BASE = "1/90000"
_MORE_BITS = 1.5
"""A join is made of pictures that were compressed before. With half as many bits again the step from clip to join is no
larger than that at a clip's own key frames: 49 dB instead of 45 on a still shelf full of goods."""


@dataclass(frozen=True)
class Join:
    """The end of one clip and the beginning of the next, which share ``shared`` frames."""

    tail: Cut
    head: Cut
    shared: int
    effect: str

    @property
    def frames(self) -> int:
        """How many frames the film has here."""
        return self.tail.frames + self.head.frames - self.shared


def effect_of(word: str) -> str:
    """Return the effect for a storyboard's word other than ``cut``; unknown words are cross-fades."""
    return _EFFECTS.get(word.strip().lower(), _CROSS_FADE)


def tail_from(clip: Clip, places: Sequence[int], shared: int) -> int:
    """Return the last of the ``places`` at which ``clip`` can be cut before its last ``shared`` frames."""
    return max(place for place in places if place <= clip.frames - shared)


def head_until(clip: Clip, places: Sequence[int], shared: int) -> int:
    """Return the first of the ``places`` at which ``clip`` can be cut after its first ``shared`` frames, or its end."""
    return min((place for place in places if place >= shared), default=clip.frames)


def render_join(join: Join, into: Path, folder: Path, *, timeout_s: float) -> None:
    """Encode the join to the MP4 ``into`` with the settings of all clips; ``folder`` takes working files.

    The pictures are mixed as they are stored (YUV), so what is not mixed keeps its colours. Raises ProcessingFailed
    when ffmpeg fails or takes longer than ``timeout_s`` seconds.
    """
    rate = join.tail.clip.format.rate
    with TemporaryDirectory(prefix="join-", dir=folder) as name:
        ends = []
        for cut, part in ((join.tail, "tail.mp4"), (join.head, "head.mp4")):
            splice([cut], Path(name) / part)
            ends.append(ffmpeg.input(str(Path(name) / part), r=str(rate)).video)
        finer = {"x264-params": f"zones=0,{join.frames},b={_MORE_BITS}"}
        run_graph(h264_output(labelled_bt709(_mixed(join, ends)), into, rate, None, **finer), timeout_s=timeout_s)


def _mixed(join: Join, ends: Sequence[Any]) -> Any:
    """Mix both ends. Time is bent while they mix, so that the effect, which follows it, sets out and arrives gently."""
    rate, alone = join.tail.clip.format.rate, join.tail.frames - join.shared
    done = f"(N-{alone})/{join.shared}"
    eased = f"if(lt(N,{alone}),N,{alone}+{join.shared}*({done})*({done})*(3-2*({done})))"
    tail = ends[0].filter("settb", _FINE_TIME_BASE).filter("setpts", f"({eased})/({rate})/TB")
    head = ends[1].filter("settb", _FINE_TIME_BASE)
    mixed = ffmpeg.filter(
        (tail, head),
        "xfade",
        transition=join.effect,
        offset=f"{float(alone / rate):.6f}",
        duration=f"{float(join.shared / rate):.6f}",
    )
    return mixed.filter("setpts", f"N/({rate})/TB")
