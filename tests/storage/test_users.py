"""Users and their passwords."""

from pathlib import Path

import pytest

from models.errors import Conflict, InvalidInput, NotFound
from models.users import User
from storage.database import get_database
from storage.users import active_user, any_users, change_password, create_user, ensure_user, user_with_password

pytestmark = pytest.mark.usefixtures("home", "cheap_passwords")


def deactivate(user: User) -> None:
    with get_database().write() as session:
        session.get_one(User, user.id).is_active = False


def test_a_user_is_found_by_name_and_password_only() -> None:
    assert not any_users()
    user = create_user(" rosa ", "secret")
    assert any_users()
    found = user_with_password("rosa", "secret")
    assert found is not None
    assert (found.id, found.username) == (user.id, "rosa")
    for name, password in (("rosa", "Secret"), ("Rosa", "secret"), ("nobody", "secret"), ("ro\0sa", "secret")):
        assert user_with_password(name, password) is None


def test_the_password_itself_is_nowhere(home: Path) -> None:
    create_user("rosa", "correct horse battery")
    for file in home.glob("scenes.db*"):
        assert b"correct horse" not in file.read_bytes()


def test_an_inactive_user_is_nobody() -> None:
    user = create_user("rosa", "secret")
    assert active_user(user.id or 0) is not None
    deactivate(user)
    assert user_with_password("rosa", "secret") is None
    assert active_user(user.id or 0) is None
    assert not any_users()


def test_a_name_that_nobody_has_costs_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    create_user("rosa", "secret")
    hashed: list[int] = []

    def counting(password: str, stored: str) -> bool:
        hashed.append(len(stored.split("$")))
        return False

    monkeypatch.setattr("storage.users.password_matches", counting)
    user_with_password("rosa", "x")
    user_with_password("nobody", "x")
    assert hashed == [6, 6]


@pytest.mark.parametrize(("name", "password"), [("", "x"), ("  ", "x"), ("a\nb", "x"), ("a" * 256, "x"), ("a", "")])
def test_what_cannot_be_used_is_refused(name: str, password: str) -> None:
    with pytest.raises(InvalidInput):
        create_user(name, password)


def test_a_name_is_taken_once() -> None:
    create_user("rosa", "first")
    with pytest.raises(Conflict, match="rosa"):
        create_user("rosa", "second")
    ensure_user("rosa", "third")
    assert user_with_password("rosa", "first") is not None
    ensure_user("bruno", "third")
    assert user_with_password("bruno", "third") is not None


def test_two_processes_that_create_the_same_user_both_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def was_quicker(username: str, password: str) -> User:
        raise Conflict("another process was quicker")

    monkeypatch.setattr("storage.users.create_user", was_quicker)
    ensure_user("rosa", "second")


def test_a_password_is_changed() -> None:
    create_user("rosa", "old")
    change_password("rosa", "new")
    assert user_with_password("rosa", "old") is None
    assert user_with_password("rosa", "new") is not None
    with pytest.raises(NotFound):
        change_password("nobody", "new")
