"""`atelier watch`: follow a job, wherever it runs, until it ends."""

import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.engine import open_storage
from cli.jobs import JobId
from cli.screen import console
from models.errors import ProcessingFailed
from models.events import job_topic
from models.jobs import Job, JobStatus, SceneStatus
from storage.database import get_database
from storage.events import events_after
from storage.jobs import get_job
from storage.progress import scenes_of

_POLL_INTERVAL_S = 0.2
_ENDS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


def watch(job: JobId) -> None:
    """Follow a job until it ends. Exit status 0 when the film is there, else 1."""
    open_storage()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        row = _follow(job, progress, progress.add_task("", total=100.0))
    if row.status != JobStatus.COMPLETED:
        raise ProcessingFailed(f"job {job} is {row.status}{f': {row.error}' if row.error else ''}")
    console.print(f"job {job} is completed; fetch it with: atelier run image-pairs --job {job}", soft_wrap=True)


def _follow(job_id: int, progress: Progress, bar: TaskID) -> Job:
    """Show every event of the job as it comes; return the row when the job has ended."""
    seen, shown_status = 0, None
    while True:
        with get_database().read() as session:
            events = events_after(session, job_topic(job_id), seen)
            row = get_job(session, job_id)
        seen = events[-1].id or seen if events else seen
        for event in events:
            if event.type == "scene" and event.payload.get("status") == SceneStatus.FAILED:
                progress.console.print(f"scene {event.payload['scene_index'] + 1} failed: {event.payload['error']}")
        stage = str(row.progress.get("stage", "pending")).replace("_", " ")
        progress.update(bar, description=f"{row.name} · {stage}", completed=float(row.progress.get("percentage", 0.0)))
        if row.status != shown_status:
            shown_status = row.status
            progress.console.print(_words(row))
        if row.status in _ENDS:
            return row
        time.sleep(_POLL_INTERVAL_S)


def _words(job: Job) -> str:
    if job.status != JobStatus.PLANNED:
        return f"{job.name}: {job.status}"
    with get_database().read() as session:
        count = len(scenes_of(session, job.id or 0))
    return f"{job.name}: a storyboard of {count} scenes waits for approval: atelier approve {job.id}"
