"""Jobs: how they stand, lists of them, and what can be done to them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.bodies import JsonObject, RequestBody, body_schema, clamped, read_body
from api.errors import InvalidFields, Refusal, refusal
from api.v3.answers import B_FINDS, B_READS
from api.v3.fields import QueryText
from api.v3.lookups import job_of
from api.v3.render_options import ModelName
from api.v3.scenes import SceneChanged, regenerate_scene
from models.errors import Conflict, Stale
from models.jobs import Job
from models.video_v3 import (
    STATUSES,
    TYPES,
    JobDocument,
    JobSummary,
    WireStatus,
    job_document,
    job_summary,
    statuses_of,
    workflow_of,
)
from storage import job_actions, jobs
from storage.database import get_database
from storage.job_lists import JobFilter, list_jobs, scene_counts, spent
from storage.progress import scenes_of

router = APIRouter(prefix="/jobs", tags=["jobs"])

LAST_OFFSET = 2**31


class PageFacts(BaseModel):
    """Which part of how many jobs is shown."""

    total: int
    limit: int
    offset: int


class JobPage(BaseModel):
    """A part of the list of jobs."""

    data: list[JobSummary]
    meta: PageFacts


class JobChanged(BaseModel):
    """What became of a job. ``retried_scenes`` is there after a retry."""

    message: str
    job_id: int
    status: WireStatus
    retried_scenes: list[str] | None = None


class Approval(RequestBody):
    """Which storyboard is approved; left out, whichever is waiting."""

    plan_version: int | None = None


class Retry(RequestBody):
    """With which model the scenes without a clip are rendered; left out, with the one they had."""

    model: ModelName = None


class Action(RequestBody):
    """What to do, and what the dedicated endpoint would be sent."""

    action: Any = Field(None, description="approve, cancel, retry or regenerate_scene")
    payload: Any = Field(None, description="Fields of the dedicated endpoint; regenerate_scene needs scene_id.")


def _filter(
    status: QueryText = None,
    type: QueryText = None,
    campaign_id: QueryText = None,
    client_id: QueryText = None,
    campaign_id_camel: Annotated[str | None, Query(alias="campaignId", include_in_schema=False)] = None,
    client_id_camel: Annotated[str | None, Query(alias="clientId", include_in_schema=False)] = None,
) -> JobFilter:
    workflow = workflow_of(type) if type else None
    return JobFilter(
        workflows=list(TYPES) if not type else [workflow] if workflow else [],
        statuses=statuses_of(status) if status else None,
        campaign_id=campaign_id or campaign_id_camel or None,
        client_id=client_id or client_id_camel or None,
    )


@router.get("", summary="Jobs, newest first", response_model=JobPage)
def index(wanted: Annotated[JobFilter, Depends(_filter)], limit: QueryText = None, offset: QueryText = None) -> JobPage:
    """List jobs; a filter value that no job can have gives an empty list."""
    most, skipped = clamped(limit, 25, 1, 100), clamped(offset, 0, 0, LAST_OFFSET)
    with get_database().read() as session:
        page, total = list_jobs(session, wanted, most, skipped)
        counts, costs = scene_counts(session, page), spent(session, page)
    summaries = [job_summary(job, counts.get(job.id or 0, 0), costs.get(job.id or 0, 0.0)) for job in page]
    return JobPage(data=summaries, meta=PageFacts(total=total, limit=most, offset=skipped))


@router.get("/{job_id}", summary="How a job stands", response_model=JobDocument, responses=B_FINDS)
def show(job_id: str) -> Response:
    """Show a job with its storyboard, its progress and, once published, its result."""
    with get_database().read() as session:
        document = document_of(session, job_of(session, job_id))
    # Written by the model itself: checking it a second time is half of what this, the most frequent request, costs.
    return Response(document.model_dump_json(), media_type="application/json")


@router.post(
    "/{job_id}/approve",
    summary="Approve the storyboard; rendering starts",
    response_model=JobChanged,
    response_model_exclude_none=True,
    responses={**B_FINDS, **B_READS},
    openapi_extra=body_schema(Approval, required=False),
)
def approve(request: Request, job_id: str, document: JsonObject) -> JobChanged:
    """Approve a pending job. Of several simultaneous calls exactly one succeeds."""
    with get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        wish = read_body(Approval, document)
        try:
            jobs.approve(session, job.id or 0, wish.plan_version)
        except Stale:
            raise
        except Conflict as error:
            raise _refused("Job cannot be approved", job, error) from error
    request.app.state.submitter.wake()
    return _changed("Job approved successfully", job)


@router.post(
    "/{job_id}/cancel",
    summary="Stop a job",
    response_model=JobChanged,
    response_model_exclude_none=True,
    responses={**B_FINDS, **B_READS},
)
def cancel(job_id: str) -> JobChanged:
    """Cancel a job that has not ended; finished clips are kept."""
    with get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        try:
            job_actions.cancel(session, job.id or 0)
        except Conflict as error:
            raise _refused("Job cannot be cancelled", job, error) from error
    return _changed("Job cancelled successfully", job)


@router.post(
    "/{job_id}/retry",
    summary="Render what is missing",
    response_model=JobChanged,
    response_model_exclude_none=True,
    responses={**B_FINDS, **B_READS},
    openapi_extra=body_schema(Retry, required=False),
)
def retry(request: Request, job_id: str, document: JsonObject) -> JobChanged:
    """Try again what a job lacks: scenes without a clip, or only the stitching."""
    with get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        wish = read_body(Retry, document)
        try:
            job, scene_ids = job_actions.retry(session, job.id or 0, wish.model)
        except Conflict as error:
            raise _refused("Job cannot be retried", job, error) from error
    request.app.state.submitter.wake()
    return _changed("Job retry started", job, scene_ids)


@router.post(
    "/{job_id}/actions",
    summary="Approve, cancel, retry, or regenerate a scene",
    response_model=JobChanged | SceneChanged,
    response_model_exclude_unset=True,
    responses={**B_FINDS, **B_READS},
    openapi_extra=body_schema(Action),
)
def act(request: Request, job_id: str, document: JsonObject) -> JobChanged | SceneChanged:
    """Do what the action names, exactly like the dedicated endpoint."""
    with get_database().read() as session:
        job_of(session, job_id)
    wish = read_body(Action, document)
    payload = {} if wish.payload is None else wish.payload
    if not isinstance(payload, dict):
        raise InvalidFields({"payload": ["is invalid"]})
    match wish.action:
        case "approve":
            return approve(request, job_id, payload)
        case "cancel":
            return cancel(job_id)
        case "retry":
            return retry(request, job_id, payload)
        case "regenerate_scene":
            scene_id = payload.get("scene_id", payload.get("sceneId"))
            return regenerate_scene(request, job_id, "" if scene_id is None else str(scene_id), payload)
        case _:
            raise InvalidFields({"action": ["is not supported"]})


def document_of(session: Session, job: Job) -> JobDocument:
    """Return the job as shown on its own."""
    costs = spent(session, [job])
    return job_document(job, scenes_of(session, job.id or 0), costs.get(job.id or 0, 0.0))


def _changed(message: str, job: Job, retried_scenes: list[str] | None = None) -> JobChanged:
    values: dict[str, Any] = {} if retried_scenes is None else {"retried_scenes": retried_scenes}
    return JobChanged(message=message, job_id=job.id or 0, status=STATUSES[job.status], **values)


def _refused(error: str, job: Job, reason: Conflict) -> Refusal:
    return refusal(422, error, job_id=job.id, current_status=STATUSES[job.status], reason=str(reason))
