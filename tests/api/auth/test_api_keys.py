"""Keys over HTTP: made once, shown once, one's own only."""

import re
from typing import Any

import httpx
import pytest

from models.users import Caller
from storage.api_keys import create_key
from storage.database import get_database
from storage.users import create_user

KEYS = "/api/auth/api-keys"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
NOT_FOUND = {"error": "API key not found", "detail": "API key not found"}


@pytest.fixture
def operator(protected: Any) -> dict[str, str]:
    return {"x-api-key": protected.keys[1]}


def with_key_of(user_id: int) -> dict[str, str]:
    with get_database().write() as session:
        return {"x-api-key": create_key(session, Caller(user_id=user_id), "first", None)[1]}


def test_a_key_is_made_used_and_revoked(operator: dict[str, str], client: httpx.Client) -> None:
    made = client.post(KEYS, json={"name": " robot ", "expiresDays": "30"}, headers=operator)
    assert made.status_code == 201
    key = made.json()
    assert set(key) == {"id", "api_key", "name", "created_at", "expires_at"}
    assert (key["name"], key["api_key"][:3]) == ("robot", "sk_")
    assert STAMP.fullmatch(key["created_at"])
    assert STAMP.fullmatch(key["expires_at"])
    mine = {"x-api-key": key["api_key"]}
    assert client.get("/api/v3/jobs", headers=mine).status_code == 200
    (listed,) = client.get(KEYS, headers=operator).json()
    assert STAMP.fullmatch(listed.pop("last_used"))
    assert listed == {name: key[name] for name in ("id", "name", "created_at", "expires_at")} | {"is_active": True}
    gone = client.delete(f"{KEYS}/{key['id']}", headers=operator)
    assert (gone.status_code, gone.json()) == (200, {"message": "API key revoked successfully"})
    assert client.get("/api/v3/jobs", headers=mine).status_code == 401
    assert client.get(KEYS, headers=operator).json()[0]["is_active"] is False


def test_users_see_and_revoke_their_own(operator: dict[str, str], client: httpx.Client) -> None:
    bruno_id = create_user("bruno", "x").id or 0
    rosa, bruno = with_key_of(1), with_key_of(bruno_id)
    made = client.post(KEYS, json={"name": "second"}, headers=rosa).json()
    assert made["expires_at"] is None
    assert [key["name"] for key in client.get(KEYS, headers=rosa).json()] == ["second", "first"]
    assert [key["name"] for key in client.get(KEYS, headers=bruno).json()] == ["first"]
    assert len(client.get(KEYS, headers=operator).json()) == 3
    refused = client.delete(f"{KEYS}/{made['id']}", headers=bruno)
    assert (refused.status_code, refused.json()) == (404, NOT_FOUND)
    assert client.delete(f"{KEYS}/{made['id']}", headers=rosa).status_code == 200


def test_an_open_service_shows_all(client: httpx.Client) -> None:
    made = client.post(KEYS, json={"name": "robot"}).json()
    assert [key["id"] for key in client.get(KEYS).json()] == [made["id"]]
    for unknown in ("999", "x", "0", "-1", "9" * 40):
        answer = client.delete(f"{KEYS}/{unknown}")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert client.delete(f"{KEYS}/{made['id']}").status_code == 200


def test_what_cannot_be_used(client: httpx.Client) -> None:
    refused: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"name": ["can't be blank"]}),
        ({"name": "  "}, {"name": ["can't be blank"]}),
        ({"name": "x" * 256}, {"name": ["should be at most 255 character(s)"]}),
        ({"name": "x", "expires_days": 0}, {"expires_days": ["must be greater than 0"]}),
        ({"name": "x", "expires_days": "soon"}, {"expires_days": ["is invalid"]}),
        ({"name": "x", "expires_days": 1e12}, {"expires_days": ["must be less than or equal to 36500"]}),
    ]
    for body, details in refused:
        answer = client.post(KEYS, json=body)
        assert (answer.status_code, answer.json()) == (422, {"error": "Validation failed", "details": details})


def test_a_key_is_not_remembered_for_repeated_requests(client: httpx.Client) -> None:
    made = [client.post(KEYS, json={"name": "x"}, headers={"idempotency-key": "k"}).json() for _ in range(2)]
    assert made[0]["api_key"] != made[1]["api_key"]
