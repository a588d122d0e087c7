"""Films with transitions: every frame outside them is the clip's own, and only they are encoded."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np
import pytest

from media.clip_format import read_clip
from media.concat import StitchResult, stitch
from media.encode import encode_frames
from media.ffmpeg import run_graph
from media.joins import effect_of
from media.splice import cut_places
from models.errors import ProcessingFailed
from models.media import Fps, Size, transition_frames

Planes = list[np.ndarray]
SIZE = Size(128, 72)
LENGTH, SHARED = 36, 12


def planes(film: Path) -> Planes:
    """Decode every frame as it is stored."""
    with av.open(str(film)) as container:
        frames = list(container.decode(video=0))
        assert not any(frame.is_corrupt for frame in frames)
        return [frame.to_ndarray() for frame in frames]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((a.astype(float) - b) ** 2).mean())))


def make(path: Path, seed: int, frames: int = LENGTH, fps: Fps = 24, speed: int = 1, **known: Any) -> Path:
    """Encode a drifting pattern that looks different for each seed."""
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    with encode_frames(path, SIZE, fps, **known) as write:
        for number in range(frames):
            waves = (3 * x + 40 * seed + speed * number, 2 * y + 90 * seed - speed * number, 2 * (x + y) * (seed + 1))
            write(np.stack([128 + 90 * np.sin(wave / 20) for wave in waves], axis=-1).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [make(folder / f"{seed}.mp4", seed, frame_count=LENGTH) for seed in range(4)]


@pytest.fixture
def join(tmp_path: Path) -> Callable[..., tuple[StitchResult, Planes]]:
    """Return a function that stitches, checks the film's times, and gives the result and the frames."""

    def run(clips: list[Path], *words: str, **more: Any) -> tuple[StitchResult, Planes]:
        film = tmp_path / "film.mp4"
        result = stitch(clips, film, aspect_ratio="16:9", transitions=words, **more)
        with av.open(str(film)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        assert {later - earlier for earlier, later in pairwise(sorted(packet.pts for packet in packets))} == {
            round(90_000 / result.fps)
        }
        assert all(later.dts > earlier.dts for earlier, later in pairwise(packets))
        assert all(packet.dts <= packet.pts for packet in packets)
        seen = planes(film)
        assert len(seen) == result.frame_count
        return result, seen

    return run


class Keeper:
    """Keeps pieces in a folder and counts what it had to make."""

    def __init__(self, folder: Path) -> None:
        self.made: list[str] = []
        self._folder = folder
        folder.mkdir(exist_ok=True)

    @contextmanager
    def piece(self, stage: str, inputs: Mapping[str, Any], make: Callable[[Path], None]) -> Iterator[Path]:
        from storage.canonical import canonical_hash

        path = self._folder / f"{canonical_hash([stage, dict(inputs)])}.mp4"
        if not path.exists():
            self.made.append(stage.partition("/")[0])
            make(path)
        yield path


def same(a: Planes, b: Planes) -> bool:
    return len(a) == len(b) and all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


def test_clips_can_be_cut_where_transitions_begin_and_end(clips: list[Path]) -> None:
    assert {SHARED, LENGTH - SHARED} < set(cut_places(read_clip(clips[0])))


def test_a_key_frame_that_others_reach_across_is_no_place_to_cut(tmp_path: Path, clips: list[Path]) -> None:
    overlapping = tmp_path / "open.mp4"
    options = {"x264-params": "open-gop=1:keyint=9:scenecut=0:b-adapt=0:bframes=2"}
    run_graph(ffmpeg.input(str(clips[0])).output(str(overlapping), **options), timeout_s=60)
    with av.open(str(overlapping)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.pts is not None) > 2
    assert cut_places(read_clip(overlapping)) == (0,)


def test_bodies_are_untouched_and_joins_are_mixed(clips: list[Path], join: Any) -> None:
    result, film = join(clips, "fade", "cut", "dissolve")
    sources = [planes(clip) for clip in clips]
    own = LENGTH - SHARED
    assert (result.frame_count, result.blended, result.normalised) == (4 * LENGTH - 2 * SHARED, (0, 2), ())
    assert same(film[:own], sources[0][:own])
    assert same(film[LENGTH : 2 * LENGTH - SHARED], sources[1][SHARED:])
    third = 2 * LENGTH - SHARED
    assert same(film[third : third + own], sources[2][:own])
    assert same(film[third + LENGTH :], sources[3][SHARED:])
    for start, before, after in ((own, *sources[:2]), (third + own, *sources[2:])):
        for step in range(SHARED):
            old, change = before[own + step].astype(float), after[step].astype(float) - before[own + step]
            share = ((film[start + step] - old) * change).sum() / (change**2).sum()
            eased = (step / SHARED) ** 2 * (3 - 2 * step / SHARED)
            assert share == pytest.approx(eased, abs=0.03), f"frame {step} of the transition"
            assert psnr(film[start + step], old + share * change) > 40


@pytest.mark.parametrize(("word", "middle"), [("slide", "pushed"), ("wipe", "swept")])
def test_other_transitions_move_from_right_to_left(clips: list[Path], join: Any, word: str, middle: str) -> None:
    _, film = join(clips[:2], word)
    before, after = (planes(clip) for clip in clips[:2])
    half, own = SHARED // 2, LENGTH - SHARED
    luma = slice(0, SIZE.height)
    left, right = film[own + half][luma, :8], film[own + half][luma, -8:]
    shift = SIZE.width // 2 if word == "slide" else 0
    assert psnr(left, before[own + half][luma, shift : shift + 8]) > 30
    assert psnr(right, after[half][luma, SIZE.width - shift - 8 : SIZE.width - shift]) > 30
    assert psnr(film[own - 1], before[own - 1]) > 90


@pytest.mark.parametrize(
    ("word", "effect"),
    [("fade", "fade"), (" Dissolve ", "fade"), ("", "fade"), ("sparkle", "fade"), ("WIPE", "smoothleft"),
     ("slide", "slideleft")],
)  # fmt: skip
def test_words_and_their_effects(word: str, effect: str) -> None:
    assert effect_of(word) == effect


def test_colours_and_detail_show_no_step(tmp_path: Path, join: Any) -> None:
    """A still scene that fades into itself looks the same throughout."""
    still = make(tmp_path / "still.mp4", 1, speed=0, frame_count=LENGTH)
    _, film = join([still, still], "fade")
    assert min(psnr(frame, film[LENGTH - SHARED - 1]) for frame in film) > 45
    assert max(abs(later.mean() - earlier.mean()) for earlier, later in pairwise(film)) < 0.2


def test_joins_that_do_not_fit_are_cuts(tmp_path: Path, clips: list[Path], join: Any) -> None:
    short = make(tmp_path / "short.mp4", 5, 2 * SHARED, frame_count=2 * SHARED)
    tiny = make(tmp_path / "tiny.mp4", 6, SHARED, frame_count=SHARED)
    result, film = join([clips[0], short, clips[1], tiny], "fade", "fade", "fade")
    assert result.blended == (0,)
    assert same(film[LENGTH:], [*planes(short)[SHARED:], *planes(clips[1]), *planes(tiny)])


def test_clips_without_these_key_frames_are_cut_at_others(tmp_path: Path, clips: list[Path], join: Any) -> None:
    """The joins are then longer; a clip that cannot be cut between two joins is encoded anew, once."""
    older = [make(tmp_path / f"older-{seed}.mp4", seed, LENGTH) for seed in range(3)]
    assert cut_places(read_clip(older[0])) == (0,)
    result, film = join([clips[0], older[1], older[2], clips[3]], "fade", "cut", "fade")
    assert (result.frame_count, result.normalised) == (4 * LENGTH - 2 * SHARED, ())
    assert same(film[: LENGTH - SHARED], planes(clips[0])[: LENGTH - SHARED])
    assert min(map(psnr, film[LENGTH : 2 * LENGTH - SHARED], planes(older[1])[SHARED:])) > 36
    result, film = join(older, "fade", "fade")
    assert (result.frame_count, result.normalised, result.size) == (3 * LENGTH - 2 * SHARED, (1,), SIZE)
    body = slice(LENGTH, 2 * LENGTH - 2 * SHARED)
    assert min(map(psnr, film[body], planes(older[1])[SHARED:-SHARED])) > 36


def test_clips_of_another_encoder_are_normalised_in_their_own_size(
    tmp_path: Path, clips: list[Path], join: Any
) -> None:
    foreign = []
    for number, clip in enumerate(clips[:2]):
        foreign.append(tmp_path / f"foreign-{number}.mp4")
        source = ffmpeg.input(str(clip))
        run_graph(source.output(str(foreign[-1]), preset="ultrafast", video_track_timescale=90_000), timeout_s=60)
    result, film = join(foreign, "fade")
    assert (result.normalised, result.size, result.frame_count) == ((0, 1), SIZE, 2 * LENGTH - SHARED)
    assert min(map(psnr, film[:20], planes(foreign[0])[:20])) > 33
    assert join(foreign, "cut")[0].normalised == ()


@pytest.mark.parametrize(("fps", "shared"), [(24, 12), (25, 12), (30, 15)])
def test_half_a_second_in_whole_frames(tmp_path: Path, join: Any, fps: Fps, shared: int) -> None:
    pair = [make(tmp_path / f"{seed}.mp4", seed, fps + 7, fps, frame_count=fps + 7) for seed in range(2)]
    result, film = join(pair, "fade")
    assert transition_frames(fps) == shared
    assert result.frame_count == 2 * (fps + 7) - shared
    assert same(film[fps + 7 :], planes(pair[1])[shared:])


def test_another_scene_costs_its_two_joins(tmp_path: Path, clips: list[Path], join: Any) -> None:
    keeper = Keeper(tmp_path / "kept")
    words = ("fade", "wipe", "fade")
    film = join(clips, *words, keeper=keeper, names=("a", "b", "c", "d"))[1]
    assert keeper.made == ["join"] * 3
    assert {len(planes(piece)) for piece in (tmp_path / "kept").iterdir()} == {SHARED}
    keeper.made.clear()
    again = join(clips, *words, keeper=keeper, names=("a", "b", "c", "d"))[1]
    assert (keeper.made, same(film, again)) == ([], True)
    new = make(tmp_path / "new.mp4", 7, frame_count=LENGTH)
    join([clips[0], new, *clips[2:]], *words, keeper=keeper, names=("a", "new", "c", "d"))
    assert keeper.made == ["join"] * 2
    join(clips, *words, keeper=keeper)
    assert keeper.made == ["join"] * 2, "without names nothing can be kept"


def test_mixed_clips_are_normalised_once(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "kept")
    pair = [make(tmp_path / "a.mp4", 8, 16), make(tmp_path / "b.mp4", 9, 20, 30)]
    film, options = tmp_path / "film.mp4", {"aspect_ratio": "16:9", "keeper": keeper, "names": ("a", "b")}
    result = stitch(pair, film, transitions=("fade",), **options)
    assert keeper.made == ["normalise", "normalise", "join"]
    assert (result.size, result.fps, result.frame_count) == ((1920, 1080), 24, 16 + 16 - SHARED)
    keeper.made.clear()
    assert stitch(pair, film, transitions=("cut",), **options).frame_count == 32
    assert keeper.made == []


def test_a_piece_that_does_not_match_is_refused(tmp_path: Path, clips: list[Path]) -> None:
    class Wrong:
        def __init__(self, kept: Path) -> None:
            self._kept = kept

        @contextmanager
        def piece(self, *_: Any) -> Iterator[Path]:
            yield self._kept

    foreign = make(tmp_path / "foreign.mp4", 3, SHARED, 30)
    for wrong, reason in ((clips[3], "36 frames instead of 12"), (foreign, "does not match its clips")):
        with pytest.raises(ProcessingFailed, match=reason):
            stitch(
                clips[:2], tmp_path / "film.mp4", aspect_ratio="16:9", transitions=("fade",),
                keeper=Wrong(wrong), names=("a", "b"),
            )  # fmt: skip
    assert not (tmp_path / "film.mp4").exists()
