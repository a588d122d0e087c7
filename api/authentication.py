"""Who calls: checked once, before any route of any surface, so that a new route is protected without doing anything.

A key in ``x-api-key``, a key or a session in ``Authorization: Bearer``, or a session in the cookie; any one suffices.
"""

import hmac
import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import is_exempt, is_page, is_public, login_address, unauthorized_body
from api.sessions import COOKIE, user_of_session
from models.users import OPERATOR, Caller
from settings import Settings
from storage.api_keys import KEY_PREFIX, caller_with_key

_BEARER = "bearer "
_UNKNOWN = Caller()


class Authentication:
    """Lets a request pass when it may, with its caller in ``request.state.caller``; answers 401 otherwise.

    A browser that asks for a page is sent to the login form instead.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._static_keys = [key.encode() for key in settings.static_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass or answer it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        caller = await self._caller(scope)
        if caller is None:
            return await _refuse(scope, send)
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        """Return who calls: nobody in particular where no credentials are asked for, None who may not."""
        if not self._settings.authentication_enforced:
            return OPERATOR
        if is_public(scope["method"], scope["path"]) or is_exempt(scope["path"], self._settings):
            return _UNKNOWN
        keys, sessions = _credentials(Headers(scope=scope))
        if self._is_static(keys):
            return OPERATOR
        keys = [key for key in keys if key.startswith(KEY_PREFIX)]
        return await run_in_threadpool(_stored_caller, keys, sessions) if keys or sessions else None

    def _is_static(self, keys: Sequence[str]) -> bool:
        """Compare everything with everything, so that the time says nothing about what is nearly right."""
        sent = [key.encode("latin-1") for key in keys]  # as the bytes came
        return sum(hmac.compare_digest(key, known) for key in sent for known in self._static_keys) > 0


def _credentials(headers: Headers) -> tuple[list[str], list[str]]:
    """Return what may be a key, and what may be a session."""
    keys = [value.strip() for value in headers.getlist("x-api-key")]
    sessions = []
    for value in headers.getlist("authorization"):
        if value[: len(_BEARER)].lower() == _BEARER:
            keys.append(value[len(_BEARER) :].strip())
            sessions.append(keys[-1])
    sessions += [cookie_parser(value).get(COOKIE, "") for value in headers.getlist("cookie")]
    return [key for key in keys if key], [session for session in sessions if session]


def _stored_caller(keys: Sequence[str], sessions: Sequence[str]) -> Caller | None:
    for key in keys:
        caller = caller_with_key(key)
        if caller is not None:
            return caller
    for session in sessions:
        user = user_of_session(session)
        if user is not None:
            return Caller(user_id=user.id, username=user.username)
    return None


def caller_of(request: Request) -> Caller:
    """Return in whose name a request comes."""
    caller: Caller = request.state.caller
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]


async def _refuse(scope: Scope, send: Send) -> None:
    method, path = scope["method"], scope["path"]
    if is_page(method, path, Headers(scope=scope).get("accept", "")):
        address = login_address(path, scope["query_string"].decode("latin-1"))
        headers = [(b"location", address.encode("ascii")), (b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    body = json.dumps(unauthorized_body(path)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b"Bearer"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
