"""How the OpenAPI document says what has to be shown to call a route."""

from typing import Any

from api.access import NO_CREDENTIALS, is_exempt, is_public
from api.sessions import COOKIE
from settings import Settings

_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A static or stored key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token, or a key"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What a browser has after the login"},
}
_UNAUTHORIZED = {
    "description": f"No valid credentials; on the video API: {NO_CREDENTIALS}",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def describe_authentication(document: dict[str, Any], settings: Settings) -> None:
    """Add the schemes to an OpenAPI document, and to every operation whether it asks for one of them."""
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    any_of_them: list[dict[str, list[str]]] = [{name: []} for name in _SCHEMES]
    document["security"] = any_of_them if settings.authentication_enforced else [{}, *any_of_them]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if is_public(method.upper(), path) or is_exempt(path, settings):
                operation["security"] = []
            else:
                operation["responses"].setdefault("401", _UNAUTHORIZED)
