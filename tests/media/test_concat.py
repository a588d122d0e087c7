import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import ffmpeg
import numpy as np
import pytest

from media.concat import stitch
from media.ffmpeg import run_graph
from models.errors import InvalidInput, InvalidMedia, ProcessingFailed, StorageFull
from models.media import AspectRatio, Size

MakeClip = Callable[..., Path]
RED, GREEN, BLUE = (200, 30, 40), (20, 160, 60), (30, 60, 190)
HD = Size(1920, 1080)


def watch(film: Path) -> tuple[list[np.ndarray], list[int]]:
    """Decode everything: the colour in the middle of each frame, and the presentation times."""
    with av.open(str(film)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = list(container.decode(video=0))
        assert not any(frame.is_corrupt for frame in frames)
        middle = [frame.to_ndarray(format="rgb24")[frame.height // 2, frame.width // 2] for frame in frames]
        return [colour.astype(int) for colour in middle], [frame.pts for frame in frames]


def decoding_times(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [packet.dts for packet in container.demux(video=0) if packet.dts is not None]


def assert_shows(colours: list[np.ndarray], expected: list[tuple[tuple[int, int, int], int]]) -> None:
    wanted = [colour for colour, count in expected for _ in range(count)]
    assert len(colours) == len(wanted)
    assert max(np.abs(seen - want).max() for seen, want in zip(colours, wanted, strict=True)) < 8


def test_equal_clips_are_copied_frame_for_frame(make_clip: MakeClip, tmp_path: Path) -> None:
    clips = [
        make_clip("a.mp4", RED, frames=24),
        make_clip("b.mp4", GREEN, frames=31),
        make_clip("c.mp4", BLUE, frames=1),
    ]
    film = tmp_path / "film.mp4"
    result = stitch(clips, film, aspect_ratio="16:9")
    colours, times = watch(film)
    assert_shows(colours, [(RED, 24), (GREEN, 31), (BLUE, 1)])
    assert {later - earlier for earlier, later in pairwise(times)} == {3750}
    assert all(later > earlier for earlier, later in pairwise(decoding_times(film)))
    assert (result.normalised, result.frame_count, result.size, result.fps) == ((), 56, (128, 72), 24)
    assert result.duration_s == pytest.approx(56 / 24, abs=0.001)
    assert result.size_bytes == film.stat().st_size
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4", "c.mp4", "film.mp4"}


@pytest.mark.parametrize(
    "name", ["it's.mp4", "two words.mp4", "line\nbreak.mp4", "'; touch x; '.mp4", "-y.mp4", "日本.mp4"]
)
def test_any_file_name_works(make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    clips = [make_clip(name, RED, frames=4), make_clip("b.mp4", GREEN, frames=4)]
    film = tmp_path / f"out of {name}"
    stitch(clips, film, aspect_ratio="16:9")
    assert_shows(watch(film)[0], [(RED, 4), (GREEN, 4)])


def test_sound_longer_than_the_pictures_leaves_no_gap(make_clip: MakeClip, tmp_path: Path) -> None:
    plain = make_clip("a.mp4", RED, frames=24)
    sounding = tmp_path / "sounding.mp4"
    tone = ffmpeg.input("sine=d=2.5", format="lavfi")
    run_graph(
        ffmpeg.output(ffmpeg.input(str(plain)).video, tone, str(sounding), vcodec="copy", video_track_timescale=90000),
        timeout_s=60,
    )
    result = stitch([sounding, plain], tmp_path / "film.mp4", aspect_ratio="16:9")
    colours, times = watch(tmp_path / "film.mp4")
    assert (len(colours), result.duration_s, result.normalised) == (48, 2.0, ())
    assert {later - earlier for earlier, later in pairwise(times)} == {3750}


def test_only_what_differs_is_encoded_anew(make_clip: MakeClip, tmp_path: Path) -> None:
    wide, small = make_clip("a.mp4", RED, HD, frames=6), make_clip("b.mp4", GREEN, Size(320, 240), frames=6)
    film = tmp_path / "film.mp4"
    result = stitch([wide, small, wide], film, aspect_ratio="16:9")
    assert (result.normalised, result.size, result.frame_count) == ((1,), HD, 18)
    assert_shows(watch(film)[0], [(RED, 6), (GREEN, 6), (RED, 6)])
    with av.open(str(film)) as container:
        frame = list(container.decode(video=0))[8].to_ndarray(format="rgb24")
    assert frame[:, :236].max() < 8  # 4:3 in 16:9: black at the sides
    assert frame[:, -236:].max() < 8


@pytest.mark.parametrize(
    ("aspect_ratio", "size"),
    [("16:9", (1920, 1080)), ("9:16", (1080, 1920)), ("1:1", (1080, 1080)), ("4:5", (1080, 1350))],
)
def test_canvas_of_each_shape(make_clip: MakeClip, tmp_path: Path, aspect_ratio: AspectRatio, size: Size) -> None:
    clips = [make_clip("a.mp4", RED, frames=3), make_clip("b.mp4", GREEN, Size(72, 128), frames=3)]
    assert stitch(clips, tmp_path / "film.mp4", aspect_ratio=aspect_ratio).size == size


@pytest.mark.parametrize(("rates", "agreed"), [((30, 30, 25), 30), ((25, 30), 24), ((25, 25, 30, 30, 24), 24)])
def test_most_frequent_rate_wins(make_clip: MakeClip, tmp_path: Path, rates: tuple[int, ...], agreed: int) -> None:
    clips = [make_clip(f"{n}.mp4", RED, Size(64, 64), fps=fps, frames=fps // 5) for n, fps in enumerate(rates)]
    result = stitch(clips, tmp_path / "film.mp4", aspect_ratio="1:1")
    assert result.fps == agreed
    step = 90_000 // agreed
    assert {later - earlier for earlier, later in pairwise(watch(tmp_path / "film.mp4")[1])} == {step}


def test_turned_and_awkward_clips_are_upright(bad: Path, make_clip: MakeClip, tmp_path: Path) -> None:
    clips = [bad / "rotated-90.mp4", bad / "one-frame.mp4", make_clip("a.mp4", RED, fps=25, frames=10)]
    result = stitch(clips, tmp_path / "film.mp4", aspect_ratio="9:16")
    assert (result.size, result.frame_count) == ((1080, 1920), 61)
    with av.open(str(tmp_path / "film.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    stripes = [first[int(1920 * share), 300].argmax() for share in (0.4, 0.75, 0.95)]
    assert stripes == [2, 1, 0]  # upright it shows blue above green above red


def test_turned_clips_are_never_copied(bad: Path, tmp_path: Path) -> None:
    result = stitch([bad / "rotated-90.mp4"] * 2, tmp_path / "film.mp4", aspect_ratio="9:16")
    assert (result.normalised, result.size) == ((0, 1), (1080, 1920))


@pytest.mark.parametrize("name", ["bare.mp4", "labelled.webm"])
def test_colours_survive_normalising(make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    """An HD film that does not name its colours is taken for BT.709."""
    source = ffmpeg.input(str(make_clip("a.mp4", RED, HD, frames=6)))
    if name == "bare.mp4":
        unknown = {"colorspace": "unknown", "color_primaries": "unknown", "color_trc": "unknown"}
        source = source.filter("setparams", **unknown)
    codec = "libx264" if name == "bare.mp4" else "libvpx-vp9"
    run_graph(source.output(str(tmp_path / name), vcodec=codec), timeout_s=60)
    stitch([tmp_path / name, make_clip("b.mp4", GREEN, frames=6)], tmp_path / "film.mp4", aspect_ratio="16:9")
    assert_shows(watch(tmp_path / "film.mp4")[0], [(RED, 6), (GREEN, 6)])


def test_lone_clip_is_copied(make_clip: MakeClip, tmp_path: Path) -> None:
    assert stitch([make_clip("a.mp4", RED)], tmp_path / "film.mp4", aspect_ratio="16:9").normalised == ()


@pytest.mark.parametrize("name", ["audio-only.mp4", "truncated-faststart.mp4", "zero-bytes.mp4", "text-renamed.jpg"])
def test_broken_clip_is_named_and_nothing_is_left(bad: Path, make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    good = make_clip("a.mp4", RED, frames=3)
    with pytest.raises(InvalidMedia, match=f"clip 2 \\('{name}'\\)"):
        stitch([good, bad / name], tmp_path / "film.mp4", aspect_ratio="16:9")
    assert list(tmp_path.iterdir()) == [good]


def test_no_clips() -> None:
    with pytest.raises(InvalidInput, match="no clips"):
        stitch([], Path("film.mp4"), aspect_ratio="16:9")


def test_too_little_time_stops_and_cleans_up(make_clip: MakeClip, tmp_path: Path) -> None:
    clips = [make_clip("a.mp4", RED, fps=24), make_clip("b.mp4", GREEN, fps=30)]
    with pytest.raises(ProcessingFailed, match=r"longer|too long"):
        stitch(clips, tmp_path / "film.mp4", aspect_ratio="16:9", timeout_s=0.05)
    assert sorted(tmp_path.iterdir()) == sorted(clips)


def test_full_disk_is_said_before_starting(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("a.mp4", RED, frames=3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=99_000_000))
    with pytest.raises(StorageFull, match="100 MB"):
        stitch([clip], tmp_path / "film.mp4", aspect_ratio="16:9")
    assert list(tmp_path.iterdir()) == [clip]
