"""Stored API keys."""

import base64
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from models.columns import utc_now
from models.errors import NotFound
from models.users import OPERATOR, ApiKey, Caller, User
from storage.api_keys import caller_with_key, create_key, list_keys, revoke_key
from storage.database import get_database
from storage.users import create_user

pytestmark = pytest.mark.usefixtures("home", "cheap_passwords")


@pytest.fixture
def rosa() -> Caller:
    user = create_user("rosa", "secret")
    return Caller(user_id=user.id, username="rosa")


def new_key(caller: Caller, expires_days: int | None = None) -> tuple[ApiKey, str]:
    with get_database().write() as session:
        return create_key(session, caller, "a key", expires_days)


def stored(key: ApiKey) -> ApiKey:
    with get_database().read() as session:
        return session.get_one(ApiKey, key.id)


def change(row: ApiKey | User, **values: object) -> None:
    with get_database().write() as session:
        session.get_one(type(row), row.id).sqlmodel_update(values)


def test_a_key_is_long_random_and_not_kept(rosa: Caller, home: Path) -> None:
    (_, first), (_, second) = new_key(rosa), new_key(rosa)
    assert first != second
    assert len(base64.urlsafe_b64decode(first.removeprefix("sk_") + "=")) == 32
    for file in home.glob("scenes.db*"):
        assert first.encode() not in file.read_bytes()


def test_a_key_acts_in_its_makers_name(rosa: Caller) -> None:
    _, secret = new_key(rosa)
    assert caller_with_key(secret) == rosa
    for wrong in (secret[:-1], secret + "x", secret.upper(), "sk_"):
        assert caller_with_key(wrong) is None


def test_a_key_of_nobody_is_no_operator() -> None:
    _, secret = new_key(OPERATOR)
    assert caller_with_key(secret) == Caller()


def test_keys_end(rosa: Caller) -> None:
    key, secret = new_key(rosa, expires_days=1)
    assert key.expires_at is not None
    assert key.expires_at - key.inserted_at == timedelta(days=1)
    assert caller_with_key(secret) == rosa
    change(key, expires_at=utc_now() - timedelta(seconds=1))
    assert caller_with_key(secret) is None
    key, secret = new_key(rosa)
    with get_database().write() as session:
        revoke_key(session, rosa, key.id or 0)
    assert caller_with_key(secret) is None
    _, secret = new_key(rosa)
    with get_database().read() as session:
        user = session.exec(select(User)).one()
    change(user, is_active=False)
    assert caller_with_key(secret) is None


def test_use_is_remembered_once_a_minute(rosa: Caller) -> None:
    key, secret = new_key(rosa)
    assert stored(key).last_used_at is None
    caller_with_key(secret)
    first = stored(key).last_used_at
    assert isinstance(first, datetime)
    caller_with_key(secret)
    assert stored(key).last_used_at == first
    change(key, last_used_at=first - timedelta(seconds=61))
    caller_with_key(secret)
    again = stored(key).last_used_at
    assert again is not None
    assert again >= first


def test_everybody_sees_their_own_keys_and_the_operator_all(rosa: Caller) -> None:
    bruno = Caller(user_id=create_user("bruno", "x").id)
    own, other, nobodys = (new_key(caller)[0].id for caller in (rosa, bruno, OPERATOR))

    def seen(caller: Caller) -> list[int | None]:
        with get_database().read() as session:
            return [key.id for key in list_keys(session, caller)]

    assert seen(rosa) == [own]
    assert seen(bruno) == [other]
    assert seen(Caller()) == [nobodys]
    assert seen(OPERATOR) == [nobodys, other, own]
    with pytest.raises(NotFound), get_database().write() as session:
        revoke_key(session, rosa, other or 0)
    with get_database().write() as session:
        revoke_key(session, OPERATOR, other or 0)
    with get_database().read() as session:
        assert [key.is_active for key in list_keys(session, bruno)] == [False]
