"""The login form, which works without a script, and the way out."""

import math

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.access import LOGIN_PAGE, LOGOUT_PAGE, safe_return
from api.auth.login import TOO_OFTEN, WRONG, signed_in
from api.auth.login_form import read_login
from api.auth.slowing import TooManyFailures
from api.errors import InvalidFields
from api.pages.shell import page
from api.sessions import new_session, no_session_cookie, session_cookie
from settings import get_settings
from storage.users import any_users

router = APIRouter(include_in_schema=False)


@router.get(LOGIN_PAGE)
def login_form(request: Request, next: str | None = None) -> Response:
    """Ask for name and password; where authentication is off, go on at once."""
    if not get_settings().authentication_enforced:
        return RedirectResponse(safe_return(next), 303)
    return _form(request, next)


@router.post(LOGIN_PAGE)
async def sign_in(request: Request) -> Response:
    """Go back to the page that was wanted, with a session; or ask again and say what was wrong."""
    try:
        form = await read_login(request)
    except InvalidFields:
        return await run_in_threadpool(_form, request, request.query_params.get("next"), WRONG, 422)
    try:
        user = await signed_in(request, form)
    except TooManyFailures as exc:
        answer = await run_in_threadpool(_form, request, form.return_to, TOO_OFTEN, 429)
        answer.headers["Retry-After"] = str(math.ceil(exc.wait_s))
        return answer
    if user is None:
        return await run_in_threadpool(_form, request, form.return_to, WRONG, 401)
    cookie = session_cookie(new_session(user))
    return RedirectResponse(safe_return(form.return_to), 303, headers={"Set-Cookie": cookie})


@router.post(LOGOUT_PAGE)
def sign_out() -> Response:
    """End the browser's session."""
    return RedirectResponse(LOGIN_PAGE, 303, headers={"Set-Cookie": no_session_cookie()})


def _form(request: Request, next: str | None, error: str = "", status_code: int = 200) -> Response:
    values = {"next": safe_return(next), "error": error, "nobody": not any_users()}
    return page(request, "login.html", values, status_code)
