"""Signing in and out over HTTP."""

from typing import Any

import httpx
import pytest

from storage.users import create_user

LOGIN = "/api/auth/login"
FORM = {"content-type": "application/x-www-form-urlencoded"}
WRONG = {"error": "Incorrect username or password", "detail": "Incorrect username or password"}


def test_the_answer_and_the_cookie(protected: Any, client: httpx.Client) -> None:
    answer = client.post(LOGIN, json={"username": "rosa", "password": protected.password})
    body = answer.json()
    token = body.pop("access_token")
    assert (answer.status_code, body) == (
        200, {"message": "Login successful", "username": "rosa", "token_type": "bearer"},
    )  # fmt: skip
    assert answer.headers["set-cookie"] == f"access_token={token}; HttpOnly; Max-Age=432000; Path=/; SameSite=Lax"
    assert client.get("/api/videos?limit=1").status_code == 200, "the cookie opens the door"
    out = client.post("/api/auth/logout")
    assert (out.status_code, out.json()) == (200, {"message": "Logout successful"})
    assert client.get("/api/videos?limit=1").status_code == 401


def test_every_way_of_sending_a_login(protected: Any, client: httpx.Client) -> None:
    for number, password in enumerate(("100% sun+sea", "a&b=c", "%41", "pässwörd", "plain", "with space ")):
        create_user(f"bruno%4{number}", password)
        check_every_way(client, {"username": f"bruno%4{number}", "password": password})


def check_every_way(client: httpx.Client, fields: dict[str, str]) -> None:
    raw = "username={username}&password={password}".format(**fields)
    for sent in (
        client.post(LOGIN, json=fields),
        client.post(LOGIN, data=fields),
        client.post(LOGIN, files={name: (None, value) for name, value in fields.items()}),
        client.post(LOGIN, content=raw, headers=FORM),
        client.post(LOGIN, content=raw),
        client.post(LOGIN, json={**fields, "unknown": 1}, headers={"content-type": ""}),
    ):
        assert sent.status_code == 200, sent.request.content
        assert sent.json()["username"] == fields["username"]


def test_wrong_is_wrong_in_the_same_words(protected: Any, client: httpx.Client) -> None:
    for name, password in (("rosa", "wrong"), ("nobody", protected.password), ("rosa\0", protected.password)):
        answer = client.post(LOGIN, json={"username": name, "password": password})
        assert (answer.status_code, answer.json()) == (401, WRONG)
        assert "set-cookie" not in answer.headers


def test_what_is_missing_or_unreadable(protected: Any, client: httpx.Client) -> None:
    blank = {"error": "Validation failed", "details": {"password": ["can't be blank"]}}
    missing = client.post(LOGIN, data={"username": "rosa"})
    assert (missing.status_code, missing.json()) == (422, blank)
    assert client.post(LOGIN, content="username=rosa&password=", headers=FORM).json() == blank
    assert client.post(LOGIN).json()["details"].keys() == {"username", "password"}
    number = client.post(LOGIN, json={"username": 7, "password": ["x"]})
    assert number.json()["details"] == {"username": ["is invalid"], "password": ["is invalid"]}
    malformed = client.post(LOGIN, content='{"username": ', headers={"content-type": "application/json"})
    assert (malformed.status_code, malformed.json()["error"]) == (400, "Malformed JSON")
    listed = client.post(LOGIN, json=["rosa"])
    assert (listed.status_code, listed.json()) == (400, {"error": "Request body must be a JSON object"})
    for body, kind in ((b"--x\r\nnonsense", "multipart/form-data; boundary=x"), (b"x", "multipart/form-data"),
                       (b"&".join([b"a=1"] * 30), FORM["content-type"])):  # fmt: skip
        assert client.post(LOGIN, content=body, headers={"content-type": kind}).status_code in (400, 422)
    file = {"username": (None, "rosa"), "password": ("a.txt", b"secret")}
    assert client.post(LOGIN, files=file).status_code == 400


def test_failures_are_slowed_down_and_then_refused(
    protected: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("api.auth.slowing.sleep", wait)
    answers = [client.post(LOGIN, json={"username": "rosa", "password": "wrong"}) for _ in range(9)]
    assert [answer.status_code for answer in answers[:6]] == [401] * 6
    assert waits[:4] == [0.0] * 4
    assert waits[5] > waits[4] > 0
    refused = answers[-1]
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert list(refused.json()) == ["error"]


def test_the_right_password_makes_up_for_the_wrong_ones(
    protected: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = ({"username": "rosa", "password": password} for password in (protected.password, "wrong"))
    for _ in range(3):
        client.post(LOGIN, json=wrong)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("api.auth.slowing.sleep", wait)
    assert [client.post(LOGIN, json=right).status_code for _ in range(6)] == [200] * 6
    assert waits == [0.0] * 6
