"""Assets: the pictures, films, sounds and documents that people bring."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import Session

from api.bodies import JsonObject, body_schema
from api.errors import Refusal, refusal
from api.idempotency import Once, OnceOnly
from api.serving import byte_responses
from api.v3.answers import B_FINDS, B_READS, OTHER, One
from api.v3.asset_bytes import serve_bytes, serve_thumbnail
from api.v3.asset_form import Submission, Submitted, storage_fault
from api.v3.asset_import import MOST_ENTRIES, NO_URL, bring, import_all, names_url
from api.v3.asset_input import AssetInput, kind_in
from api.v3.asset_views import AssetImport, AssetList, AssetView, UnifiedAsset, shown
from api.v3.fields import PageOf25, QueryText, is_uuid
from models.assets import Asset
from storage.assets import list_assets
from storage.database import get_database

router = APIRouter(prefix="/assets", tags=["assets"])

_JSON = body_schema(AssetInput)
_ENTRY_KEYS = ("assets", "items", "requests", "sources")
_NOTHING_BROUGHT = "Either file upload or source_url must be provided"
_BYTES = byte_responses("image/*", "video/*", "audio/*", "application/*")
_JPEG = byte_responses("image/jpeg", ranges=False)


def _json_or_form() -> dict[str, Any]:
    """Describe a body that may be JSON or multipart with the same fields and a file."""
    schema = _JSON["requestBody"]["content"]["application/json"]["schema"]
    texts = {name: {"type": "string"} for name in schema["properties"]}
    form = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}, **texts}}
    content = {"application/json": {"schema": schema}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def _bulk() -> dict[str, Any]:
    entry = _JSON["requestBody"]["content"]["application/json"]["schema"]
    schema = {
        "type": "object",
        "required": ["assets"],
        "properties": {
            "assets": {"type": "array", "items": entry, "minItems": 1, "maxItems": MOST_ENTRIES},
            "campaign_id": {"type": "string", "format": "uuid"},
            "client_id": {"type": "string", "format": "uuid"},
        },
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.get("", response_model=AssetList, responses=OTHER, summary="List assets, newest first")
def list_all(
    page: PageOf25,
    campaign_id: QueryText = None,
    client_id: QueryText = None,
    asset_type: QueryText = None,
    type: QueryText = None,
    campaign_id_camel: Annotated[str | None, Query(alias="campaignId", include_in_schema=False)] = None,
    client_id_camel: Annotated[str | None, Query(alias="clientId", include_in_schema=False)] = None,
    asset_type_camel: Annotated[str | None, Query(alias="assetType", include_in_schema=False)] = None,
) -> Response:
    """``asset_type`` or ``type`` is image, video, audio or document; anything else filters nothing."""
    with get_database().read() as session:
        rows, total = list_assets(
            session,
            campaign_id=campaign_id or campaign_id_camel or None,
            client_id=client_id or client_id_camel or None,
            kind=kind_in(asset_type or asset_type_camel or type),
            limit=page.limit or 1,
            offset=page.offset,
        )
    meta = {"total": total, "limit": page.limit, "offset": page.offset}
    return JSONResponse({"data": [shown(row) for row in rows], "meta": meta})


@router.post(
    "", status_code=201, response_model=One[AssetView], responses=B_READS, summary="Bring an asset",
    openapi_extra=_json_or_form(),
)  # fmt: skip
def add(request: Request, submitted: Submitted, once: OnceOnly) -> Response:
    """By upload (multipart, field ``file``) or from an address. The bytes decide what it is."""
    return _brought(request, submitted, once, _NOTHING_BROUGHT, lambda asset: {"data": shown(asset)})


@router.post(
    "/unified", status_code=201, response_model=UnifiedAsset, responses=B_READS, summary="Bring an asset",
    openapi_extra=_json_or_form(),
)  # fmt: skip
def add_unified(request: Request, submitted: Submitted, once: OnceOnly) -> Response:
    """Like ``POST /assets``; the answer also says whether there is a thumbnail."""
    return _brought(
        request, submitted, once, _NOTHING_BROUGHT,
        lambda asset: {"data": shown(asset), "meta": {"has_thumbnail": asset.thumbnail_sha256 is not None}},
    )  # fmt: skip


@router.post(
    "/from-url", status_code=201, response_model=One[AssetView], responses=B_READS, openapi_extra=_JSON,
    summary="Bring an asset from an address",
)  # fmt: skip
def add_from_url(request: Request, document: JsonObject, once: OnceOnly) -> Response:
    """What is at ``source_url`` is fetched before the answer comes."""
    return _brought(request, Submission(document), once, NO_URL, lambda asset: {"data": shown(asset)})


@router.post(
    "/from-urls", status_code=201, response_model=AssetImport, responses=B_READS, openapi_extra=_bulk(),
    summary="Bring many assets from addresses",
)  # fmt: skip
def add_from_urls(request: Request, document: JsonObject, once: OnceOnly) -> Response:
    """Up to 500, five at a time; one that fails affects no other. ``campaign_id`` and ``client_id`` are defaults."""
    once.replay(document)
    entries = next((document[key] for key in _ENTRY_KEYS if key in document), None)
    if not isinstance(entries, list) or not entries:
        raise refusal(400, "assets must be a non-empty array")
    if len(entries) > MOST_ENTRIES:
        raise refusal(400, f"assets must contain at most {MOST_ENTRIES} entries")
    defaults = {
        "campaign_id": document.get("campaign_id") or document.get("campaignId"),
        "client_id": document.get("client_id") or document.get("clientId"),
    }
    body = import_all(entries, defaults, storage_fault(request))
    with get_database().write() as session:
        once.keep(session, 201, body)
    return JSONResponse(body, 201)


@router.get("/{asset_id}", response_model=One[AssetView], responses=B_FINDS, summary="Show an asset")
def show(asset_id: str) -> Response:
    """One asset; its bytes are at ``url``."""
    with get_database().read() as session:
        return JSONResponse({"data": shown(_found(session, asset_id))})


@router.delete("/{asset_id}", status_code=204, responses=B_FINDS, summary="Delete an asset")
def remove(asset_id: str) -> None:
    """Scenes and films that were made of it stay."""
    with get_database().write() as session:
        session.delete(_found(session, asset_id))


@router.head("/{asset_id}/data", include_in_schema=False)
@router.get("/{asset_id}/data", response_class=Response, responses={**_BYTES, **B_FINDS}, summary="An asset's bytes")
def data(request: Request, asset_id: str) -> Response:
    """In ranges, if asked for. An asset without stored bytes is fetched from its source."""
    with get_database().read() as session:
        asset = _found(session, asset_id)
    return serve_bytes(request, asset)


@router.head("/{asset_id}/thumbnail", include_in_schema=False)
@router.get(
    "/{asset_id}/thumbnail", response_class=Response, responses={**_JPEG, **B_FINDS},
    summary="A small picture of an asset",
)  # fmt: skip
def thumbnail(request: Request, asset_id: str) -> Response:
    """A JPEG of at most 320 × 240 pixels, of pictures and films."""
    with get_database().read() as session:
        asset = _found(session, asset_id)
    return serve_thumbnail(request, asset)


def _brought(
    request: Request, submitted: Submission, once: Once, missing: str, answer: Callable[[Asset], dict[str, Any]]
) -> Response:
    once.replay(submitted.identity())
    if submitted.upload is None and not names_url(submitted.document):
        raise refusal(400, missing)
    fault: Refusal = storage_fault(request)
    asset = bring(
        submitted.document,
        submitted.upload,
        fault,
        lambda session, asset: once.keep(session, 201, answer(asset)),
    )
    return JSONResponse(answer(asset), 201)


def _found(session: Session, asset_id: str) -> Asset:
    asset = session.get(Asset, asset_id) if is_uuid(asset_id) else None
    if asset is None:
        raise refusal(404, "Asset not found")
    return asset
