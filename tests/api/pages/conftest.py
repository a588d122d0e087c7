"""A real browser."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; tests that need it are skipped where it is not installed.

    Not for the whole session: while Playwright runs, its event loop is the thread's, and no other can be.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, client: Any) -> Iterator[Page]:
    """A page of the running service; whatever its console or scripts complain about fails the test."""
    complaints: list[str] = []
    context = browser.new_context(base_url=str(client.base_url), viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    opened.on("pageerror", lambda error: complaints.append(str(error)))

    def missing(response: Response) -> None:
        if response.status >= 400 and response.request.method == "GET":
            complaints.append(f"{response.status} {response.url}")

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    opened.on("response", missing)
    opened.on("console", said)
    yield opened
    context.close()
    assert complaints == []
