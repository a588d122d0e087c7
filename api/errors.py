"""Every error in its surface's own shape.

Three families, told apart by path: A (clients, campaigns), B (everything else under ``/api``) and C (unknown paths,
wrong methods, faults nobody foresaw). Bodies never hold stack traces, file paths or secrets.
"""

import logging
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from models.errors import AtelierError, InvalidInput

Family = Literal["A", "B"]
Details = dict[str, list[str]]

_FAMILY_A_PREFIXES = ("/api/v3/clients", "/api/v3/campaigns")
_CODES = {400: "bad_request", 404: "not_found", 409: "conflict", 413: "too_large", 422: "validation_failed"}
_log = logging.getLogger("atelier.api")


class Refusal(Exception):
    """An answer other than success, its body ready in the surface's shape."""

    def __init__(self, status_code: int, body: dict[str, Any]) -> None:
        super().__init__(status_code, body)
        self.status_code = status_code
        self.body = body


class InvalidFields(InvalidInput):
    """Fields of a request that cannot be used; ``details`` maps each field to its texts."""

    def __init__(self, details: Details) -> None:
        super().__init__("Validation failed")
        self.details = details


def refusal(status_code: int, error: str, **extra: Any) -> Refusal:
    """Return a family B refusal: ``{"error": …}`` and extra keys."""
    return Refusal(status_code, {"error": error, **extra})


def refusal_a(status_code: int, message: str, code: str, **extra: Any) -> Refusal:
    """Return a family A refusal: ``{"error": {"message", "code", …}}``."""
    return Refusal(status_code, {"error": {"message": message, "code": code, **extra}})


def family_of(path: str) -> Family:
    """Return which family a path's errors belong to."""
    return "A" if path.startswith(_FAMILY_A_PREFIXES) else "B"


def install_error_handlers(app: FastAPI) -> None:
    """Make every error that leaves a route take its surface's shape."""

    @app.exception_handler(Refusal)
    async def _refusal(_request: Request, error: Refusal) -> Response:
        return JSONResponse(error.body, error.status_code)

    @app.exception_handler(InvalidFields)
    async def _invalid_fields(request: Request, error: InvalidFields) -> Response:
        return _rendered(family_of(request.url.path), 422, str(error), details=error.details)

    @app.exception_handler(AtelierError)
    async def _deliberate(request: Request, error: AtelierError) -> Response:
        return _rendered(family_of(request.url.path), error.status_code, str(error))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        return _family_c(error.status_code, {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code))

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _family_c(500, "Internal Server Error")


def _rendered(family: Family, status_code: int, message: str, details: Details | None = None) -> Response:
    extra = {} if details is None else {"details": details}
    match family:
        case "A":
            code = _CODES.get(status_code, "error")
            return JSONResponse({"error": {"message": message, "code": code, **extra}}, status_code)
        case "B":
            return JSONResponse({"error": message, **extra}, status_code)


def _family_c(status_code: int, text: str | None) -> Response:
    """Unknown paths belong to no surface, so the body carries the keys that each of them reads."""
    text = text or "Bad Request"
    return JSONResponse({"errors": {"detail": text}, "error": text, "detail": text}, status_code)
