"""`atelier create-user`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from models.errors import Conflict, InvalidInput
from storage.users import user_with_password

pytestmark = pytest.mark.usefixtures("home", "cheap_passwords")


def test_the_password_comes_from_standard_input(home: Path) -> None:
    done = CliRunner().invoke(app, ["create-user", "rosa"], input="100% sun+sea \n")
    assert (done.exit_code, done.output) == (0, "rosa can sign in\n")
    assert user_with_password("rosa", "100% sun+sea ") is not None


def test_a_password_is_changed() -> None:
    CliRunner().invoke(app, ["create-user", "rosa"], input="old\n")
    again = CliRunner().invoke(app, ["create-user", "rosa"], input="new\n")
    assert isinstance(again.exception, Conflict)
    assert user_with_password("rosa", "new") is None
    done = CliRunner().invoke(app, ["create-user", "--change-password", "rosa"], input="new\n")
    assert (done.exit_code, done.output) == (0, "rosa has a new password\n")
    assert user_with_password("rosa", "new") is not None


def test_no_password_is_refused() -> None:
    assert isinstance(CliRunner().invoke(app, ["create-user", "rosa"], input="").exception, InvalidInput)


def test_at_a_terminal_it_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def prompt(text: str, **options: object) -> str:
        asked.append(options)
        return "typed"

    monkeypatch.setattr("cli.users._at_a_terminal", lambda: True)
    monkeypatch.setattr("cli.users.typer.prompt", prompt)
    assert CliRunner().invoke(app, ["create-user", "rosa"]).exit_code == 0
    assert asked == [{"hide_input": True, "confirmation_prompt": True}]
    assert user_with_password("rosa", "typed") is not None
