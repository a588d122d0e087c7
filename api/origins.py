"""Who may call from a browser, and under which name.

The ``Host`` header is checked, so that a rebound DNS name cannot reach a loopback server; state-changing requests from
origins that are not listed are refused, so that a foreign page cannot act in the user's name. Requests without
``Origin`` (curl, servers, existing extensions) are accepted.
"""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from settings import Settings

EXTENSION_SCHEMES = ("chrome-extension", "moz-extension")
_DEVELOPMENT_ORIGINS = ("http://localhost:3000", "http://localhost:3001", "http://localhost:5173")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class Origins:
    """Which origins and host names are ours, by the settings."""

    def __init__(self, settings: Settings) -> None:
        listed = _words(settings.cors_origins)
        self.any = "*" in listed
        addresses = (settings.base_url, settings.replicate_webhook_url or "")
        own_names = {*_LOOPBACK_NAMES, settings.host, *(urlsplit(address).hostname or "" for address in addresses)}
        self._hosts = {name.lower() for name in (*own_names, *_words(settings.allowed_hosts)) if name}
        own = {f"http://{name}:{port}" for name in self._hosts for port in settings.ports}
        self._origins = {origin.lower() for origin in (*_DEVELOPMENT_ORIGINS, *own, settings.base_url, *listed)}

    @property
    def listed(self) -> list[str]:
        """The origins that are allowed by name."""
        return sorted(self._origins)

    def allows(self, origin: str) -> bool:
        """Return whether a page of this origin may call."""
        return self.any or origin.lower() in self._origins or urlsplit(origin).scheme in EXTENSION_SCHEMES

    def knows_host(self, host: str) -> bool:
        """Return whether a ``Host`` header (with or without a port) names this server."""
        name = host.lower()
        name = name[: name.find("]") + 1] if name.startswith("[") else name.rsplit(":", 1)[0]
        return name in self._hosts


class OriginGuard:
    """Refuses requests under a foreign name (400) and changes from a foreign page (403)."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass or answer it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin, host = headers.get("origin"), headers.get("host", "")
            if not self._origins.knows_host(host):
                return await _refuse(send, 400, "Unknown host name; add it to ALLOWED_HOSTS")
            own = origin is not None and urlsplit(origin).netloc.lower() == host.lower()
            if (
                origin is not None
                and scope["method"] not in _SAFE_METHODS
                and not (own or self._origins.allows(origin))
            ):
                return await _refuse(send, 403, "Requests from this origin are not allowed; add it to CORS_ORIGINS")
        await self._app(scope, receive, send)


async def _refuse(send: Send, status_code: int, text: str) -> None:
    body = json.dumps({"error": text, "errors": {"detail": text}, "detail": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _words(text: str) -> Iterable[str]:
    return [word.strip().rstrip("/") for word in text.split(",") if word.strip()]
