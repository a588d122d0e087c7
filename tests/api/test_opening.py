"""What happens before the first request."""

import logging
from typing import Any

import pytest

from api.opening import prepare_authentication
from settings import get_settings
from storage.users import user_with_password

pytestmark = pytest.mark.usefixtures("home", "cheap_passwords")


def prepare(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, **values: str) -> list[str]:
    """Return what was logged, with these settings."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    caplog.clear()
    with caplog.at_level(logging.WARNING, "atelier.api"):
        prepare_authentication(get_settings())
    return [record.getMessage() for record in caplog.records]


def test_an_open_service_warns(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert "authentication is off" in prepare(monkeypatch, caplog)[0]
    assert prepare(monkeypatch, caplog, AUTH_REQUIRED="true") == []
    assert "SECRET_KEY is shorter" in prepare(monkeypatch, caplog, SECRET_KEY="short")[0]


def test_the_first_user_is_created_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    prepare(monkeypatch, caplog, AUTH_BOOTSTRAP_USERNAME="rosa")
    assert user_with_password("rosa", "first") is None
    prepare(monkeypatch, caplog, AUTH_BOOTSTRAP_PASSWORD="first")
    assert user_with_password("rosa", "first") is not None
    said: Any = prepare(monkeypatch, caplog, AUTH_BOOTSTRAP_PASSWORD="second")
    assert user_with_password("rosa", "first") is not None
    assert "second" not in str(said)
