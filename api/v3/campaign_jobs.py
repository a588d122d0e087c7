"""Creating a property video from a campaign's own address, the shortest way."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.bodies import JsonObject, RequestBody, body_schema, read_body
from api.errors import InvalidFields, refusal_a
from api.idempotency import Once, OnceOnly, Replay
from api.v3.answers import A_CHANGES, FamilyA
from api.v3.creation import NewJob, planned, planning_failed, too_few_images
from api.v3.creation_fields import film_fields, too_short_or_long
from api.v3.fields import Text, is_uuid
from models.campaigns import Campaign
from models.property import SET_A
from models.runs import PropertyVideoRequest
from models.video_v3 import CURRENCY, JobType, WireStatus
from models.video_v3_scenes import Storyboard
from storage import jobs
from storage.assets import campaign_assets, candidate_images
from storage.database import get_database

router = APIRouter(prefix="/campaigns", tags=["campaigns"])


def _default_if_null(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None or value == "" else value)


class CampaignJobBody(RequestBody):
    """What a campaign's film should be; everything may be left out."""

    num_scenes: Annotated[int, _default_if_null(4)] = Field(4, description="Scenes wanted, 1–7.")
    clip_duration: Annotated[float, _default_if_null(4.0)] = Field(4.0, description="Seconds per scene, at most 60.")
    style: Annotated[Text, _default_if_null("modern"), Field(max_length=200)] = "modern"
    music_genre: Annotated[Text, _default_if_null("upbeat"), Field(max_length=200)] = "upbeat"
    duration_seconds: Annotated[float, _default_if_null(30.0)] = Field(
        30.0, description="Kept with the job; it does not change the number of scenes.", allow_inf_nan=False
    )
    video_model: Any = Field(None, description="auto, local, or a vendor's model (veo3, hailuo); also: model.")


class CampaignJob(BaseModel):
    """The new job."""

    id: int
    job_id: int
    type: JobType
    status: WireStatus
    campaign_id: str
    asset_count: int
    scene_count: int
    parameters: dict[str, Any]
    video_name: str
    estimated_cost: float
    costs: dict[str, Any]
    storyboard_ready: bool
    storyboard: Storyboard
    planner: str | None
    warnings: list[str]


class JobLinks(BaseModel):
    """Where to go on."""

    self: str
    approve: str
    status: str


class CampaignJobCreated(BaseModel):
    """The new job, and what the other creating requests answer at the top level."""

    data: CampaignJob
    links: JobLinks
    job_id: int
    status: WireStatus
    storyboard: Storyboard


@router.post(
    "/{campaign_id}/create-job",
    status_code=201,
    summary="Create a property video of a few scenes",
    response_model=CampaignJobCreated,
    responses={**A_CHANGES, 500: {"model": FamilyA, "description": "Planning failed"}},
    openapi_extra=body_schema(CampaignJobBody, required=False),
)
async def create_job(request: Request, campaign_id: str, document: JsonObject, once: OnceOnly) -> CampaignJobCreated:
    """Store the job, have it planned, and answer with the storyboard. Nothing is rendered before approval."""
    new = await planned(request, await run_in_threadpool(_create, campaign_id, document, once))
    if planning_failed(new):
        raise refusal_a(500, "Failed to generate scenes", "scene_generation_failed", details=new.job.error or "")
    return _answer(new)


def _create(campaign_id: str, document: dict[str, Any], once: Once) -> int:
    """Check the request and store the job; return its id. One that was sent before gives the job that it made."""
    try:
        once.replay(document)
    except Replay as replay:
        return int(replay.body["job_id"])
    with get_database().read() as session:
        campaign = session.get(Campaign, campaign_id) if is_uuid(campaign_id) else None
        if campaign is None:
            raise refusal_a(404, "Campaign not found", "not_found")
        assets, images = _counted(session, campaign)
    wish, kept = _wish(document, campaign, assets, images)
    try:
        with get_database().write() as session:
            job = jobs.create_property_job(session, wish, None, kept)
            job.parameters = {**job.parameters, "video_name": job.name, "client_id": campaign.client_id}
            once.keep(session, 201, {"job_id": job.id})
            return job.id or 0
    except SQLAlchemyError as exc:
        reason = "the database did not carry it out; try again"
        raise refusal_a(422, "Failed to create job", "job_creation_failed", reason=reason) from exc


def _counted(session: Session, campaign: Campaign) -> tuple[int, int]:
    """Return how many assets and images there are. Raises Refusal 422 when they are too few."""
    assets = len(campaign_assets(session, campaign.id))
    if assets == 0:
        raise refusal_a(422, "Campaign has no assets", "no_assets")
    images = len(candidate_images(session, campaign.id))
    if images < 2:
        raise refusal_a(422, too_few_images(images), "not_enough_assets")
    return assets, images


def _wish(
    document: dict[str, Any], campaign: Campaign, assets: int, images: int
) -> tuple[PropertyVideoRequest, dict[str, Any]]:
    """Return what is wanted, and what is kept beside it. Raises InvalidFields."""
    film = film_fields({name: document[name] for name in ("video_model", "videoModel", "model") if name in document}, 4)
    try:
        body = read_body(CampaignJobBody, document)
    except InvalidFields as error:
        raise InvalidFields(error.details | film.details) from error
    if details := film.details | too_short_or_long(body.clip_duration):
        raise InvalidFields(details)
    scenes = min(max(body.num_scenes, 1), len(SET_A), images // 2)
    wish = PropertyVideoRequest.model_validate(
        {
            "campaign_id": campaign.id,
            "selection_mode": "reduced",
            "num_scenes": scenes,
            "clip_duration": body.clip_duration,
            "video_model": film.video_model,
            "style": body.style,
        }
    )
    kept = {
        "campaign_name": campaign.name,
        "campaign_brief": campaign.brief,
        "asset_count": assets,
        "music_genre": body.music_genre,
        "duration_seconds": body.duration_seconds,
    }
    return wish, kept


def _answer(new: NewJob) -> CampaignJobCreated:
    facts = new.facts()
    data = {name: facts[name] for name in CampaignJob.model_fields if name in facts}
    costs = {"estimated_cost": facts["estimated_cost"], "cost_currency": CURRENCY}
    parameters = {**new.job.parameters, **costs}
    asset_count = parameters["asset_count"]
    job = CampaignJob(**data, id=facts["job_id"], asset_count=asset_count, parameters=parameters)
    here = f"/api/v3/jobs/{job.job_id}"
    return CampaignJobCreated(
        data=job,
        links=JobLinks(self=here, approve=f"{here}/approve", status=here),
        job_id=job.job_id,
        status=job.status,
        storyboard=job.storyboard,
    )
