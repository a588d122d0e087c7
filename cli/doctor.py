"""`atelier doctor`: what is installed, which engine would run, what is missing and how to get it."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from typing import Literal, NamedTuple

import typer
from PIL import features
from rich.table import Table
from sqlalchemy.engine import make_url

from cli.screen import console
from deployments.addresses import api_sockets, check_host, prefect_socket
from deployments.locks import UP_LOCK, holder_note
from media.ffmpeg import ffmpeg_executable
from models.errors import AtelierError, NotConfigured
from providers.video.choice import video_engine
from settings import Settings, get_settings
from storage.stores import object_store

Verdict = Literal["ok", "missing", "note"]
_COLOURS: dict[Verdict, str] = {"ok": "green", "missing": "red", "note": "yellow"}
_LOW_SPACE_BYTES = 1_000_000_000
_ENCODERS = ("libx264", "aac")


class Finding(NamedTuple):
    """One line of the report. ``missing`` means that a film cannot be made until it is mended."""

    subject: str
    verdict: Verdict
    words: str


def doctor() -> None:
    """Show what is installed and which engine would run for each capability. Exit status 1 if something is missing."""
    settings = get_settings()
    findings = [finding for check in _CHECKS for finding in check(settings)]
    table = Table(title="Atelier", title_justify="left", show_header=False)
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        table.add_row(finding.subject, f"[{colour}]{finding.verdict}[/{colour}]", finding.words)
    console.print(table)
    if any(finding.verdict == "missing" for finding in findings):
        raise typer.Exit(1)


def _programs(_settings: Settings) -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    try:
        program = ffmpeg_executable()
        banner = _output(program, "-hide_banner", "-version").split("\n")[0]
        lacking = [name for name in _ENCODERS if f" {name} " not in _output(program, "-hide_banner", "-encoders")]
    except (AtelierError, OSError, subprocess.SubprocessError) as error:
        yield Finding("ffmpeg", "missing", f"{error}; unset FFMPEG to use the one among the Python dependencies")
        return
    if lacking:
        yield Finding("ffmpeg", "missing", f"{program} cannot encode {', '.join(lacking)}; unset FFMPEG to use ours")
    else:
        yield Finding("ffmpeg", "ok", f"{banner} ({program})")


def _packages(_settings: Settings) -> Iterator[Finding]:
    for name in ("prefect", "fastapi", "sqlmodel", "numpy", "pillow", "av"):
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "missing", "run `make setup`")
    wheels = sorted({dist.name for dist in distributions() if dist.name.lower().startswith("opencv-")})
    if wheels == ["opencv-python-headless"]:
        yield Finding("opencv", "ok", version("opencv-python-headless"))
    else:
        words = f"{', '.join(wheels) or 'none'} installed; keep opencv-python-headless alone, they overwrite each other"
        yield Finding("opencv", "missing", words)


def _pictures(_settings: Settings) -> Iterator[Finding]:
    reads = ["jpeg", "png", "gif", "tiff", *(name for name in ("webp", "avif") if features.check(name))]
    yield Finding("pictures", "ok", f"reads {', '.join(reads)}; heic is not read, convert it to jpeg first")


def _data(settings: Settings) -> Iterator[Finding]:
    existing = next(folder for folder in (settings.data_dir, *settings.data_dir.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        yield Finding("data", "missing", f"{settings.data_dir} cannot be written; set ATELIER_HOME to another folder")
    else:
        verdict: Verdict = "ok" if free > _LOW_SPACE_BYTES else "note"
        yield Finding("data", verdict, f"{settings.data_dir}, {free / 1e9:.1f} GB free")
    yield Finding("database", "ok", make_url(settings.database).render_as_string(hide_password=True))
    try:
        object_store(settings.storage_url, settings.data_dir)
        yield Finding("objects", "ok", settings.storage_url)
    except AtelierError as error:
        yield Finding("objects", "missing", str(error))


def _engines(settings: Settings) -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    yield Finding("planner", "ok", "template (deterministic, needs no key)")
    yield Finding("video", "ok", f"local (morph and parallax on this machine's {cores} cores, needs no key)")
    if video_engine("auto", settings) == "replicate":
        yield Finding("video", "ok", f"replicate is the default: its key is set; {settings.replicate_base_url}")


def _service(settings: Settings) -> Iterator[Finding]:
    running = holder_note(settings.data_dir / UP_LOCK)
    if running is not None:
        yield Finding("service", "ok", f"up: {running}")
        return
    yield Finding("service", "ok", "not running; start the API, a worker and Prefect's UI with: atelier up")
    try:
        check_host(settings)
        for bound in (*api_sockets(settings), prefect_socket(settings.prefect_port)):
            bound.close()
        ports = ", ".join(str(port) for port in (*settings.ports, settings.prefect_port))
        yield Finding("ports", "ok", f"{ports} of {settings.host} are free")
    except NotConfigured as error:
        yield Finding("ports", "note", str(error))
    words = settings.prefect_api_url or f"its own, on port {settings.prefect_port}; set PREFECT_API_URL to use another"
    yield Finding("prefect server", "ok", words)


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _programs,
    _packages,
    _pictures,
    _data,
    _engines,
    _service,
)


def _output(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout
