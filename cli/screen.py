"""What the command line shows: the storyboard as a table, and progress as it happens."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from media.contact_sheet import SheetScene, storyboard_sheet
from models.assets import Asset
from models.jobs import Job, Scene, SceneStatus
from storage.assets import asset_object
from storage.database import get_database
from storage.jobs import get_job
from storage.progress import scenes_of
from storage.stores import get_object_store

console = Console(highlight=False)
_POLL_INTERVAL_S = 0.2


def storyboard_table(job: Job, scenes: Sequence[Scene]) -> Table:
    """Return the storyboard as a table: one row per scene."""
    total_s = sum(scene.duration_s for scene in scenes)
    table = Table(title=f"{job.name} · {len(scenes)} scenes · {total_s:g} s", title_justify="left")
    for heading in ("#", "scene", "from", "to", "move", "seconds"):
        table.add_column(heading, justify="right" if heading in ("#", "seconds") else "left")
    with get_database().read() as session:
        for scene in scenes:
            first, last = session.get(Asset, scene.first_asset_id), session.get(Asset, scene.last_asset_id)
            table.add_row(
                str(scene.scene_index + 1),
                scene.title,
                _photo_name(first),
                _photo_name(last),
                (scene.camera_movement or "").replace("_", " "),
                f"{scene.duration_s:g}",
            )
    return table


def write_storyboard_sheet(job: Job, scenes: Sequence[Scene], into: Path) -> None:
    """Draw the storyboard as one picture."""
    store = get_object_store()
    with ExitStack() as stack, get_database().read() as session:

        def photo(asset_id: str | None) -> Path:
            return stack.enter_context(store.local_file(asset_object(session, asset_id)))

        cards = [
            SheetScene(
                number=scene.scene_index + 1,
                title=scene.title,
                first=photo(scene.first_asset_id),
                last=photo(scene.last_asset_id),
                duration_s=scene.duration_s,
                movement=scene.camera_movement,
                prompt=scene.prompt,
            )
            for scene in scenes
        ]
        storyboard_sheet(cards, into, job.name)


@contextmanager
def live_progress(job_id: int) -> Iterator[None]:
    """Show a bar for the film and one for each scene while the block runs."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        stop = threading.Event()
        bars: dict[str, TaskID] = {}
        watcher = threading.Thread(target=_watch, args=(job_id, progress, bars, stop), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            _show(job_id, progress, bars)


def _watch(job_id: int, progress: Progress, bars: dict[str, TaskID], stop: threading.Event) -> None:
    while not stop.wait(_POLL_INTERVAL_S):
        _show(job_id, progress, bars)


def _show(job_id: int, progress: Progress, bars: dict[str, TaskID]) -> None:
    with get_database().read() as session:
        job, scenes = get_job(session, job_id), scenes_of(session, job_id)
    stage = str(job.progress.get("stage", "pending")).replace("_", " ")
    rows = [("film", f"[bold]{job.name}[/bold] · {stage}", float(job.progress.get("percentage", 0.0)))]
    for scene in scenes:
        mark = "[red]failed[/red] " if scene.status == SceneStatus.FAILED else ""
        rows.append((scene.id, f"{scene.scene_index + 1}. {mark}{scene.title}", 100.0 * scene.progress))
    for key, text, percent in rows:
        if key not in bars:
            bars[key] = progress.add_task(text, total=100.0)
        progress.update(bars[key], description=text, completed=percent)


def _photo_name(asset: Asset | None) -> str:
    return "deleted" if asset is None else asset.name or asset.extra.get("original_name") or asset.id
