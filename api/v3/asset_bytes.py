"""Serving assets: their bytes, stored or passed through from where they come, and their thumbnails."""

from collections.abc import Iterator
from contextlib import ExitStack

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from api.errors import Refusal, refusal
from api.serving import serve_object
from media.accept import content_type_of, extension_of
from media.fetch import fetch
from media.sniff import SNIFF_BYTES
from models.assets import Asset
from models.errors import AtelierError, FetchFailed, InvalidMedia, NotFound
from models.objects import StoredObject
from settings import get_settings
from storage.assets import keep_asset_thumbnail
from storage.database import get_database
from storage.intake import THUMBNAIL_CONTENT_TYPE, keep_thumbnail
from storage.stores import get_object_store

_PASS_THROUGH_TIMEOUT_S = 30.0
_UNKNOWN = "application/octet-stream"
_THUMBNAIL_CACHE = "public, max-age=86400"
_NO_THUMBNAIL = "Thumbnail not available"


def serve_bytes(request: Request, asset: Asset) -> Response:
    """Answer with an asset's bytes, under the type that was found in them. Raises Refusal 502 when they are gone."""
    row = _object(asset.object_sha256)
    if row is not None:
        told = asset.extra.get("content_type")
        content_type = told if isinstance(told, str) and extension_of(told) else row.content_type
        try:
            return serve_object(
                request,
                row,
                content_type=content_type if extension_of(content_type) else _UNKNOWN,
                disposition=_disposition(asset, content_type),
                cache_control=None,
            )
        except NotFound:
            pass  # the store has lost them; the source may still have them
    return _passed_through(asset, only_head=request.method == "HEAD")


def serve_thumbnail(request: Request, asset: Asset) -> Response:
    """Answer with the thumbnail, made now if it was not made before. Raises Refusal 404 when there can be none."""
    try:
        row = _object(asset.thumbnail_sha256) or _made_now(asset)
        return serve_object(
            request,
            row,
            content_type=THUMBNAIL_CONTENT_TYPE,
            disposition=f'inline; filename="{asset.id}.jpg"',
            cache_control=_THUMBNAIL_CACHE,
            accept_ranges=False,
        )
    except (AtelierError, OSError, SQLAlchemyError) as exc:
        raise refusal(500, "Failed to serve thumbnail") from exc


def _object(sha256: str | None) -> StoredObject | None:
    with get_database().read() as session:
        return session.get(StoredObject, sha256) if sha256 else None


def _made_now(asset: Asset) -> StoredObject:
    if asset.object_sha256 is None:
        raise refusal(404, _NO_THUMBNAIL)
    try:
        with get_object_store().local_file(asset.object_sha256) as path:
            key = keep_thumbnail(path, asset.type)
    except (InvalidMedia, NotFound) as exc:
        raise refusal(404, _NO_THUMBNAIL) from exc
    if key is None:
        raise refusal(404, _NO_THUMBNAIL)
    with get_database().write() as session:
        return keep_asset_thumbnail(session, asset.id, key)


def _passed_through(asset: Asset, *, only_head: bool) -> Response:
    if asset.source_url is None:
        raise _gone()
    limit, held = get_settings().max_upload_mb * 1024**2, ExitStack()
    try:
        found = held.enter_context(fetch(asset.source_url, limit_bytes=limit, timeout_s=_PASS_THROUGH_TIMEOUT_S))
        begin = b""
        while len(begin) < SNIFF_BYTES and (chunk := next(found.chunks, b"")):
            begin += chunk
    except FetchFailed as exc:
        held.close()
        raise _gone() from exc
    content_type = content_type_of(begin) or _UNKNOWN
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": _disposition(asset, content_type),
        "X-Content-Type-Options": "nosniff",
    }
    if only_head:
        held.close()
        return Response(headers=headers)

    def body() -> Iterator[bytes]:
        with held:
            yield begin
            yield from found.chunks

    return StreamingResponse(body(), headers=headers)


def _disposition(asset: Asset, content_type: str) -> str:
    return f'inline; filename="{asset.id}.{extension_of(content_type) or "bin"}"'


def _gone() -> Refusal:
    return refusal(502, "Asset blob unavailable")
