"""Clients: who the films are for."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, computed_field, field_validator
from sqlmodel import Session

from api.bodies import JsonObject, RequestBody, body_schema, read_body
from api.errors import refusal_a
from api.idempotency import OnceOnly
from api.v3.answers import A_CHANGES, A_FINDS, A_READS, OTHER, Many, One, Stamp, View
from api.v3.fields import Name, ObjectOrText, PageWhenAsked, SentObject, Text, decoded, is_uuid
from models.campaigns import Client
from storage.campaigns import list_campaigns
from storage.clients import change_client, client_stats, delete_client, list_clients
from storage.database import get_database

router = APIRouter(prefix="/clients", tags=["clients"])


class ClientChange(RequestBody):
    """What can be changed; fields that are not sent keep their value."""

    name: Name = ""
    description: Text | None = None
    homepage: Text | None = None
    metadata: SentObject = Field(default_factory=dict)
    brand_guidelines: ObjectOrText = None

    def columns(self) -> dict[str, Any]:
        """Return the columns that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {"extra" if name == "metadata" else name: value for name, value in sent.items()}


class NewClient(ClientChange):
    """A client to be added."""

    name: Name


class ClientView(View):
    """A client. The camelCase twins repeat their neighbours for the sake of existing clients."""

    id: str
    name: str
    description: str | None
    homepage: str | None
    metadata: dict[str, Any] = Field(validation_alias="extra")
    brand_guidelines: dict[str, Any] | str | None
    inserted_at: Stamp
    updated_at: Stamp

    @field_validator("brand_guidelines")
    @classmethod
    def _as_object(cls, value: Any) -> Any:
        return decoded(value)

    @computed_field(alias="brandGuidelines")  # type: ignore[prop-decorator]
    @property
    def brand_guidelines_twin(self) -> dict[str, Any] | str | None:
        """The same as ``brand_guidelines``."""
        return self.brand_guidelines

    @computed_field(alias="createdAt")  # type: ignore[prop-decorator]
    @property
    def created_at(self) -> Stamp:
        """The same as ``inserted_at``."""
        return self.inserted_at

    @computed_field(alias="updatedAt")  # type: ignore[prop-decorator]
    @property
    def updated_at_twin(self) -> Stamp:
        """The same as ``updated_at``."""
        return self.updated_at


class CampaignOfClient(View):
    """A campaign in its short form."""

    id: str
    name: str
    brief: dict[str, Any] | str | None
    client_id: str
    inserted_at: Stamp
    updated_at: Stamp

    @field_validator("brief")
    @classmethod
    def _as_object(cls, value: Any) -> Any:
        return decoded(value)


class OfClient(BaseModel):
    """Whose campaigns these are, and how many there are."""

    client_id: str
    total: int


class CampaignsOfClient(BaseModel):
    """A client's campaigns."""

    data: list[CampaignOfClient]
    meta: OfClient


class ClientStatsView(BaseModel):
    """What counts for a client; ``totalSpend`` is what its films have cost, in USD."""

    campaign_count: int = Field(serialization_alias="campaignCount")
    video_count: int = Field(serialization_alias="videoCount")
    total_spend: float = Field(serialization_alias="totalSpend")


@router.get("", response_model=Many[ClientView], responses=OTHER, summary="List clients, newest first")
def list_all(page: PageWhenAsked) -> Any:
    """All clients, or the part that ``limit`` and ``offset`` ask for."""
    with get_database().read() as session:
        rows, total = list_clients(session, page.limit, page.offset)
    return {"data": rows, "meta": {"total": total}}


@router.post(
    "", status_code=201, response_model=One[ClientView], responses=A_READS, openapi_extra=body_schema(NewClient),
    summary="Add a client",
)  # fmt: skip
def add(document: JsonObject, once: OnceOnly) -> Any:
    """``metadata`` and ``brand_guidelines`` may be objects or strings that hold one."""
    once.replay(document)
    client = Client(**read_body(NewClient, document).columns())
    body = {"data": ClientView.model_validate(client).model_dump(mode="json", by_alias=True)}
    with get_database().write() as session:
        session.add(client)
        once.keep(session, 201, body)
    return JSONResponse(body, 201)


@router.get("/{client_id}", response_model=One[ClientView], responses=A_FINDS, summary="Show a client")
def show(client_id: str) -> Any:
    """One client."""
    with get_database().read() as session:
        return {"data": _found(session, client_id)}


@router.put(
    "/{client_id}", response_model=One[ClientView], responses=A_CHANGES, summary="Change a client",
    openapi_extra=body_schema(ClientChange, required=False),
)  # fmt: skip
@router.patch(
    "/{client_id}", response_model=One[ClientView], responses=A_CHANGES, summary="Change a client",
    openapi_extra=body_schema(ClientChange, required=False),
)  # fmt: skip
def change(client_id: str, document: JsonObject) -> Any:
    """Both methods change only what is sent."""
    with get_database().write() as session:
        client = _found(session, client_id)
        change_client(session, client, read_body(ClientChange, document).columns())
    return {"data": client}


@router.delete("/{client_id}", status_code=204, responses=A_FINDS, summary="Delete a client")
def remove(client_id: str) -> None:
    """Its campaigns and assets go with it; jobs and films stay, and jobs that wait for approval are cancelled."""
    with get_database().write() as session:
        delete_client(session, _found(session, client_id))


@router.get(
    "/{client_id}/campaigns", response_model=CampaignsOfClient, responses=A_FINDS, summary="List a client's campaigns"
)
def campaigns(client_id: str, page: PageWhenAsked) -> Any:
    """Newest first."""
    with get_database().read() as session:
        _found(session, client_id)
        rows, total = list_campaigns(session, client_id, page.limit, page.offset)
    return {"data": rows, "meta": {"client_id": client_id, "total": total}}


@router.get("/{client_id}/stats", response_model=One[ClientStatsView], responses=A_FINDS, summary="What counts for it")
def stats(client_id: str) -> Any:
    """Films of all the client's campaigns, and what they have cost."""
    with get_database().read() as session:
        _found(session, client_id)
        found = client_stats(session, client_id)
    return {
        "data": ClientStatsView(
            campaign_count=found.campaigns,
            video_count=found.spending.jobs,
            total_spend=round(found.spending.cost_usd, 2),
        )
    }


def _found(session: Session, client_id: str) -> Client:
    client = session.get(Client, client_id) if is_uuid(client_id) else None
    if client is None:
        raise refusal_a(404, "Client not found", "not_found")
    return client
