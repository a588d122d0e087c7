import errno
from pathlib import Path

import ffmpeg
import pytest

from media.ffmpeg import ffmpeg_failure, run_graph, written_whole
from models.errors import ProcessingFailed, StorageFull


def test_file_appears_only_when_whole(tmp_path: Path) -> None:
    into = tmp_path / "a.txt"
    with written_whole(into) as partial:
        partial.write_text("all of it")
        assert not into.exists()
    assert into.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [into]


def fail_writing(into: Path, failure: Exception) -> None:
    with written_whole(into) as partial:
        partial.write_text("half")
        raise failure


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    into = tmp_path / "a.txt"
    into.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"):
        fail_writing(into, RuntimeError("stopped"))
    assert into.read_text() == "old"
    assert list(tmp_path.iterdir()) == [into]


def test_full_disk_has_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="free some"):
        fail_writing(tmp_path / "a.txt", OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(ffmpeg_failure(b"av_interleaved_write_frame(): No space left on device"), StorageFull)


def test_ffmpeg_says_why_it_failed(tmp_path: Path) -> None:
    stream = ffmpeg.input(str(tmp_path / "missing.mp4")).output(str(tmp_path / "out.mp4"))
    with pytest.raises(ProcessingFailed, match="No such file"):
        run_graph(stream, timeout_s=10)


def test_ffmpeg_is_stopped_in_time(tmp_path: Path) -> None:
    endless = ffmpeg.input("testsrc=s=1280x720", format="lavfi", re=None).output(str(tmp_path / "out.mp4"), t=60)
    with pytest.raises(ProcessingFailed, match="longer than"):
        run_graph(endless, timeout_s=0.5)
