"""What every video engine promises; the promises are written in providers/video/base.py."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from PIL import Image

from models.errors import InvalidMedia
from models.providers import VideoEngine
from providers.video.base import Shot, VideoGenerator
from providers.video.choice import video_generator

ENGINES: tuple[VideoEngine, ...] = get_args(VideoEngine)


@pytest.fixture(params=ENGINES)
def generator(request: pytest.FixtureRequest) -> VideoGenerator:
    return video_generator(request.param)


@pytest.fixture
def shot(paint: Callable[..., Any], save: Callable[..., Path]) -> Shot:
    first, last = save(paint(320, 240, 1), "first.png"), save(paint(320, 240, 2), "last.png")
    return Shot(first_frame=first, last_frame=last, prompt="a quiet room", duration_s=0.3, fps=24, aspect_ratio="4:5")


def ignore(share: float) -> None:
    pass


def test_the_file_is_what_was_promised(generator: VideoGenerator, shot: Shot, tmp_path: Path) -> None:
    into = tmp_path / "clip.mp4"
    clip = generator.generate(shot, into, ignore)
    with av.open(str(into)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        frames = list(container.decode(video=0))
        times = [frame.pts for frame in frames]
    assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    assert (frames[0].colorspace, frames[0].color_range) == (1, 1)  # BT.709, video range
    assert context.sample_aspect_ratio in (None, 0, 1)
    assert (frames[0].width, frames[0].height) == tuple(shot.size) == (720, 900)
    assert len(frames) == shot.frame_count == 7
    assert stream.average_rate == shot.fps
    assert len(set(np.diff(times))) == 1
    data = into.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert clip.engine in ENGINES
    assert clip.technique
    assert clip.cost_usd >= 0


def test_the_ends_show_the_photos(
    generator: VideoGenerator,
    paint: Callable[..., Any],
    save: Callable[..., Path],
    psnr: Callable[..., float],
    tmp_path: Path,
) -> None:
    first, last = paint(1280, 720, 3), paint(1280, 720, 4)
    turned = Image.Exif()
    turned[274] = 8  # stored a quarter turn clockwise of upright
    stored = save(np.ascontiguousarray(np.rot90(first, -1)), "turned.jpg", exif=turned, quality=97, subsampling=0)
    shot = Shot(first_frame=stored, last_frame=save(last, "last.png"), prompt="", duration_s=0.3, fps=25)
    into = tmp_path / "clip.mp4"
    generator.generate(shot, into, ignore)
    with av.open(str(into)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert psnr(frames[0], first) > 33
    assert psnr(frames[-1], last) > 33


def test_the_same_shot_gives_the_same_pictures(generator: VideoGenerator, shot: Shot, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.mp4" for number in range(3)]
    generator.generate(shot, paths[0], ignore)
    threads = [threading.Thread(target=generator.generate, args=(shot, path, ignore)) for path in paths[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pictures = []
    for path in paths:
        with av.open(str(path)) as container:
            pictures.append(np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]))
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


def test_progress_rises_to_one(generator: VideoGenerator, shot: Shot, tmp_path: Path) -> None:
    shares: list[float] = []
    generator.generate(shot, tmp_path / "clip.mp4", shares.append)
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


class StoppedByUserError(BaseException):
    """Not an Exception: an engine that swallows errors of its own must let it pass all the same."""


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_a_stop_passes_and_leaves_nothing(generator: VideoGenerator, shot: Shot, tmp_path: Path, at: float) -> None:
    stop = StoppedByUserError()

    def progress(share: float) -> None:
        if share >= at:
            raise stop

    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(StoppedByUserError) as caught:
        generator.generate(shot, folder / "clip.mp4", progress)
    assert caught.value is stop
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("which", ["first_frame", "last_frame"])
def test_an_unreadable_picture_is_refused(generator: VideoGenerator, shot: Shot, tmp_path: Path, which: str) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 and then nothing of use")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(InvalidMedia):
        generator.generate(shot.model_copy(update={which: broken}), folder / "clip.mp4", ignore)
    assert list(folder.iterdir()) == []
