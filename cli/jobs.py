"""`atelier jobs`, `approve`, `cancel`, `retry`: jobs seen and moved by their rows, with no server needed.

What asks for a run here is started by the service: at once when it is up, else at its next start.
"""

from typing import Annotated

import typer
from rich.table import Table
from sqlmodel import col, select

from cli.engine import open_storage
from cli.screen import console
from models.columns import utc_now
from models.jobs import Job, JobStatus
from storage import job_actions, jobs
from storage.database import get_database

JobId = Annotated[int, typer.Argument(help="Number of the job, as `atelier jobs` shows it.", metavar="ID")]

_COLOURS = {JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.PLANNED: "yellow"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def list_jobs(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many, the newest first.")] = 25,
) -> None:
    """Show the newest jobs and how far they are."""
    open_storage()
    with get_database().read() as session:
        rows = session.exec(select(Job).order_by(col(Job.id).desc()).limit(limit)).all()
    if not rows:
        console.print("no jobs yet; start one with: atelier run image-pairs PHOTOS")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "workflow", "status", "%", "age"):
        table.add_column(heading, justify="right" if heading in ("id", "%", "age") else "left")
    for row in rows:
        colour = _COLOURS.get(row.status, "default")
        percent = f"{row.progress.get('percentage', 0.0):.0f}"
        table.add_row(str(row.id), row.name, row.workflow, f"[{colour}]{row.status}[/{colour}]", percent, _age(row))
    console.print(table)


def approve(
    job: JobId,
    version: Annotated[int | None, typer.Option(help="Approve only if the storyboard is still this version.")] = None,
) -> None:
    """Approve a storyboard: the job may render."""
    open_storage()
    with get_database().write() as session:
        row = jobs.approve(session, job, version)
    console.print(f"job {job} ({row.name}) approved; follow it with: atelier watch {job}", soft_wrap=True)


def cancel(job: JobId) -> None:
    """Stop a job; what is finished is kept."""
    open_storage()
    with get_database().write() as session:
        row = job_actions.cancel(session, job)
    console.print(f"job {job} ({row.name}) cancelled", soft_wrap=True)


def retry(job: JobId) -> None:
    """Try again what a job lacks."""
    open_storage()
    with get_database().write() as session:
        row, lacking = job_actions.retry(session, job)
    scenes = f", {len(lacking)} scene{'s' * (len(lacking) != 1)} to render" if row.status == JobStatus.APPROVED else ""
    console.print(f"job {job} ({row.name}) is {row.status} again{scenes}", soft_wrap=True)


def _age(job: Job) -> str:
    seconds = max(0.0, (utc_now() - job.inserted_at).total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"
