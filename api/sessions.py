"""Sessions: what a browser holds after a login. A JSON web token (RFC 7519) with HMAC-SHA-256 (HS256, RFC 7515)."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from models.users import User
from settings import get_settings
from storage.signing_key import signing_key
from storage.users import active_user

COOKIE = "access_token"
_MOST_CHARS = 4096


def new_session(user: User) -> str:
    """Return a token for a user who has just shown the password."""
    now = int(time.time())
    lasts_s = get_settings().access_token_expire_minutes * 60
    claims = {"sub": str(user.id), "username": user.username, "iat": now, "exp": now + lasts_s, "pwd": _mark(user)}
    content = f"{_HEADER}.{_encoded(claims)}"
    return f"{content}.{_signature(content)}"


def user_of_session(token: str) -> User | None:
    """Return the user of a token that we signed and that has not run out, if the password is still the same."""
    content, _, signature = token.rpartition(".")
    header, _, payload = content.partition(".")
    if len(token) > _MOST_CHARS or header != _HEADER:  # no other algorithm, whatever the token proposes
        return None
    if not hmac.compare_digest(signature.encode(), _signature(content).encode()):
        return None
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        user = active_user(int(claims["sub"])) if claims["exp"] > time.time() else None
        same_password = user is not None and hmac.compare_digest(claims["pwd"], _mark(user))
    except (KeyError, TypeError, ValueError):  # signed with our key for some other purpose
        return None
    return user if same_password else None


def session_cookie(token: str) -> str:
    """Return the value of the ``Set-Cookie`` header that gives a browser its session."""
    return _cookie(token, get_settings().access_token_expire_minutes * 60)


def no_session_cookie() -> str:
    """Return the value of the ``Set-Cookie`` header that takes it away."""
    return _cookie("", 0)


def _cookie(value: str, lasts_s: int) -> str:
    secure = "; Secure" if get_settings().secure_cookies else ""
    return f"{COOKIE}={value}; HttpOnly; Max-Age={lasts_s}; Path=/; SameSite=Lax{secure}"


def _mark(user: User) -> str:
    """Return what ties a session to the password it was made with."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def _signature(content: str) -> str:
    digest = hmac.new(signing_key(), content.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encoded(document: dict[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


_HEADER = _encoded({"alg": "HS256", "typ": "JWT"})
