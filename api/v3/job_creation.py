"""Creating a video job: check, store, have it planned, and answer with the storyboard."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, Field
from sqlmodel import Session, func, select
from starlette.concurrency import run_in_threadpool

from api import runs
from api.bodies import JsonObject, RequestBody, body_schema
from api.errors import Details, InvalidFields, refusal
from api.events import event_hub
from api.idempotency import Once, OnceOnly, Replay
from api.v3.answers import B_FINDS, B_READS, FamilyB
from api.v3.lookups import failing_as
from api.v3.render_options import model_name, render_options
from models.assets import Asset
from models.campaigns import Campaign
from models.events import job_topic
from models.jobs import Job, JobStatus
from models.runs import MAX_CLIP_DURATION_S, MAX_PAIRS, ImagePairsRequest
from models.video_v3 import STATUSES, TYPES, JobType, WireStatus, costs_of, money
from models.video_v3_scenes import Storyboard, storyboard_of
from settings import get_settings
from storage import jobs
from storage.assets import candidate_images
from storage.database import get_database
from storage.events import last_event_id
from storage.progress import scenes_of

router = APIRouter(prefix="/jobs", tags=["jobs"])

_PATIENCE_BEYOND_PLANNING_S = 5.0
_WORKER_LOOK_INTERVAL_S = 2.0
_DEFAULT_PAIRS, _DEFAULT_DURATION_S = 10, 5.0
_NOT_PLANNED = "No worker has planned this job yet: the storyboard will appear in the job when one is running."


class PairsBody(RequestBody):
    """What a job is made of."""

    campaign_id: Any = Field(description="The campaign whose images are paired.")
    client_id: str | None = None
    clip_duration: Any = Field(_DEFAULT_DURATION_S, description="Seconds per scene, above 0 and at most 60.")
    num_pairs: Any = Field(_DEFAULT_PAIRS, description="Scenes wanted, 1–20.")
    video_model: str | None = Field(None, description="auto, local or draft; also read as model.")
    parameters: dict[str, Any] | None = Field(
        None, description="Kept with the job. aspect_ratio, resolution, fps, fit, pairing, transitions are obeyed."
    )


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
    num_pairs: int
    total_assets: int
    planner: str | None
    warnings: list[str]


@router.post(
    "/from-image-pairs",
    status_code=201,
    summary="Create a job from a campaign's images, in pairs",
    response_model=JobCreated,
    response_model_exclude_none=True,
    responses={**B_FINDS, **B_READS, 500: {"model": FamilyB, "description": "Planning or storing failed"}},
    openapi_extra=body_schema(PairsBody),
)
async def create_from_image_pairs(request: Request, document: JsonObject, once: OnceOnly) -> JobCreated:
    """Store the job, have it planned, and answer with the storyboard. Nothing is rendered before approval."""
    job_id = await run_in_threadpool(_create, document, once)
    request.app.state.submitter.wake()
    await _planned(request.app, job_id)
    return await run_in_threadpool(_created, job_id, document)


@dataclass(frozen=True)
class _Wish:
    """A request's fields, read."""

    film: ImagePairsRequest
    client_id: str | None
    parameters: dict[str, Any]


def _create(document: dict[str, Any], once: Once) -> int:
    """Check the request and store the job; return its id. One that was sent before gives the job that it made."""
    try:
        once.replay(document)
    except Replay as replay:
        return int(replay.body["job_id"])
    campaign_id = _field(document, "campaign_id")
    if campaign_id is None or str(campaign_id).strip() == "":
        raise refusal(400, "campaign_id is required")
    with get_database().read() as session:
        _check_campaign(session, campaign_id)
    wish = _read(document, str(campaign_id))
    with failing_as("Failed to create job"), get_database().write() as session:
        job = jobs.create_image_pairs_job(session, wish.film, wish.client_id, wish.parameters)
        once.keep(session, 201, {"job_id": job.id})
        return job.id or 0


def _check_campaign(session: Session, campaign_id: Any) -> None:
    known = isinstance(campaign_id, str) and "\0" not in campaign_id
    if not known or session.get(Campaign, campaign_id) is None:
        raise refusal(404, "Campaign not found")
    count = session.exec(select(func.count()).select_from(Asset).where(Asset.campaign_id == campaign_id)).one()
    if count == 0:
        raise refusal(400, "Campaign has no assets")
    found = len(candidate_images(session, campaign_id))
    if found < 2:
        raise refusal(400, f"Need at least 2 image assets to start the pipeline, found {found}")


def _read(document: dict[str, Any], campaign_id: str) -> _Wish:
    """Return the fields. Raises InvalidFields with every field that cannot be used."""
    details: Details = {}
    parameters = _field(document, "parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        details["parameters"], parameters = ["is invalid"], {}
    client_id = _field(document, "client_id") or None
    if client_id is not None and not isinstance(client_id, str):
        details["client_id"] = ["is invalid"]
    pairs, duration_s = _requested_pairs(document), _duration(document)
    details |= _out_of_range(pairs, duration_s)
    model, options = None, dict[str, Any]()
    try:
        options = render_options(parameters)
        model = next(filter(None, map(model_name, _models(document, parameters))), None)
    except InvalidFields as error:
        details |= error.details
    if details:
        raise InvalidFields(details)
    film = ImagePairsRequest(
        campaign_id=campaign_id,
        num_pairs=min(pairs, MAX_PAIRS),
        clip_duration=duration_s,
        video_model=model or get_settings().video_generation_model,
        **options,
    )
    return _Wish(film=film, client_id=client_id, parameters=parameters)


def _out_of_range(pairs: int, duration_s: float) -> Details:
    details: Details = {}
    if pairs < 1:
        details["num_pairs"] = ["must be greater than 0"]
    if duration_s <= 0:
        details["clip_duration"] = ["must be greater than 0"]
    if duration_s > MAX_CLIP_DURATION_S:
        details["clip_duration"] = ["must be less than or equal to 60"]
    return details


def _requested_pairs(document: dict[str, Any]) -> int:
    """Return how many scenes the request asks for, before any limit; what is no whole number is the default."""
    sent = _field(document, "num_pairs")
    try:
        return _DEFAULT_PAIRS if sent is None or isinstance(sent, bool | list | dict) else int(sent)
    except (ValueError, OverflowError):
        return _DEFAULT_PAIRS


def _duration(document: dict[str, Any]) -> float:
    sent = _field(document, "clip_duration")
    try:
        read = _DEFAULT_DURATION_S if sent is None or isinstance(sent, bool | list | dict) else float(sent)
    except ValueError:
        return _DEFAULT_DURATION_S
    except OverflowError:
        return MAX_CLIP_DURATION_S + 1
    return read if read == read else _DEFAULT_DURATION_S  # "nan" is no number


def _models(document: dict[str, Any], parameters: dict[str, Any]) -> list[Any]:
    """Return what names a model, the strongest first."""
    return [_field(document, "video_model"), document.get("model"), _field(parameters, "video_model")]


def _field(document: dict[str, Any], name: str) -> Any:
    head, *tail = name.split("_")
    return document.get(name, document.get(head + "".join(part.title() for part in tail)))


async def _planned(app: FastAPI, job_id: int) -> None:
    """Return when the job is planned, or cannot be for now: planning failed, no worker is alive, or time is up."""
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


def _created(job_id: int, document: dict[str, Any]) -> JobCreated:
    """Return the answer for a stored job, as it stands now. Raises Refusal 500 when planning failed."""
    with get_database().read() as session:
        job = jobs.get_job(session, job_id)
        scenes = scenes_of(session, job_id)
        images = len(candidate_images(session, job.campaign_id or ""))
    ready = job.plan_version > 0
    if job.status == JobStatus.FAILED and not ready:
        raise refusal(500, "Failed to generate scenes", details=job.error)
    return JobCreated(
        **_job_facts(job),
        scene_count=len(scenes),
        storyboard_ready=ready,
        storyboard=storyboard_of(scenes, job.parameters),
        client_id=_field(document, "client_id") or None,
        num_pairs=_requested_pairs(document),
        total_assets=images,
        warnings=job.warnings if ready else [*job.warnings, _NOT_PLANNED],
    )


def _job_facts(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "status": STATUSES[job.status],
        "type": TYPES[job.workflow],
        "message": "Job created successfully",
        "video_name": job.name,
        "estimated_cost": money(job.estimated_cost_usd),
        "costs": costs_of(job.estimated_cost_usd),
        "campaign_id": job.parameters["campaign_id"],
        "clip_duration": job.parameters["clip_duration"],
        "planner": job.planner,
    }
