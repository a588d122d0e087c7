"""Creating a property video: from a campaign's photos, or from photos that the request brings along."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.bodies import JsonObject, RequestBody, body_schema
from api.errors import InvalidFields, refusal
from api.idempotency import Once, OnceOnly, Replay
from api.v3.answers import B_FINDS, B_READS, FamilyB
from api.v3.creation import JobCreated, campaign_named, images_of, planned, planning_failed, too_few_images
from api.v3.creation_fields import FilmFields, field, film_fields, whole_number
from api.v3.inline_photos import photos_sent, take_in
from api.v3.lookups import failing_as
from models.property import STRICT_PHOTOS, SelectionMode
from models.runs import MAX_TYPED_SCENES, PropertyVideoRequest
from models.storyboard import PropertyFacts
from storage import jobs
from storage.database import get_database

router = APIRouter(prefix="/jobs", tags=["jobs"])

_DEFAULT_DURATION_S, _DEFAULT_INLINE_DURATION_S = 5.0, 6.0
_FACTS = ("name", "location", "property_type", "positioning")
_MOST_TYPES = 100


class PropertyBody(RequestBody):
    """What a property video is made of."""

    campaign_id: Any = Field(description="The campaign that has the photos, or that gets them.")
    client_id: str | None = None
    property_types: Any = Field(
        None, description="Scene types wanted, as an array or with commas between; left out: the seven of Set A."
    )
    clip_duration: Any = Field(None, description="Seconds per scene, above 0 and at most 60; 5, with photos 6.")
    num_pairs: Any = Field(None, description="Scenes wanted, 1–10; only with property_types.")
    video_model: str | None = Field(None, description="auto, local, or a vendor's model (veo3, hailuo); also: model.")
    parameters: dict[str, Any] | None = Field(
        None, description="Kept with the job. aspect_ratio, resolution, fps, fit, pairing, transitions are obeyed."
    )
    property_info: dict[str, Any] | None = Field(None, description="name, location, propertyType, positioning")
    photos: list[dict[str, Any]] | None = Field(
        None, description="Photos to choose from instead of the campaign's, each with an id or a url."
    )


class PropertyJobCreated(JobCreated):
    """A new property video with its storyboard."""

    property_types: list[str]
    selection_mode: SelectionMode
    selection_metadata: dict[str, Any] | None


@router.post(
    "/from-property-photos",
    status_code=201,
    summary="Create a property video",
    response_model=PropertyJobCreated,
    response_model_exclude_none=True,
    responses={**B_FINDS, **B_READS, 500: {"model": FamilyB, "description": "Planning or storing failed"}},
    openapi_extra=body_schema(PropertyBody),
)
async def create_from_property_photos(request: Request, document: JsonObject, once: OnceOnly) -> PropertyJobCreated:
    """Store the job, have it planned, and answer with the storyboard. Nothing is rendered before approval."""
    new = await planned(request, await run_in_threadpool(_create, document, once))
    if planning_failed(new):
        raise refusal(500, "Failed to generate scenes", details=new.job.error)
    kept = new.job.parameters
    return PropertyJobCreated(
        **new.facts(),
        client_id=field(document, "client_id") or None,
        num_pairs=whole_number(document, "num_pairs"),
        property_types=kept["property_types"],
        selection_mode=kept["selection_mode"],
        selection_metadata=kept.get("selection_metadata") if new.is_planned else None,
    )


def _create(document: dict[str, Any], once: Once) -> int:
    """Check the request and store the job; return its id. One that was sent before gives the job that it made."""
    try:
        once.replay(document)
    except Replay as replay:
        return int(replay.body["job_id"])
    has_photos = bool(field(document, "photos"))
    with get_database().read() as session:
        campaign = campaign_named(session, field(document, "campaign_id"))
        if not has_photos:
            images_of(session, campaign)
    types, photos = _types(document), photos_sent(document)
    if photos:
        _enough_inline(len(photos), types)
    film = film_fields(document, _DEFAULT_INLINE_DURATION_S if photos else _DEFAULT_DURATION_S)
    wish = _wish(document, film, types).model_copy(update={"campaign_id": campaign.id})
    with failing_as("Failed to create job"), get_database().write() as session:
        job_id = _store(session, wish, film, photos)
        once.keep(session, 201, {"job_id": job_id})
        return job_id


def _store(session: Session, wish: PropertyVideoRequest, film: FilmFields, photos: list[dict[str, Any]]) -> int:
    if photos:
        campaign = campaign_named(session, wish.campaign_id)
        ids = take_in(session, campaign, photos)
        _enough_inline(len(ids), wish.property_types)  # two entries may have meant one picture
        wish = wish.model_copy(update={"photo_ids": ids})
    job = jobs.create_property_job(session, wish, film.client_id, film.parameters)
    return job.id or 0


def _wish(document: dict[str, Any], film: FilmFields, types: list[str]) -> PropertyVideoRequest:
    """Return the fields. Raises InvalidFields with every field that cannot be used."""
    scenes = whole_number(document, "num_pairs") if types else None
    info = field(document, "property_info")
    details = dict(film.details)
    if scenes is not None and scenes < 1:
        details["num_pairs"] = ["must be greater than 0"]
    if info is not None and not isinstance(info, dict):
        details["property_info"] = ["is invalid"]
    style = field(film.parameters, "style")
    if details:
        raise InvalidFields(details)
    return PropertyVideoRequest.model_validate(
        {
            **film.options,
            "clip_duration": film.clip_duration,
            "video_model": film.video_model,
            "property_types": types,
            "num_scenes": min(scenes, MAX_TYPED_SCENES) if scenes else None,
            "property_info": _facts(info) if info else None,
            "style": style[:200] if isinstance(style, str) else None,
        }
    )


def _facts(info: dict[str, Any]) -> PropertyFacts:
    told = {name: field(info, name) for name in _FACTS}
    return PropertyFacts(**{name: value for name, value in told.items() if isinstance(value, str) and value.strip()})


def _types(document: dict[str, Any]) -> list[str]:
    """Return the caller's types word for word. Raises Refusal 400 that names the entries which are none."""
    sent = field(document, "property_types")
    if isinstance(sent, str):
        sent = [part.strip() for part in sent.split(",") if part.strip()]
    entries = [] if sent is None else sent if isinstance(sent, list) else [sent]
    invalid = [entry for entry in entries if not isinstance(entry, str) or not entry.strip() or "\0" in entry]
    if invalid or len(entries) > _MOST_TYPES:
        raise refusal(
            400, "Scene types do not match allowed property types", invalid_types=invalid or entries[_MOST_TYPES:]
        )
    return entries


def _enough_inline(found: int, types: list[str]) -> None:
    if not types and found < STRICT_PHOTOS:
        raise refusal(400, f"Need at least {STRICT_PHOTOS} photos to select 7 pairs, got {found}")
    if found < 2:
        raise refusal(400, too_few_images(found))
