"""What all creating requests share: the campaign they name, waiting for the plan, and the answer."""

import asyncio
import time
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api import runs
from api.errors import refusal
from api.events import event_hub
from models.assets import Asset
from models.campaigns import Campaign
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene
from models.video_v3 import STATUSES, TYPES, JobType, WireStatus, costs_of, money
from models.video_v3_scenes import Storyboard, storyboard_of
from settings import get_settings
from storage import jobs
from storage.assets import campaign_assets, candidate_images
from storage.database import get_database
from storage.events import last_event_id
from storage.progress import scenes_of

_PATIENCE_BEYOND_PLANNING_S = 5.0
_WORKER_LOOK_INTERVAL_S = 2.0
_NOT_PLANNED = "No worker has planned this job yet: the storyboard will appear in the job when one is running."


class JobCreated(BaseModel):
    """A new job with its storyboard. What is not known is left out."""

    job_id: int
    status: WireStatus
    type: JobType
    scene_count: int
    message: str
    video_name: str
    estimated_cost: float
    costs: dict[str, Any]
    storyboard_ready: bool
    storyboard: Storyboard
    campaign_id: str
    client_id: str | None
    clip_duration: float
    num_pairs: int | None
    total_assets: int
    planner: str | None
    warnings: list[str]


class NewJob(NamedTuple):
    """A job that was just stored, as it stands after the wait for its plan."""

    job: Job
    scenes: list[Scene]
    images: int

    @property
    def is_planned(self) -> bool:
        """Whether its storyboard stands."""
        return self.job.plan_version > 0

    @property
    def warnings(self) -> list[str]:
        """What is unusual about it, in plain sentences."""
        return self.job.warnings if self.is_planned else [*self.job.warnings, _NOT_PLANNED]

    def facts(self) -> dict[str, Any]:
        """Return what every flat answer says about it."""
        job = self.job
        return {
            "job_id": job.id,
            "status": STATUSES[job.status],
            "type": TYPES[job.workflow],
            "scene_count": len(self.scenes),
            "message": "Job created successfully",
            "video_name": job.name,
            "estimated_cost": money(job.estimated_cost_usd),
            "costs": costs_of(job.estimated_cost_usd),
            "storyboard_ready": self.is_planned,
            "storyboard": storyboard_of(self.scenes, job.parameters),
            "campaign_id": job.parameters["campaign_id"],
            "clip_duration": job.parameters["clip_duration"],
            "total_assets": self.images,
            "planner": job.planner,
            "warnings": self.warnings,
        }


def campaign_named(session: Session, campaign_id: Any) -> Campaign:
    """Return the campaign that a body names. Raises Refusal 400 for none, 404 for one that is not there."""
    if campaign_id is None or str(campaign_id).strip() == "":
        raise refusal(400, "campaign_id is required")
    campaign = session.get(Campaign, campaign_id) if isinstance(campaign_id, str) and "\0" not in campaign_id else None
    if campaign is None:
        raise refusal(404, "Campaign not found")
    return campaign


def images_of(session: Session, campaign: Campaign) -> list[Asset]:
    """Return the campaign's images. Raises Refusal 400 when there are no assets, or fewer than two images."""
    if not campaign_assets(session, campaign.id):
        raise refusal(400, "Campaign has no assets")
    found = list(candidate_images(session, campaign.id))
    if len(found) < 2:
        raise refusal(400, too_few_images(len(found)))
    return found


def too_few_images(found: int) -> str:
    """Return the contract's words for a campaign without enough pictures."""
    return f"Need at least 2 image assets to start the pipeline, found {found}"


async def planned(request: Request, job_id: int) -> NewJob:
    """Have a stored job planned, wait for that, and return how it stands.

    The wait ends when planning ends, no worker is alive, or the time is up.
    """
    request.app.state.submitter.wake()
    await _wait(request.app, job_id)
    return await run_in_threadpool(_standing, job_id)


def planning_failed(new: NewJob) -> bool:
    """Return whether there will be no storyboard."""
    return new.job.status == JobStatus.FAILED and not new.is_planned


def _standing(job_id: int) -> NewJob:
    with get_database().read() as session:
        job = jobs.get_job(session, job_id)
        only = job.parameters.get("photo_ids") if job.workflow == "property-video" else None
        images = candidate_images(session, job.campaign_id or "", only or ())
        return NewJob(job, scenes_of(session, job_id), len(images))


async def _wait(app: FastAPI, job_id: int) -> None:
    deadline = time.monotonic() + get_settings().planner_timeout_seconds + _PATIENCE_BEYOND_PLANNING_S
    worker = _WorkerWatch.of(app)
    cursor, waiting = await run_in_threadpool(_waits, job_id)
    async with event_hub(app).following(job_topic(job_id), cursor) as feed:
        while waiting and time.monotonic() < deadline and await worker.is_alive():
            await feed.next(min(_WORKER_LOOK_INTERVAL_S, max(0.0, deadline - time.monotonic())))
            _, waiting = await run_in_threadpool(_waits, job_id)


def _waits(job_id: int) -> tuple[int, bool]:
    """Return the newest event's id, and whether the job still waits for its plan."""
    with get_database().read() as session:
        job = jobs.get_job(session, job_id)
        return last_event_id(session, job_topic(job_id)), job.plan_version == 0 and job.status == JobStatus.QUEUED


class _WorkerWatch:
    """Whether a worker is alive, asked at most every two seconds however many requests wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_at, self._alive = -_WORKER_LOOK_INTERVAL_S, False

    @classmethod
    def of(cls, app: FastAPI) -> "_WorkerWatch":
        if not hasattr(app.state, "worker_watch"):
            app.state.worker_watch = cls()
        watch: _WorkerWatch = app.state.worker_watch
        return watch

    async def is_alive(self) -> bool:
        async with self._lock:
            if time.monotonic() - self._asked_at >= _WORKER_LOOK_INTERVAL_S:
                self._alive = await runs.worker_is_alive()
                self._asked_at = time.monotonic()
            return self._alive
