"""The login form in a real browser, and without one."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect


def test_a_browser_signs_in_comes_back_and_signs_out(
    protected: Any, page: Page, make_campaign: Callable[..., str]
) -> None:
    page.goto("/?from=bookmark")
    expect(page).to_have_url(page.url.partition("/login")[0] + "/login?next=/%3Ffrom%3Dbookmark")
    page.get_by_label("Name").fill(protected.username)
    page.get_by_label("Password").fill(protected.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="New film")).to_be_visible()
    assert page.url.endswith("/?from=bookmark")
    cookie = page.context.cookies()[0]
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("access_token", True, "Lax")
    assert page.evaluate("fetch('/api/v3/clients').then((answer) => answer.status)") == 200
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_ends_leads_to_the_form(protected: Any, page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Name").fill(protected.username)
    page.get_by_label("Password").fill(protected.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="New film")).to_be_visible()
    page.context.clear_cookies()
    page.wait_for_url("**/login?next=*")  # the start page looks for news every two seconds


def test_a_wrong_password_is_told(protected: Any, client: httpx.Client) -> None:
    form = {"username": "rosa", "password": "wrong", "next": '/jobs/1"><b>'}
    answer = client.post("/login", data=form)
    assert answer.status_code == 401
    assert "Incorrect username or password" in answer.text
    assert "<b>" not in answer.text
    assert "wrong" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    missing = client.post("/login", data={"username": "rosa"})
    assert (missing.status_code, "Incorrect" in missing.text) == (422, True)


def test_the_way_back(protected: Any, client: httpx.Client) -> None:
    form = {"username": "rosa", "password": protected.password}
    for wanted, reached in (
        ("/jobs/7?x=1", "/jobs/7?x=1"), ("", "/"), ("//evil.example", "/"), ("https://evil.example", "/"),
        ("/\\evil", "/"),
    ):  # fmt: skip
        answer = client.post("/login", data={**form, "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, reached)
        assert "HttpOnly" in answer.headers["set-cookie"]
        shown = client.get("/login", params={"next": wanted}).text
        assert f'name="next" value="{reached}"' in shown


def test_too_many_failures_are_told(protected: Any, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.slowing.LONGEST_WAIT_S", -1.0)
    answer = client.post("/login", data={"username": "rosa", "password": protected.password})
    assert (answer.status_code, "Too many failed logins" in answer.text) == (429, True)


def test_where_nobody_can_sign_in_it_says_how(home: Any, client_without_users: httpx.Client) -> None:
    assert "atelier create-user" in client_without_users.get("/login").text


def test_an_open_service_asks_nobody(client: httpx.Client) -> None:
    answer = client.get("/login?next=/jobs/3")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/3")
    assert "Sign out" not in client.get("/", headers={"accept": "text/html"}).text


@pytest.fixture
def client_without_users(home: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> httpx.Client:
    from settings import get_settings

    monkeypatch.setenv("AUTH_REQUIRED", "true")
    get_settings.cache_clear()
    client: httpx.Client = request.getfixturevalue("client")
    return client
