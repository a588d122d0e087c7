"""Reading a login the ways existing clients send it: form, multipart or JSON, percent-encoded or not."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser

from api.bodies import object_of, raw_body
from api.errors import Details, InvalidFields, refusal

_MOST_FIELDS = 20
_UNENCODED = re.compile(r"username=(.*?)&password=(.*)", re.DOTALL)


class Credentials(NamedTuple):
    """A user's name and password, as sent."""

    username: str
    password: str


@dataclass(frozen=True)
class LoginForm:
    """A login: what to try, in this order, and the page to go to afterwards if the form names one."""

    attempts: list[Credentials]
    return_to: str | None = None


async def read_login(request: Request) -> LoginForm:
    """Return the login that a request brings.

    A form is tried as decoded, and then as it stands: there are clients that do not percent-encode. Raises
    InvalidFields when the name or the password is missing, Refusal 400 for a body that cannot be read, 413 for more
    than 10 MB.
    """
    raw = await raw_body(request)
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("multipart/form-data"):
        return _login(await _multipart(request, raw))
    if "json" in content_type or raw.lstrip().startswith(b"{"):
        return _login(object_of(raw))
    text = raw.decode("utf-8", "replace")
    form = _login(_urlencoded(text))
    found = _UNENCODED.fullmatch(text)
    unencoded = Credentials(*found.groups()) if found else None
    if unencoded is not None and unencoded not in form.attempts:
        form.attempts.append(unencoded)
    return form


async def _multipart(request: Request, raw: bytes) -> dict[str, Any]:
    async def body() -> AsyncGenerator[bytes, None]:
        yield raw

    try:
        form = await MultiPartParser(request.headers, body(), max_files=0, max_fields=_MOST_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError) as exc:
        raise refusal(400, "The form cannot be read") from exc
    return dict(form)


def _urlencoded(text: str) -> dict[str, Any]:
    try:
        return {name: values[0] for name, values in parse_qs(text, True, max_num_fields=_MOST_FIELDS).items()}
    except ValueError as exc:
        raise refusal(400, "The form cannot be read") from exc


def _login(fields: dict[str, Any]) -> LoginForm:
    details: Details = {}
    for name in Credentials._fields:
        value = fields.get(name)
        if value is None or value == "":
            details[name] = ["can't be blank"]
        elif not isinstance(value, str):
            details[name] = ["is invalid"]
    if details:
        raise InvalidFields(details)
    return_to = fields.get("next")
    credentials = Credentials(fields["username"], fields["password"])
    return LoginForm([credentials], return_to if isinstance(return_to, str) else None)
