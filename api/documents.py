"""What describes the API: the OpenAPI document with its route list, interactive documentation, health."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from api.security_schemes import describe_authentication
from models.errors import AtelierError
from settings import get_settings
from storage.database import get_database

router = APIRouter(tags=["about"])

API_NAME, API_VERSION = "Video Generation API", "3.0.0"
_VENDORED = Path(fastapi_offline.__file__).parent / "static"  # Swagger UI, so that the documentation works offline


def mount_documentation_files(app: Starlette) -> None:
    """Serve the files that the interactive documentation is made of."""
    app.mount("/docs-files", StaticFiles(directory=_VENDORED), name="docs-files")


@router.get("/api/openapi", summary="The OpenAPI document, with the list of routes")
@router.get("/api/openapi.json", summary="The OpenAPI document")
@router.get("/openapi.json", include_in_schema=False)
def openapi_document(request: Request) -> JSONResponse:
    """Return the OpenAPI 3 document, generated from the running routes."""
    return JSONResponse(describe(request.app))


@router.get("/docs", include_in_schema=False)
@router.get("/swaggerui", include_in_schema=False)
def interactive_documentation() -> HTMLResponse:
    """Show the interactive documentation."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=API_NAME,
        swagger_js_url="/docs-files/swagger-ui-bundle.js",
        swagger_css_url="/docs-files/swagger-ui.css",
        swagger_favicon_url="/static/icon.svg",
    )


@router.get("/api", summary="Name and version of the API")
def about() -> dict[str, str]:
    """Say what this is and where it is described."""
    return {"name": API_NAME, "version": API_VERSION, "openapi": "/api/openapi", "docs": "/docs"}


@router.get("/health", summary="Whether the service works", responses={503: {"description": "The database is down"}})
@router.get(
    "/api/health", summary="Whether the service works", responses={503: {"description": "The database is down"}}
)
def health(request: Request) -> JSONResponse:
    """Answer 200 while the database answers; ``prefect`` says whether jobs can start now or will wait."""
    submitter = getattr(request.app.state, "submitter", None)
    prefect = "unknown" if submitter is None else "reachable" if submitter.reachable else "unreachable"
    try:
        with get_database().read() as session:
            session.execute(text("SELECT 1"))
    except (SQLAlchemyError, AtelierError):
        return JSONResponse({"status": "unhealthy", "prefect": prefect}, 503)
    return JSONResponse({"status": "healthy", "prefect": prefect})


def describe(app: Any) -> dict[str, Any]:
    """Return the OpenAPI document with the top-level keys that existing clients read; made once per application."""
    if app.openapi_schema is None:
        document = get_openapi(title=API_NAME, version=API_VERSION, routes=app.routes)
        document |= {"api": API_NAME, "version": API_VERSION, "routes": _route_list(document)}
        describe_authentication(document, get_settings())
        app.openapi_schema = document
    schema: dict[str, Any] = app.openapi_schema
    return schema


def _route_list(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "path": path,
            "methods": sorted(method.upper() for method in operations),
            "description": next(iter(operations.values())).get("summary", ""),
        }
        for path, operations in document["paths"].items()
    ]
