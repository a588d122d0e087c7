"""Serving stored bytes: streamed, in ranges, and not again to who has them already (RFC 9110).

Nothing is held in memory: a range reads only what it needs from the object store, chunk by chunk.
"""

import re
from typing import Any

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from models.objects import StoredObject
from storage.stores import get_object_store

_ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,30})\s*-\s*([0-9]{0,30})", re.IGNORECASE)


def serve_object(
    request: Request,
    row: StoredObject,
    *,
    content_type: str,
    disposition: str,
    cache_control: str | None,
    accept_ranges: bool = True,
) -> Response:
    """Answer a GET or HEAD with an object's bytes: 200, 206, 304 or 416.

    ``disposition`` is the whole value of ``Content-Disposition``. The ETag is the quoted MD5 of all the bytes. Ranges
    count for GET only; with ``accept_ranges=False`` they are ignored. Raises NotFound when the store has lost the
    bytes. Blocking: call it from a plain ``def`` route.
    """
    etag = f'"{row.md5}"'
    headers = {"ETag": etag, "X-Content-Type-Options": "nosniff"}
    if cache_control is not None:
        headers["Cache-Control"] = cache_control
    if _has_it(request.headers.get("if-none-match"), row.md5):
        return Response(status_code=304, headers=headers)
    size, start, end, status = row.size_bytes, 0, row.size_bytes, 200
    if accept_ranges:
        headers["Accept-Ranges"] = "bytes"
        wanted = _wanted_range(request, etag, size)
        if wanted is not None and wanted[0] >= wanted[1]:
            headers["Content-Range"] = f"bytes */{size}"
            return PlainTextResponse("Range Not Satisfiable", 416, headers)
        if wanted is not None:
            status, (start, end) = 206, wanted
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers |= {"Content-Disposition": disposition, "Content-Length": str(end - start), "Content-Type": content_type}
    chunks = get_object_store().read(row.sha256, start, end)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(chunks, status, headers)


def byte_responses(*media_types: str, ranges: bool = True) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of what ``serve_object`` answers, for a route's ``responses``."""
    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}
    described: dict[int | str, dict[str, Any]] = {
        200: {"description": "The bytes", "content": content},
        304: {"description": "The caller has these bytes already"},
    }
    if ranges:
        text = {"text/plain": {"schema": {"type": "string"}}}
        described[206] = {"description": "The range that was asked for", "content": content}
        described[416] = {"description": "The range begins after the last byte", "content": text}
    return described


def _has_it(if_none_match: str | None, md5: str) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 asks, and forgive tags without quotes."""
    tags = (if_none_match or "").split(",")
    return any(tag.strip() == "*" or tag.strip().removeprefix("W/").strip('"') == md5 for tag in tags)


def _wanted_range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """Return the wanted bytes as (first, one past the last); None = all; an empty range cannot be satisfied."""
    header, condition = request.headers.get("range"), request.headers.get("if-range")
    if header is None or request.method != "GET" or (condition is not None and condition.strip() != etag):
        return None
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
