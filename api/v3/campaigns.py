"""Campaigns: which pictures belong together."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, Field, field_validator
from sqlmodel import Session

from api.bodies import JsonObject, RequestBody, body_schema, read_body
from api.errors import InvalidFields, refusal_a
from api.idempotency import OnceOnly
from api.v3.answers import A_CHANGES, A_FINDS, A_READS, OTHER, Many, One, Stamp, View
from api.v3.fields import (
    DRAFT,
    Id,
    Name,
    ObjectOrText,
    PageWhenAsked,
    QueryText,
    SentObject,
    Status,
    Text,
    decoded,
    is_uuid,
)
from models.campaigns import Campaign, Client
from storage.assets import campaign_assets
from storage.campaigns import campaign_spending, change_campaign, delete_campaign, list_campaigns
from storage.database import get_database

router = APIRouter(prefix="/campaigns", tags=["campaigns"])


class CampaignChange(RequestBody):
    """What can be changed; fields that are not sent keep their value."""

    name: Name = ""
    client_id: Id = ""
    brief: ObjectOrText = None
    goal: Text | None = None
    status: Status = DRAFT
    product_url: Text | None = None
    metadata: SentObject = Field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Return the columns that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {"extra" if name == "metadata" else name: value for name, value in sent.items()}


class NewCampaign(CampaignChange):
    """A campaign to be added."""

    name: Name
    client_id: Id


class CampaignView(View):
    """A campaign."""

    id: str
    client_id: str = Field(serialization_alias="clientId")
    name: str
    goal: str | None
    status: str
    product_url: str | None = Field(serialization_alias="productUrl")
    brief: dict[str, Any] | str | None
    metadata: dict[str, Any] = Field(validation_alias="extra")
    inserted_at: Stamp = Field(serialization_alias="createdAt")
    updated_at: Stamp = Field(serialization_alias="updatedAt")

    @field_validator("brief")
    @classmethod
    def _as_object(cls, value: Any) -> Any:
        return decoded(value)


class AssetOfCampaign(View):
    """An asset in its short form."""

    id: str
    type: str
    campaign_id: str
    source_url: str | None
    metadata: dict[str, Any] = Field(validation_alias="extra")
    has_blob_data: Annotated[bool, BeforeValidator(lambda sha256: sha256 is not None)] = Field(
        validation_alias="object_sha256"
    )
    inserted_at: Stamp
    updated_at: Stamp


class OfCampaign(BaseModel):
    """Whose assets these are, and how many there are."""

    campaign_id: str
    total: int


class AssetsOfCampaign(BaseModel):
    """A campaign's assets."""

    data: list[AssetOfCampaign]
    meta: OfCampaign


class CampaignStatsView(BaseModel):
    """A campaign's films; ``totalSpend`` is what they have cost, in USD, and ``avgCost`` that per film."""

    video_count: int = Field(serialization_alias="videoCount")
    total_spend: float = Field(serialization_alias="totalSpend")
    avg_cost: float = Field(serialization_alias="avgCost")


@router.get("", response_model=Many[CampaignView], responses=OTHER, summary="List campaigns, newest first")
def list_all(
    page: PageWhenAsked,
    client_id: QueryText = None,
    client_id_camel: Annotated[str | None, Query(alias="clientId", include_in_schema=False)] = None,
) -> Any:
    """All campaigns or those of one client, or the part that ``limit`` and ``offset`` ask for."""
    with get_database().read() as session:
        rows, total = list_campaigns(session, client_id or client_id_camel or None, page.limit, page.offset)
    return {"data": rows, "meta": {"total": total}}


@router.post(
    "", status_code=201, response_model=One[CampaignView], responses=A_READS, openapi_extra=body_schema(NewCampaign),
    summary="Add a campaign",
)  # fmt: skip
def add(document: JsonObject, once: OnceOnly) -> Any:
    """``brief`` may be an object or a string; ``metadata`` an object or a string that holds one."""
    once.replay(document)
    campaign = Campaign(**read_body(NewCampaign, document).columns())
    body = {"data": CampaignView.model_validate(campaign).model_dump(mode="json", by_alias=True)}
    with get_database().write() as session:
        _check_client(session, campaign.client_id)
        session.add(campaign)
        once.keep(session, 201, body)
    return JSONResponse(body, 201)


@router.get("/{campaign_id}", response_model=One[CampaignView], responses=A_FINDS, summary="Show a campaign")
def show(campaign_id: str) -> Any:
    """One campaign."""
    with get_database().read() as session:
        return {"data": _found(session, campaign_id)}


@router.put(
    "/{campaign_id}", response_model=One[CampaignView], responses=A_CHANGES, summary="Change a campaign",
    openapi_extra=body_schema(CampaignChange, required=False),
)  # fmt: skip
@router.patch(
    "/{campaign_id}", response_model=One[CampaignView], responses=A_CHANGES, summary="Change a campaign",
    openapi_extra=body_schema(CampaignChange, required=False),
)  # fmt: skip
def change(campaign_id: str, document: JsonObject) -> Any:
    """Both methods change only what is sent."""
    with get_database().write() as session:
        campaign = _found(session, campaign_id)
        columns = read_body(CampaignChange, document).columns()
        _check_client(session, columns.get("client_id", campaign.client_id))
        change_campaign(session, campaign, columns)
    return {"data": campaign}


@router.delete("/{campaign_id}", status_code=204, responses=A_FINDS, summary="Delete a campaign")
def remove(campaign_id: str) -> None:
    """Its assets go with it; jobs and films stay, and jobs that wait for approval are cancelled."""
    with get_database().write() as session:
        delete_campaign(session, _found(session, campaign_id))


@router.get(
    "/{campaign_id}/assets", response_model=AssetsOfCampaign, responses=A_FINDS, summary="List a campaign's assets"
)
def assets(campaign_id: str) -> Any:
    """Oldest first, in a short form."""
    with get_database().read() as session:
        _found(session, campaign_id)
        rows = campaign_assets(session, campaign_id)
    return {"data": rows, "meta": {"campaign_id": campaign_id, "total": len(rows)}}


@router.get(
    "/{campaign_id}/stats", response_model=One[CampaignStatsView], responses=A_FINDS, summary="What counts for it"
)
def stats(campaign_id: str) -> Any:
    """The campaign's films and what they have cost."""
    with get_database().read() as session:
        _found(session, campaign_id)
        found = campaign_spending(session, campaign_id)
    average = found.cost_usd / found.jobs if found.jobs else 0.0
    return {
        "data": CampaignStatsView(
            video_count=found.jobs, total_spend=round(found.cost_usd, 2), avg_cost=round(average, 2)
        )
    }


def _found(session: Session, campaign_id: str) -> Campaign:
    campaign = session.get(Campaign, campaign_id) if is_uuid(campaign_id) else None
    if campaign is None:
        raise refusal_a(404, "Campaign not found", "not_found")
    return campaign


def _check_client(session: Session, client_id: str) -> None:
    if session.get(Client, client_id) is None:
        raise InvalidFields({"client_id": ["does not exist"]})
