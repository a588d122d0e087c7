"""What every video engine promises; the promises are written in providers/video/base.py."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from PIL import Image

from media.probe import probe_video
from models.errors import InvalidMedia
from models.providers import VideoEngine
from models.video_models import VideoFamily
from providers.video.base import Shot, VideoGenerator
from providers.video.choice import video_generator
from settings import get_settings
from tests.fakes.replicate_server import KEY, FakeReplicate

ENGINES: tuple[VideoEngine, ...] = get_args(VideoEngine)
OUR_OWN: tuple[VideoEngine, ...] = ("local",)
"""Those that render themselves, and so promise more."""

FAMILIES: dict[VideoEngine, VideoFamily] = {"local": "local", "replicate": "veo"}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> VideoEngine:
    name: VideoEngine = request.param
    return name


@pytest.fixture
def generator(engine: VideoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoGenerator]:
    with FakeReplicate() as vendor:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("REPLICATE_API_KEY", KEY)
        monkeypatch.setenv("REPLICATE_BASE_URL", vendor.url)
        monkeypatch.setenv("REPLICATE_POLL_INITIAL_MS", "1")
        get_settings.cache_clear()
        yield video_generator(engine)
    get_settings.cache_clear()


@pytest.fixture
def shot(engine: VideoEngine, paint: Callable[..., Any], save: Callable[..., Path]) -> Shot:
    first, last = save(paint(320, 240, 1), "first.png"), save(paint(320, 240, 2), "last.png")
    wish: dict[str, Any] = {"prompt": "a quiet room", "duration_s": 0.3, "fps": 24, "aspect_ratio": "4:5"}
    return Shot(first_frame=first, last_frame=last, family=FAMILIES[engine], **wish)


def ignore(share: float) -> None:
    pass


def test_there_is_a_film_and_it_says_who_made_it(
    engine: VideoEngine, generator: VideoGenerator, shot: Shot, tmp_path: Path
) -> None:
    clip = generator.generate(shot, tmp_path / "clip.mp4", ignore)
    assert probe_video(tmp_path / "clip.mp4").duration_s
    assert clip.engine == engine
    assert clip.technique
    assert clip.cost_usd >= 0
    assert generator.version


@pytest.mark.parametrize("engine", OUR_OWN, indirect=True)
def test_the_file_is_what_was_promised(generator: VideoGenerator, shot: Shot, tmp_path: Path) -> None:
    into = tmp_path / "clip.mp4"
    generator.generate(shot, into, ignore)
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


@pytest.mark.parametrize("engine", OUR_OWN, indirect=True)
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


@pytest.mark.parametrize("engine", OUR_OWN, indirect=True)
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
