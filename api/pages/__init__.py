"""The studio: server-rendered pages over the same rows as the API, with one small ES module and no build step."""

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from api.pages import login
from api.pages.shell import page
from api.pages.views import job_page, recent_jobs
from models.errors import NotFound

router = APIRouter(include_in_schema=False)
router.include_router(login.router)

_FOLDER = Path(__file__).parent


def mount_static_files(app: Starlette) -> None:
    """Serve the pages' style sheet, module and icon."""
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")


@router.get("/")
def startpage(request: Request) -> Response:
    """Show the recent jobs to a browser; tell everyone else what this is."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"name": "Atelier", "version": version("atelier"), "status": "running"})
    return page(request, "home.html", {"jobs": recent_jobs()})


@router.get("/jobs/{job_id}")
def show_job(request: Request, job_id: str) -> Response:
    """Show one job: its film, its progress, and the storyboard to read, edit and approve."""
    try:
        return page(request, "job.html", job_page(job_id))
    except NotFound:
        return page(request, "missing.html", {"what": f"job {job_id[:20]}"}, status_code=404)
