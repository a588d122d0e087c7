"""Which addresses ask for no credentials, and how each surface refuses who has none.

The words are those of the contracts; whatever is not listed here is protected, unknown addresses too.
"""

import re
from typing import Any
from urllib.parse import quote

from settings import Settings

NO_CREDENTIALS = "missing or invalid x-api-key header"
LOGIN_PAGE, LOGOUT_PAGE = "/login", "/logout"
LOGIN, LOGOUT = "/api/auth/login", "/api/auth/logout"
_SENTENCE = "Sign in, or send a valid key in the x-api-key header."

_READ = frozenset(("GET", "HEAD"))
_PUBLIC_READS = frozenset(
    (
        "/api", "/api/health", "/api/openapi", "/api/openapi.json", "/openapi.json", "/docs", "/swaggerui", "/health",
        LOGIN_PAGE,
    )
)  # fmt: skip
_PUBLIC_POSTS = frozenset((LOGIN, LOGOUT, LOGIN_PAGE, LOGOUT_PAGE, "/api/webhooks/replicate"))
_PUBLIC_FOLDERS = ("/static", "/fonts", "/docs-files")
_PUBLIC_BYTES = re.compile(r"/api/v3/(assets/[^/]+/(data|thumbnail)|audio/segments/[^/]+)")
_CAPTURES = (
    "/api/captures", "/api/documents", "/api/text_regions", "/api/processing_jobs", "/uploads", "/edit", "/capture",
)  # fmt: skip
_LAYERS = ("/api/jobs",)
_EXEMPTIBLE = {"captures": _CAPTURES, "layers": _LAYERS}
_VIDEO = ("/api/v3", "/api/auth", "/api/webhooks")
_TEXT = ("/api/captures", "/api/documents", "/api/text_regions", "/api/processing_jobs", "/api/fonts")


def is_public(method: str, path: str) -> bool:
    """Return whether anybody may ask for this without credentials, whatever the settings."""
    if method in _READ and (path in _PUBLIC_READS or _within(path, _PUBLIC_FOLDERS)):
        return True
    if method in _READ and _PUBLIC_BYTES.fullmatch(path):
        return True
    return method == "OPTIONS" or (method == "POST" and path in _PUBLIC_POSTS)


def is_exempt(path: str, settings: Settings) -> bool:
    """Return whether AUTH_EXEMPT opens the surface that the path belongs to."""
    return any(_within(path, _EXEMPTIBLE[surface]) for surface in settings.exempt_surfaces)


def unauthorized_body(path: str) -> dict[str, Any]:
    """Return the body of a 401 in the shape of the surface that the path belongs to."""
    if _within(path, _VIDEO):
        return {"error": NO_CREDENTIALS}
    if _within(path, _TEXT):
        return {"error": "unauthorized", "detail": _SENTENCE}
    if path == "/" or _within(path, _LAYERS):
        return {"detail": _SENTENCE}
    return {"error": NO_CREDENTIALS, "errors": {"detail": "Unauthorized"}, "detail": _SENTENCE}


def is_page(method: str, path: str, accept: str) -> bool:
    """Return whether somebody looks at a page with a browser, who can be sent to the login form."""
    return method in _READ and not _within(path, ("/api",)) and "text/html" in accept


def login_address(path: str, query: str = "") -> str:
    """Return the address of the login form that leads back to a page afterwards."""
    return f"{LOGIN_PAGE}?next={quote(f'{path}?{query}' if query else path, safe='/')}"


def safe_return(wanted: str | None) -> str:
    """Return where to go after the login: a page of ours, never another site that a crafted link names."""
    unsafe = wanted is None or not re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", wanted)
    return "/" if unsafe or wanted is None or wanted.partition("?")[0] in (LOGIN_PAGE, LOGOUT_PAGE) else wanted


def _within(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
