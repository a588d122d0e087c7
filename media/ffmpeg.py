"""Running ffmpeg: which program, with what limits, and what its failure says.

Graphs are built with ``ffmpeg-python`` and run here as an argument list, never through a shell. ffmpeg stays in its
parent's process group, so that stopping the group stops it.
"""

import errno
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from models.errors import NotConfigured, ProcessingFailed, StorageFull
from settings import get_settings

NO_SPACE = "no space left on the disk; free some and run the job again"

_STDERR_TAIL_CHARS = 600
_QUIET: dict[str, Any] = {"hide_banner": None, "loglevel": "error", "nostdin": None}


def ffmpeg_executable() -> str:
    """Return the ffmpeg to run: ``FFMPEG`` when set, else the one the Python dependencies brought.

    Raises NotConfigured when there is none.
    """
    configured = get_settings().ffmpeg
    if configured:
        found = shutil.which(configured)
        if found is None:
            raise NotConfigured(f"FFMPEG={configured}: no such program; correct it or unset it to use the bundled one")
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as exc:
        raise NotConfigured("no ffmpeg for this machine: install one and set FFMPEG to its path") from exc


def compile_graph(stream: Any, *, read_stdin: bool = False) -> list[str]:
    """Return the argument list that runs an ``ffmpeg-python`` output stream, overwriting its output."""
    options = dict(_QUIET)
    if read_stdin:
        options.pop("nostdin")
    command = ffmpeg.compile(stream.global_args(*_flatten(options)), cmd=ffmpeg_executable(), overwrite_output=True)
    return [str(part) for part in command]


def run_graph(stream: Any, *, timeout_s: float) -> None:
    """Run an ``ffmpeg-python`` output stream to its end.

    Raises ProcessingFailed with ffmpeg's last words when it fails or takes longer than ``timeout_s`` seconds, and
    StorageFull when the disk is full.
    """
    with ffmpeg_process(compile_graph(stream)) as process:
        try:
            _, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise ProcessingFailed(f"ffmpeg took longer than {timeout_s:.0f} s and was stopped") from exc
    if process.returncode != 0:
        raise ffmpeg_failure(stderr)


@contextmanager
def ffmpeg_process(command: list[str], *, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """Start ffmpeg and make sure that it is gone when the block is left."""
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None and not pipe.closed:
                _close_quietly(pipe)


def ffmpeg_failure(stderr: bytes) -> ProcessingFailed | StorageFull:
    """Return the error that ffmpeg's last words amount to."""
    words = stderr.decode("utf-8", "replace").strip()[-_STDERR_TAIL_CHARS:]
    if "No space left on device" in words:
        return StorageFull(NO_SPACE)
    return ProcessingFailed(f"ffmpeg failed: {words or 'it gave no reason'}")


def partial_path(path: Path) -> Path:
    """Return the name under which ``path`` is written until it is whole; it keeps the suffix."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def written_whole(into: Path) -> Iterator[Path]:
    """Yield the path to write to; the file gets the name ``into`` only when the block ends without an error.

    Nothing is left behind otherwise. Raises StorageFull instead of OSError when the disk is full.
    """
    partial = partial_path(into)
    try:
        yield partial
        partial.replace(into)
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise StorageFull(NO_SPACE) from exc
        raise
    finally:
        partial.unlink(missing_ok=True)


def _flatten(options: dict[str, Any]) -> list[str]:
    return [part for key, value in options.items() for part in ((f"-{key}",) if value is None else (f"-{key}", value))]


def _close_quietly(pipe: Any) -> None:
    with suppress(BrokenPipeError):  # ffmpeg is gone; what it had not read no longer matters
        pipe.close()
