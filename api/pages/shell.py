"""What every page has: its templates, its headers, and the frame around it."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from api.authentication import caller_of
from settings import get_settings

_templates = Jinja2Templates(Path(__file__).parent / "templates")
_templates.env.trim_blocks = _templates.env.lstrip_blocks = True

SECURITY_HEADERS = {
    # Everything a page needs comes from here; a prompt or a file name can never become a script.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def page(request: Request, template: str, values: dict[str, Any], status_code: int = 200) -> HTMLResponse:
    """Return a page made of a template."""
    shell = {"prefect_ui": _prefect_ui(), "username": caller_of(request).username}
    return _templates.TemplateResponse(
        request, template, {**shell, **values}, status_code=status_code, headers=SECURITY_HEADERS
    )


def _prefect_ui() -> str:
    settings = get_settings()
    if settings.prefect_api_url:
        return settings.prefect_api_url.removesuffix("/").removesuffix("/api")
    return f"http://127.0.0.1:{settings.prefect_port}"
