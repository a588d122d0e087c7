"""Creating a film from a campaign's images, in pairs."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.bodies import JsonObject, RequestBody, body_schema
from api.errors import InvalidFields, refusal
from api.idempotency import Once, OnceOnly, Replay
from api.v3.answers import B_FINDS, B_READS, FamilyB
from api.v3.creation import JobCreated, campaign_named, images_of, planned, planning_failed
from api.v3.creation_fields import field, film_fields, whole_number
from api.v3.lookups import failing_as
from models.runs import MAX_PAIRS, ImagePairsRequest
from storage import jobs
from storage.database import get_database

router = APIRouter(prefix="/jobs", tags=["jobs"])

_DEFAULT_PAIRS, _DEFAULT_DURATION_S = 10, 5.0


class PairsBody(RequestBody):
    """What a job is made of."""

    campaign_id: Any = Field(description="The campaign whose images are paired.")
    client_id: str | None = None
    clip_duration: Any = Field(_DEFAULT_DURATION_S, description="Seconds per scene, above 0 and at most 60.")
    num_pairs: Any = Field(_DEFAULT_PAIRS, description="Scenes wanted, 1–20.")
    video_model: str | None = Field(None, description="auto, local, or a vendor's model (veo3, hailuo); also: model.")
    parameters: dict[str, Any] | None = Field(
        None, description="Kept with the job. aspect_ratio, resolution, fps, fit, pairing, transitions are obeyed."
    )


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
    new = await planned(request, await run_in_threadpool(_create, document, once))
    if planning_failed(new):
        raise refusal(500, "Failed to generate scenes", details=new.job.error)
    return JobCreated(
        **new.facts(), client_id=field(document, "client_id") or None, num_pairs=_requested_pairs(document)
    )


def _create(document: dict[str, Any], once: Once) -> int:
    """Check the request and store the job; return its id. One that was sent before gives the job that it made."""
    try:
        once.replay(document)
    except Replay as replay:
        return int(replay.body["job_id"])
    with get_database().read() as session:
        campaign = campaign_named(session, field(document, "campaign_id"))
        images_of(session, campaign)
    film, pairs = film_fields(document, _DEFAULT_DURATION_S), _requested_pairs(document)
    details = film.details | ({"num_pairs": ["must be greater than 0"]} if pairs < 1 else {})
    if details:
        raise InvalidFields(details)
    wish = ImagePairsRequest.model_validate(
        {
            **film.options,
            "campaign_id": campaign.id,
            "num_pairs": min(pairs, MAX_PAIRS),
            "clip_duration": film.clip_duration,
            "video_model": film.video_model,
        }
    )
    with failing_as("Failed to create job"), get_database().write() as session:
        job = jobs.create_image_pairs_job(session, wish, film.client_id, film.parameters)
        once.keep(session, 201, {"job_id": job.id})
        return job.id or 0


def _requested_pairs(document: dict[str, Any]) -> int:
    """Return how many scenes the request asks for, before any limit; what is no whole number is the default."""
    sent = whole_number(document, "num_pairs")
    return _DEFAULT_PAIRS if sent is None else sent
