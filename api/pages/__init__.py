"""The studio: server-rendered pages over the same rows as the API, with one small ES module and no build step."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from api.pages.views import job_page, recent_jobs
from models.errors import NotFound
from settings import get_settings

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent
_templates = Jinja2Templates(_FOLDER / "templates")
_templates.env.trim_blocks = _templates.env.lstrip_blocks = True

_SECURITY_HEADERS = {
    # Everything a page needs comes from here; a prompt or a file name can never become a script.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def mount_static_files(app: Starlette) -> None:
    """Serve the pages' style sheet, module and icon."""
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")


@router.get("/")
def start_page(request: Request) -> Response:
    """Show the recent jobs to a browser; tell everyone else what this is."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"name": "Atelier", "version": version("atelier"), "status": "running"})
    return _page(request, "home.html", {"jobs": recent_jobs()})


@router.get("/jobs/{job_id}")
def show_job(request: Request, job_id: str) -> Response:
    """Show one job: its film, its progress, and the storyboard to read, edit and approve."""
    try:
        return _page(request, "job.html", job_page(job_id))
    except NotFound:
        return _page(request, "missing.html", {"what": f"job {job_id[:20]}"}, status_code=404)


def _page(request: Request, template: str, values: dict[str, Any], status_code: int = 200) -> HTMLResponse:
    shell = {"prefect_ui": _prefect_ui()}
    return _templates.TemplateResponse(
        request, template, {**shell, **values}, status_code=status_code, headers=_SECURITY_HEADERS
    )


def _prefect_ui() -> str:
    settings = get_settings()
    if settings.prefect_api_url:
        return settings.prefect_api_url.removesuffix("/").removesuffix("/api")
    return f"http://127.0.0.1:{settings.prefect_port}"
