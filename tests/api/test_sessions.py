"""Sessions: tokens and cookies."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from api.sessions import new_session, no_session_cookie, session_cookie, user_of_session
from models.users import User
from settings import get_settings
from storage.signing_key import signing_key
from storage.users import change_password, create_user


@pytest.fixture
def rosa(home: Any, cheap_passwords: None) -> User:
    return create_user("rosa", "secret")


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: bytes, algorithm: Any = hashlib.sha256) -> str:
    content = f"{part(header)}.{part(claims)}"
    signature = hmac.new(key, content.encode(), algorithm).digest()
    return f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_a_token_names_its_user_and_its_end(rosa: User) -> None:
    token = new_session(rosa)
    found = user_of_session(token)
    assert found is not None
    assert found.id == rosa.id
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == 7200 * 60
    assert (claims["sub"], claims["username"]) == (str(rosa.id), "rosa")
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) == {"alg": "HS256", "typ": "JWT"}


def test_what_was_tampered_with_is_nobodys(rosa: User) -> None:
    token = new_session(rosa)
    header, payload, signature = token.split(".")
    other = part({**claims_of(token), "exp": 9_999_999_999})
    for wrong in (
        "", ".", "..", "a.b.c", f"{header}.{payload}", f"{header}.{payload}.", f"{header}.{other}.{signature}",
        f"{header}.{payload}.{signature[:-2]}", f"{header}.{payload}.{signature}.", f"{header}.{payload}.ü", "x" * 9000,
        f"{part({'alg': 'none'})}.{payload}.", signed({"alg": "HS256", "typ": "JWT"}, claims_of(token), b"other key"),
        signed({"alg": "HS512", "typ": "JWT"}, claims_of(token), signing_key(), hashlib.sha512),
        signed({"alg": "none", "typ": "JWT"}, claims_of(token), signing_key()),
    ):  # fmt: skip
        assert user_of_session(wrong) is None, wrong


def test_a_token_ends(rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_session(rosa)
    end = claims_of(token)["exp"]
    monkeypatch.setattr("api.sessions.time.time", lambda: end - 1)
    assert user_of_session(token) is not None
    monkeypatch.setattr("api.sessions.time.time", lambda: end)
    assert user_of_session(token) is None


def test_another_password_ends_it(rosa: User) -> None:
    token = new_session(rosa)
    change_password("rosa", "another")
    assert user_of_session(token) is None


def test_a_token_for_another_purpose_is_no_session(rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from api import sessions

    for claims in (
        {},
        {"sub": "rosa", "exp": 9e9},
        {"sub": "1"},
        [],
        {"sub": "1", "exp": "x"},
        {"sub": "1", "exp": 9e9},
    ):
        content = f"{sessions._HEADER}.{part(claims)}"
        assert user_of_session(f"{content}.{sessions._signature(content)}") is None


def test_the_cookies_flags(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_TOKEN_EXPIRE_MINUTES", "5")
    get_settings.cache_clear()
    assert session_cookie("abc") == "access_token=abc; HttpOnly; Max-Age=300; Path=/; SameSite=Lax"
    assert no_session_cookie() == "access_token=; HttpOnly; Max-Age=0; Path=/; SameSite=Lax"
    monkeypatch.setenv("ENVIRONMENT", "production")
    get_settings.cache_clear()
    assert session_cookie("abc").endswith("; SameSite=Lax; Secure")
