"""`atelier run`: start a workflow here and now, and see it through."""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.engine import open_storage, prefect_server
from cli.photos import find_photos, import_photos
from cli.screen import console, live_progress, storyboard_table, write_storyboard_sheet
from deployments.catalog import WORKFLOWS
from media.contact_sheet import film_sheet
from media.ffmpeg import written_whole
from models.errors import AtelierError, InvalidInput, ProcessingFailed
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.media import AspectRatio, Fit, Resolution
from models.runs import (
    MAX_CLIP_DURATION_S,
    MAX_PAIRS,
    MAX_TYPED_SCENES,
    ImagePairsRequest,
    PropertyVideoRequest,
    VideoRequest,
)
from models.storyboard import Pairing
from storage import jobs
from storage.database import get_database
from storage.progress import scenes_of
from storage.stores import get_object_store

run_app = typer.Typer(no_args_is_help=True)

_SHEET_COLUMNS = 4  # so that each row of the contact sheet shows one scene, when all last equally long


@run_app.callback()
def _run() -> None:
    """Run a workflow here and now; no server is needed."""


Photos = Annotated[list[Path] | None, typer.Argument(help="Picture files, or folders of them.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The film to write.")]
Approve = Annotated[bool, typer.Option("--approve", help="Render without asking.")]
Aspect = Annotated[AspectRatio, typer.Option(help="Shape of the film.")]
Seconds = Annotated[float, typer.Option(min=0.1, max=MAX_CLIP_DURATION_S, help="Seconds per scene.")]
ShortSide = Annotated[Resolution, typer.Option(help="Short side of the frame.")]
FramesPerSecond = Annotated[int, typer.Option(help="Frames per second: 24, 25 or 30.")]
Fitting = Annotated[Fit, typer.Option(help="cover: crop around the subject; contain: whole picture.")]
Pairs = Annotated[Pairing, typer.Option(help="Choose photos by their names (groups) or their looks.")]
Joins = Annotated[bool, typer.Option("--transitions/--cuts", help="Blend the joins between scenes, or cut.")]
FilmName = Annotated[str | None, typer.Option(help="Name of the film.")]
KnownJob = Annotated[int | None, typer.Option(help="Go on with this job instead of starting one.")]


@run_app.command("image-pairs")
def run_image_pairs(
    photos: Photos = None,
    output: Output = Path("film.mp4"),
    approve: Approve = False,
    aspect: Aspect = "16:9",
    seconds: Seconds = 5.0,
    pairs: Annotated[int, typer.Option(min=1, max=MAX_PAIRS, help="Scenes wanted, one per two photos.")] = 10,
    resolution: ShortSide = "720p",
    fps: FramesPerSecond = 30,
    fit: Fitting = "cover",
    pairing: Pairs = "groups",
    transitions: Joins = False,
    name: FilmName = None,
    job: KnownJob = None,
) -> None:
    """Make a film from photos: a storyboard, a clip for every two photos, and all clips joined."""
    wish = {
        "num_pairs": pairs, "clip_duration": seconds, "aspect_ratio": aspect, "resolution": resolution,
        "fps": fps, "fit": fit, "pairing": pairing, "transitions": transitions, "name": name,
    }  # fmt: skip
    _start(ImagePairsRequest, wish, photos, output, job, approve=approve)


@run_app.command("property-video")
def run_property_video(
    photos: Photos = None,
    output: Output = Path("film.mp4"),
    approve: Approve = False,
    types: Annotated[str, typer.Option(help="Scene types wanted, with commas between; else all seven.")] = "",
    scenes: Annotated[int | None, typer.Option(min=1, max=MAX_TYPED_SCENES, help="Scenes wanted.")] = None,
    aspect: Aspect = "16:9",
    seconds: Seconds = 5.0,
    resolution: ShortSide = "720p",
    fps: FramesPerSecond = 30,
    fit: Fitting = "cover",
    pairing: Pairs = "groups",
    transitions: Joins = False,
    name: FilmName = None,
    job: KnownJob = None,
) -> None:
    """Make a film of a property: seven scenes from 14 photos, fewer from fewer, or the scene types you name."""
    wish = {
        "property_types": [part.strip() for part in types.split(",") if part.strip()], "num_scenes": scenes,
        "clip_duration": seconds, "aspect_ratio": aspect, "resolution": resolution, "fps": fps, "fit": fit,
        "pairing": pairing, "transitions": transitions, "name": name,
    }  # fmt: skip
    _start(PropertyVideoRequest, wish, photos, output, job, approve=approve)


def _start(
    kind: type[VideoRequest],
    wish: dict[str, Any],
    photos: list[Path] | None,
    output: Path,
    job: int | None,
    *,
    approve: bool,
) -> None:
    """Start a film of this kind, or go on with one. Raises InvalidInput before anything is stored."""
    check_output(output)
    if wish["fps"] not in (24, 25, 30):
        raise InvalidInput(f"--fps {wish['fps']}: choose 24, 25 or 30")
    if job is not None:
        if photos:
            raise InvalidInput("--job goes on with a job that has its photos; leave the photos out")
        make_film(job, output, approve=approve)
        return
    if not photos:
        here = f"atelier run {kind.workflow} PHOTOS… -o film.mp4"
        raise InvalidInput(f"name the photos, or a folder of them: {here}")
    make_film(start_job(photos, kind.model_validate(wish), campaign_name=output.stem), output, approve=approve)


def check_output(output: Path) -> None:
    """Refuse, before any work, a film that could not be written. Raises InvalidInput."""
    folder = output.absolute().parent
    if output.suffix.lower() != ".mp4":
        raise InvalidInput(f"{output}: the film is an MP4; give it a name that ends in .mp4")
    if output.is_dir():
        raise InvalidInput(f"{output} is a folder; name a file in it")
    if not folder.is_dir():
        raise InvalidInput(f"{output}: there is no folder {folder}")
    if not os.access(folder, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise InvalidInput(f"{output} cannot be written; choose another place with -o")


def start_job(places: list[Path], request: VideoRequest, campaign_name: str) -> int:
    """Check the photos, store them as a campaign and add a job for them; return its id. Bad photos leave nothing."""
    photos, left_out = find_photos(places)
    for sentence in left_out:
        console.print(f"[yellow]left out:[/yellow] {sentence}", soft_wrap=True)
    open_storage()
    campaign_id = import_photos(photos, request.name or campaign_name)
    with get_database().write() as session:
        row = jobs.create_video_job(session, request.model_copy(update={"campaign_id": campaign_id}))
        row.submitted_attempt = row.wanted_attempt  # this very command runs it; the service must not run it, too
    assert row.id is not None
    console.print(f"job {row.id}: {len(photos)} photos")
    return row.id


def make_film(job_id: int, output: Path, *, approve: bool) -> None:
    """Plan, ask, render, and write the film, its storyboard and a contact sheet beside it.

    Raises ProcessingFailed when nothing could be rendered, or when the film lacks scenes.
    """
    open_storage()
    try:
        with prefect_server():
            if _see_through(job_id, output, approve=approve):
                _deliver(job_id, output)
    except KeyboardInterrupt:
        console.print(f"stopped; what is finished is kept. {_resume_hint(job_id, output)}", soft_wrap=True)
        raise
    except AtelierError:
        console.print(_resume_hint(job_id, output), soft_wrap=True)
        raise


def _see_through(job_id: int, output: Path, *, approve: bool) -> bool:
    """Advance the job as far as it may go; return whether it was rendered."""
    row, scenes = _job_and_scenes(job_id)
    advance = _flow_of(row)
    if row.plan_version == 0:
        with console.status("planning the storyboard"):
            advance()
        row, scenes = _job_and_scenes(job_id)
    storyboard = output.with_suffix(".storyboard.jpg")
    write_storyboard_sheet(row, scenes, storyboard)
    console.print(storyboard_table(row, scenes))
    console.print(f"storyboard     {storyboard}", soft_wrap=True)
    for warning in row.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}", soft_wrap=True)
    if row.status == JobStatus.PLANNED and not _approve(row, output, ask=not approve):
        return False
    with live_progress(job_id):
        advance()
    return True


def _flow_of(job: Job) -> Callable[[], Any]:
    """Return what runs the job's flow. Raises InvalidInput for a job that makes no film."""
    workflow = WORKFLOWS.get(job.workflow)
    if workflow is None or not issubclass(workflow.request, VideoRequest):
        raise InvalidInput(f"job {job.id} is of the workflow {job.workflow}, which makes no film")
    # Prefect reads its settings when it is imported, so it comes after them.
    module, _, name = workflow.entrypoint.rpartition(".")
    return partial(getattr(import_module(module), name), workflow.request(job_id=job.id))


def _approve(row: Job, output: Path, *, ask: bool) -> bool:
    assert row.id is not None
    if ask and not (sys.stdin.isatty() and typer.confirm("Render this storyboard?", default=True)):
        console.print(f"not rendered. {_resume_hint(row.id, output)} --approve", soft_wrap=True)
        return False
    with get_database().write() as session:
        approved = jobs.approve(session, row.id, row.plan_version)
        approved.submitted_attempt = approved.wanted_attempt
    return True


def _deliver(job_id: int, output: Path) -> None:
    row, scenes = _job_and_scenes(job_id)
    if row.status != JobStatus.COMPLETED or row.video_sha256 is None or row.result is None:
        raise ProcessingFailed(f"job {job_id} ended without a film: it is {row.status}")
    with written_whole(output) as part, part.open("wb") as file:
        for chunk in get_object_store().read(row.video_sha256):
            file.write(chunk)
    sheet = output.with_suffix(".contact-sheet.jpg")
    film_sheet(output, sheet, frames=_SHEET_COLUMNS * len(row.result["clips"]), columns=_SHEET_COLUMNS, title=row.name)
    console.print(f"contact sheet  {sheet}", soft_wrap=True)
    result = row.result
    console.print(
        f"film           {output}  ({result['duration']:.1f} s, {result['width']}×{result['height']}, "
        f"{result['fps']:g} fps, {result['size'] / 1e6:.1f} MB)",
        soft_wrap=True,
    )
    failed = [scene for scene in scenes if scene.status == SceneStatus.FAILED]
    if failed:
        reasons = "".join(f"\n       scene {scene.scene_index + 1}: {scene.error}" for scene in failed)
        raise ProcessingFailed(f"the film lacks {len(failed)} of {len(scenes)} scenes{reasons}")


def _job_and_scenes(job_id: int) -> tuple[Job, list[Scene]]:
    with get_database().read() as session:
        return jobs.get_job(session, job_id), scenes_of(session, job_id)


def _resume_hint(job_id: int, output: Path) -> str:
    row, _ = _job_and_scenes(job_id)
    return f"Go on with: atelier run {row.workflow} --job {job_id} -o {output}"
