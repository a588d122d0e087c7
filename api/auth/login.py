"""Signing in and out over HTTP."""

import math
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.auth.login_form import LoginForm, read_login
from api.auth.slowing import TooManyFailures, login_gate
from api.errors import Refusal
from api.sessions import new_session, no_session_cookie, session_cookie
from api.v3.answers import B_READS, FamilyB, Responses
from models.users import User

router = APIRouter()

WRONG = "Incorrect username or password"
TOO_OFTEN = "Too many failed logins; wait a moment and try again"


class LoggedIn(BaseModel):
    """A session, which the cookie of the same name holds, too."""

    message: Literal["Login successful"] = "Login successful"
    username: str
    access_token: str
    token_type: Literal["bearer"] = "bearer"


class LoggedOut(BaseModel):
    """The cookie is gone."""

    message: Literal["Logout successful"] = "Logout successful"


class _Fields(BaseModel):
    username: str
    password: str


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": _Fields.model_json_schema()}
            for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
        },
    }
}
_REFUSALS: Responses = {
    401: {"model": FamilyB, "description": "Wrong name or password"},
    429: {"model": FamilyB, "description": "Too many failures; Retry-After says when to come back"},
    **B_READS,
}


@router.post("/login", summary="Sign in", response_model=LoggedIn, responses=_REFUSALS, openapi_extra=_BODY)
async def login(request: Request) -> JSONResponse:
    """Answer with a session, also as a cookie. Failures are slowed down, by name and by address."""
    form = await read_login(request)
    try:
        user = await signed_in(request, form)
    except TooManyFailures as exc:
        return JSONResponse({"error": TOO_OFTEN}, 429, {"Retry-After": str(math.ceil(exc.wait_s))})
    if user is None:
        raise Refusal(401, {"error": WRONG, "detail": WRONG})
    token = new_session(user)
    body = LoggedIn(username=user.username, access_token=token).model_dump()
    return JSONResponse(body, headers={"Set-Cookie": session_cookie(token), "Cache-Control": "no-store"})


@router.post("/logout", summary="Sign out", response_model=LoggedOut)
async def logout() -> JSONResponse:
    """Take the cookie away. Also answers who is not signed in."""
    return JSONResponse(LoggedOut().model_dump(), headers={"Set-Cookie": no_session_cookie()})


async def signed_in(request: Request, form: LoginForm) -> User | None:
    """Return the user whom a login fits, or None. Raises TooManyFailures."""
    address = request.client.host if request.client else ""
    return await login_gate(request.app).sign_in(form.attempts, address)
