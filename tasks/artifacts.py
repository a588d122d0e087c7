"""How a job is seen in Prefect's UI: the run's name and tags, its progress, its storyboard, and a link to the result.

All of it is for the eye. It is drawn from the rows by a thread beside the run, first when the run is well under way and
then at most once in two seconds; whatever goes wrong with it is logged and leaves the job alone.
"""

import contextvars
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import PrefectException
from sqlalchemy.exc import SQLAlchemyError

from models.errors import NotFound
from models.jobs import Job, JobStatus, Scene
from models.runs import JobLease
from settings import get_settings
from storage.database import get_database
from storage.jobs import get_job
from storage.progress import scenes_of

_FIRST_AFTER_S, _INTERVAL_S = 0.4, 2.0
_log = logging.getLogger("atelier.artifacts")


@contextmanager
def seen_in_prefect(lease: JobLease) -> Iterator[None]:
    """Keep Prefect's picture of the job up to date while the block runs."""
    flow_run_id = runtime.flow_run.id
    if flow_run_id is None:
        yield
        return
    picture = _Picture(lease.job_id, UUID(flow_run_id), list(runtime.flow_run.tags))
    stop = threading.Event()
    here = contextvars.copy_context()  # where the run's connection to Prefect is, if it has one to share
    painter = threading.Thread(
        target=here.run, args=(_paint, picture, stop), name=f"artifacts-{lease.job_id}", daemon=True
    )
    painter.start()
    try:
        yield
    finally:
        stop.set()
        painter.join(_INTERVAL_S)


class _Picture:
    """What Prefect was told so far, so that only what is new is sent."""

    def __init__(self, job_id: int, flow_run_id: UUID, tags: Sequence[str]) -> None:
        self._job_id, self._flow_run_id, self._tags = job_id, flow_run_id, set(tags)
        self._labelled = f"job:{job_id}" in self._tags  # by the service, which sent the run
        self._storyboard = self._shown_already()
        self._linked = False
        self._progress: tuple[UUID, float, str] | None = None

    def draw(self, client: SyncPrefectClient) -> None:
        """Tell Prefect what has changed."""
        with get_database().read() as session:
            job, scenes = get_job(session, self._job_id), scenes_of(session, self._job_id)
        if not self._labelled:
            self._label(client, job)
        if job.status not in (JobStatus.QUEUED, JobStatus.PLANNED):
            self._show_progress(client, job)
        if job.plan_version > self._storyboard:
            self._storyboard = job.plan_version
            self._create(client, "storyboard", "markdown", storyboard_markdown(job, scenes), "Storyboard")
        if job.status == JobStatus.COMPLETED and not self._linked:
            self._linked = True
            link = f"[{job.name}]({get_settings().base_url}/jobs/{job.id})"
            self._create(client, "result", "markdown", link, "The finished film")

    def _shown_already(self) -> int:
        """Return which storyboard an earlier run has shown: the first, if it stands. Nobody showed what was edited."""
        with get_database().read() as session:
            return 1 if get_job(session, self._job_id).plan_version else 0

    def _label(self, client: SyncPrefectClient, job: Job) -> None:
        tags = {f"job:{job.id}", *([f"campaign:{job.campaign_id}"] if job.campaign_id else [])}
        client.update_flow_run(self._flow_run_id, name=f"{job.workflow} · {job.name}", tags=sorted(self._tags | tags))
        self._labelled = True

    def _show_progress(self, client: SyncPrefectClient, job: Job) -> None:
        percent = float(job.progress.get("percentage", 0.0))
        words = f"{job.name}: {str(job.progress.get('stage', 'pending')).replace('_', ' ')}"
        if self._progress is None:
            artifact_id = self._create(client, "progress", "progress", percent, words)
            self._progress = (artifact_id, percent, words)
        elif self._progress[1:] != (percent, words):
            self._progress = (self._progress[0], percent, words)
            client.update_artifact(self._progress[0], ArtifactUpdate(data=percent, description=words))

    def _create(self, client: SyncPrefectClient, what: str, type: str, data: Any, description: str) -> UUID:
        artifact = ArtifactCreate(
            key=f"job-{self._job_id}-{what}",
            type=type,
            data=data,
            description=description,
            flow_run_id=self._flow_run_id,
        )
        return client.create_artifact(artifact).id


def storyboard_markdown(job: Job, scenes: Sequence[Scene]) -> str:
    """Return the storyboard as a table in markdown, its photos as links to the API's thumbnails."""
    rows = [
        f"| {scene.scene_index + 1} | {_photo(scene.first_asset_id)} | {_photo(scene.last_asset_id)} "
        f"| {_cell(scene.title)} | {_cell((scene.camera_movement or '').replace('_', ' '))} | {scene.duration_s:g} s |"
        for scene in scenes
    ]
    head = ["| # | from | to | scene | move | length |", "|---|---|---|---|---|---|"]
    return "\n".join([f"## {_cell(job.name)}", "", *head, *rows, "", *(f"- {_cell(line)}" for line in job.warnings)])


def _photo(asset_id: str | None) -> str:
    return f"![]({get_settings().base_url}/api/v3/assets/{asset_id}/thumbnail)" if asset_id else "deleted"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _paint(picture: _Picture, stop: threading.Event) -> None:
    try:
        stop.wait(_FIRST_AFTER_S)
        with get_client(sync_client=True) as client:
            picture.draw(client)
            while not stop.wait(_INTERVAL_S):
                picture.draw(client)
            picture.draw(client)
    except (httpx.HTTPError, PrefectException, SQLAlchemyError, NotFound) as error:
        _log.warning("Prefect's picture of the job is not up to date: %s", error)
