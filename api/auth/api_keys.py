"""The keys that programs use, over HTTP.

There is no ``Idempotency-Key`` here: remembering the answer would mean keeping the key itself.
"""

import re
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.authentication import CallerOf
from api.bodies import JsonObject, RequestBody, body_schema, read_body
from api.errors import refusal
from api.v3.answers import B_FINDS, B_READS, OTHER, Stamp, View
from api.v3.fields import Name
from models.errors import NotFound
from storage.api_keys import create_key, list_keys, revoke_key
from storage.database import get_database

router = APIRouter(prefix="/api-keys")

_NUMBER = re.compile("[1-9][0-9]{0,8}")
_MOST_DAYS = 36_500
_NOT_FOUND = "API key not found"


class NewKey(RequestBody):
    """A key to be made; without ``expires_days`` it is good until it is revoked."""

    name: Name
    expires_days: Annotated[int, Field(gt=0, le=_MOST_DAYS)] | None = None


class MadeKey(BaseModel):
    """A new key. ``api_key`` is shown here and nowhere else."""

    id: int
    api_key: str
    name: str
    created_at: Stamp
    expires_at: Stamp | None


class KeyView(View):
    """A key as it is listed. ``last_used`` is true to the minute."""

    id: int
    name: str
    is_active: bool
    created_at: Stamp = Field(validation_alias="inserted_at")
    last_used: Stamp | None = Field(validation_alias="last_used_at")
    expires_at: Stamp | None


class Revoked(BaseModel):
    """The key opens nothing any more."""

    message: Literal["API key revoked successfully"] = "API key revoked successfully"


@router.post(
    "", status_code=201, summary="Make a key", response_model=MadeKey, responses=B_READS,
    openapi_extra=body_schema(NewKey),
)  # fmt: skip
def make(document: JsonObject, caller: CallerOf) -> MadeKey:
    """The key acts in the name of who makes it."""
    wish = read_body(NewKey, document)
    with get_database().write() as session:
        row, secret = create_key(session, caller, wish.name, wish.expires_days)
    made_at: datetime = row.inserted_at
    return MadeKey(id=row.id or 0, api_key=secret, name=row.name, created_at=made_at, expires_at=row.expires_at)


@router.get("", summary="List keys, newest first", response_model=list[KeyView], responses=OTHER)
def list_all(caller: CallerOf) -> list[KeyView]:
    """Show the caller's own keys, or all to who holds an entry of API_AUTH_KEY."""
    with get_database().read() as session:
        return [KeyView.model_validate(row) for row in list_keys(session, caller)]


@router.delete("/{key_id}", summary="Revoke a key", response_model=Revoked, responses=B_FINDS)
def revoke(key_id: str, caller: CallerOf) -> Revoked:
    """Revoke a key for good; revoking it again changes nothing."""
    try:
        with get_database().write() as session:
            revoke_key(session, caller, int(key_id) if _NUMBER.fullmatch(key_id) else 0)
    except NotFound as exc:
        raise refusal(404, _NOT_FOUND, detail=_NOT_FOUND) from exc
    return Revoked()
