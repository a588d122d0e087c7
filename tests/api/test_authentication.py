"""Every door, with and without credentials, over real HTTP."""

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from models.users import ApiKey, Caller, User
from settings import get_settings
from storage.api_keys import create_key
from storage.database import get_database

JOBS = "/api/v3/jobs"
NO = {"error": "missing or invalid x-api-key header"}


@pytest.fixture
def stored_key(protected: Any) -> str:
    with get_database().write() as session:
        return create_key(session, Caller(user_id=1), "a key", None)[1]


@pytest.fixture
def token(protected: Any, client: httpx.Client) -> str:
    body = {"username": protected.username, "password": protected.password}
    answer = client.post("/api/auth/login", json=body)
    client.cookies.clear()
    return str(answer.json()["access_token"])


def status(client: httpx.Client, path: str = JOBS, **headers: str) -> int:
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}).status_code


def test_without_the_settings_everything_is_open(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert status(client) == status(client, x_api_key="whatever") == 200
    assert client.get("/api/auth/api-keys").status_code == 200


def test_each_credential_opens_a_protected_route(
    protected: Any, client: httpx.Client, stored_key: str, token: str
) -> None:
    for key in (*protected.keys, stored_key):
        assert status(client, x_api_key=key) == status(client, X_API_KEY=key) == 200
        assert status(client, authorization=f"Bearer {key}") == status(client, authorization=f"bearer  {key}") == 200
    assert status(client, authorization=f"Bearer {token}") == 200
    assert status(client, cookie=f"other=1; access_token={token}") == 200
    assert status(client, x_api_key="wrong", cookie=f"access_token={token}") == 200, "any one suffices"
    assert status(client, authorization="Bearer wrong", x_api_key=stored_key) == 200


def test_nothing_else_does(protected: Any, client: httpx.Client, stored_key: str, token: str) -> None:
    first, second = protected.keys
    for key in (
        "",
        "wrong",
        f"{first},{second}",
        first.upper(),
        first[:-1],
        stored_key[:-1],
        "sk_",
        token,
        "schlüssel",
    ):
        assert client.get(JOBS, headers=[(b"x-api-key", key.encode())]).status_code == 401, key
    for value in (
        first,
        f"Basic {first}",
        "Bearer",
        f"Token {token}",
        f"Bearer {token}x",
        f"Bearer .{token}",
    ):
        assert status(client, authorization=value) == 401, value
    for value in ("access_token=", f"access_token={first}", f"access_token={stored_key}", f"token={token}"):
        assert status(client, cookie=value) == 401, value
    assert client.get(JOBS, params={"access_token": token, "x-api-key": first}).status_code == 401
    refused = client.get(JOBS)
    assert (refused.json(), refused.headers["www-authenticate"]) == (NO, "Bearer")
    assert client.head(JOBS).content == b""


def test_protected_routes_say_so_before_anything_else(protected: Any, client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/api/v3/clients"), ("POST", "/api/v3/assets"), ("GET", "/api/v3/videos/1/combined"),
        ("GET", "/api/v3/videos/1/clips/x/thumbnail"), ("GET", "/api/v3/jobs/1/events"),
        ("GET", "/api/v3/audio/1/download"),
        ("GET", "/api/auth/api-keys"), ("POST", "/api/auth/api-keys"), ("DELETE", "/api/auth/api-keys/1"),
        ("GET", "/api/v3/ai-videos"), ("GET", "/api/v3/unknown"),
    ):  # fmt: skip
        answer = client.request(method, path, content=b"{malformed" if method == "POST" else None)
        assert (answer.status_code, answer.json()) == (401, NO), path


def test_addresses_of_no_surface_carry_every_key(protected: Any, client: httpx.Client) -> None:
    for path in ("/api/videos?limit=1", "/api/unknown", "/unknown", "/uploads/a.png", "/docs/oauth"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.json().keys() == {"error", "errors", "detail"}, path


def test_public_routes_open_with_nothing(
    protected: Any, client: httpx.Client, make_campaign: Callable[..., str]
) -> None:
    campaign = make_campaign(pictures=1)
    listed = client.get("/api/v3/assets", params={"campaign_id": campaign}, headers={"x-api-key": protected.keys[0]})
    asset = listed.json()["data"][0]["id"]
    for path in (
        f"/api/v3/assets/{asset}/data", f"/api/v3/assets/{asset}/thumbnail", "/api", "/api/health", "/health",
        "/api/openapi", "/api/openapi.json", "/openapi.json", "/docs", "/swaggerui", "/docs-files/swagger-ui.css",
        "/static/studio.css", "/login",
    ):  # fmt: skip
        assert client.get(path).status_code == 200, path
    assert client.head(f"/api/v3/assets/{asset}/data").status_code == 200
    assert client.delete(f"/api/v3/assets/{asset}").status_code == 401
    assert client.post("/api/auth/logout").status_code == 200
    assert client.get("/api/v3/audio/segments/abc").status_code == 404


def test_preflights_pass_and_refusals_can_be_read(protected: Any, client: httpx.Client) -> None:
    origin = {"origin": "http://localhost:5173"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key,content-type"}
    preflight = client.options(JOBS, headers={**origin, **asked})
    assert preflight.status_code == 200
    assert "x-api-key" in preflight.headers["access-control-allow-headers"]
    refused = client.get(JOBS, headers=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin["origin"])
    foreign = client.post(JOBS, headers={"origin": "http://evil.example", "x-api-key": protected.keys[0]})
    assert foreign.status_code == 403


def test_browsers_are_sent_to_the_login_form(protected: Any, client: httpx.Client) -> None:
    html = {"accept": "text/html,application/xhtml+xml"}
    answer = client.get("/jobs/7?x=1", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/jobs/7%3Fx%3D1")
    assert client.get("/jobs/7").status_code == 401
    root = client.get("/")
    assert (root.status_code, root.json().keys()) == (401, {"detail"})
    assert client.get("/api/v3/videos/1/combined", headers=html).status_code == 401


def test_an_event_stream_opens_with_the_cookie(protected: Any, client: httpx.Client, token: str, create: Any) -> None:
    client.headers["x-api-key"] = protected.keys[0]
    path = f"/api/v3/jobs/{create(2)['job_id']}/events"
    del client.headers["x-api-key"]
    with client.stream("GET", path, headers={"cookie": f"access_token={token}"}) as stream:
        assert (stream.status_code, next(stream.iter_lines())[:4]) == (200, "id: ")
    assert client.get(path).status_code == 401


def test_a_user_who_may_no_longer_is_out(protected: Any, client: httpx.Client, token: str, stored_key: str) -> None:
    cookie = f"access_token={token}"
    assert status(client, cookie=cookie) == status(client, x_api_key=stored_key) == 200
    with get_database().write() as session:
        session.get_one(User, 1).is_active = False
    assert status(client, cookie=cookie) == status(client, x_api_key=stored_key) == 401
    with get_database().write() as session:
        session.get_one(User, 1).is_active = True
        session.get_one(ApiKey, 1).is_active = False
    assert status(client, cookie=cookie) == 200
    assert status(client, x_api_key=stored_key) == 401


def test_surfaces_can_be_opened_again(
    protected: Any, submitter: Any, listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.app import create_app

    monkeypatch.setenv("AUTH_EXEMPT", "layers")
    get_settings.cache_clear()
    with listening(create_app()) as client:
        assert client.get("/api/jobs").status_code != 401
        assert client.get("/api/captures").status_code == client.get(JOBS).status_code == 401


def test_secrets_are_in_no_answer_and_no_log(
    protected: Any, client: httpx.Client, stored_key: str, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = (*protected.keys, stored_key, token, protected.password)
    wrong = {"username": protected.username, "password": "hidden-hunter"}
    answers = [
        client.get(JOBS, headers={"x-api-key": f"{stored_key}x", "cookie": f"access_token={token}x"}),
        client.post("/api/auth/login", json=wrong),
        client.get("/api/auth/api-keys", headers={"x-api-key": protected.keys[0]}),
        client.get("/api/openapi"),
    ]
    said = "".join([*(answer.text for answer in answers), caplog.text])
    assert not any(secret in said for secret in (*secrets, "hidden-hunter"))


def test_an_idempotency_key_gives_no_caller_the_answers_of_another(
    protected: Any, client: httpx.Client, stored_key: str
) -> None:
    def create(key: str) -> str:
        headers = {"x-api-key": key, "idempotency-key": "one"}
        return str(client.post("/api/v3/clients", json={"name": "Rosa Hotels"}, headers=headers).json()["data"]["id"])

    mine = create(stored_key)
    assert create(stored_key) == mine
    assert create(protected.keys[0]) != mine
