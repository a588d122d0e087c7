"""The studio in a real browser, over the real API; only rendering is a quick engine's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from models.jobs import Job
from storage.database import get_database

Film = Callable[..., int]
Create = Callable[..., dict[str, Any]]

# WCAG 2.2 contrast of every visible text against the colour behind it; returns the texts that miss the level AA.
_POOR_CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const skipped = !node.checkVisibility() || node.closest("[disabled], .toast, video");
    if (!walker.currentNode.data.trim() || skipped) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def scenes_of(client: httpx.Client, job_id: int) -> list[dict[str, Any]]:
    scenes: list[dict[str, Any]] = client.get(f"/api/v3/jobs/{job_id}/scenes").json()["scenes"]
    return scenes


def test_an_empty_studio_says_how_to_begin(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="New film")).to_be_visible()
    expect(page.get_by_text("No films yet")).to_be_visible()


def test_other_clients_get_json_at_the_same_address(client: httpx.Client) -> None:
    answer = client.get("/", headers={"accept": "application/json"})
    assert answer.json()["status"] == "running"


def test_photos_become_a_storyboard_in_the_browser(
    page: Page, worker: Any, client: httpx.Client, make_pictures: Callable[..., list[Path]]
) -> None:
    page.goto("/")
    page.locator("input[type=file]").set_input_files(make_pictures(4))
    page.get_by_label("Name").fill("Villa <b>Rosa</b>")
    page.get_by_label("Shape").select_option("4:5")
    page.get_by_role("button", name="Make the storyboard").click()
    page.wait_for_url("**/jobs/*", timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Villa <b>Rosa</b> 1")
    expect(page.locator("[data-scene]")).to_have_count(2)
    job = client.get(f"/api/v3/jobs/{page.url.rsplit('/', 1)[1]}").json()
    assert job["parameters"]["aspect_ratio"] == "4:5"
    broken = page.evaluate("[...document.images].filter((i) => i.complete && !i.naturalWidth).length")
    assert broken == 0


def test_too_few_photos_are_refused_in_words(page: Page, make_pictures: Callable[..., list[Path]]) -> None:
    page.goto("/")
    page.locator("input[type=file]").set_input_files(make_pictures(1))
    page.get_by_role("button", name="Make the storyboard").click()
    expect(page.locator("[data-note]")).to_have_text("A film needs at least two photos.")


def test_a_file_that_is_no_photo_is_refused_in_words(page: Page, tmp_path: Path, worker: Any) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_text("no picture")
    page.goto("/")
    page.locator("input[type=file]").set_input_files(files)
    with page.expect_response("**/api/v3/assets"):
        page.get_by_role("button", name="Make the storyboard").click()
    expect(page.locator("[data-note]")).to_contain_text("Invalid file format")


def test_words_are_saved_as_they_are_written(page: Page, create: Create, client: httpx.Client) -> None:
    job_id = create(4)["job_id"]
    page.goto(f"/jobs/{job_id}")
    prompt = page.get_by_label("Prompt of scene 1")
    prompt.fill("A calm move <script>alert(1)</script>")
    prompt.blur()
    expect(page.locator("[data-saved]").first).to_have_text("Saved")
    assert scenes_of(client, job_id)[0]["prompt"] == "A calm move <script>alert(1)</script>"
    page.reload()
    expect(page.get_by_label("Prompt of scene 1")).to_have_value("A calm move <script>alert(1)</script>")


def test_scenes_are_moved_and_deleted(page: Page, create: Create, client: httpx.Client) -> None:
    job_id = create(6)["job_id"]
    before = [scene["id"] for scene in scenes_of(client, job_id)]
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Move scene 1 down").click()
    expect(page.locator("[data-scene]").first).to_have_attribute("data-scene", before[1])
    assert [scene["id"] for scene in scenes_of(client, job_id)] == [before[1], before[0], before[2]]
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete scene 3").click()
    expect(page.locator("[data-scene]")).to_have_count(2)
    assert [scene["id"] for scene in scenes_of(client, job_id)] == [before[1], before[0]]


def test_approval_leads_to_a_film_that_plays_without_reloading(
    page: Page, prefect_test_server: None, create: Create, worker: Any
) -> None:
    job_id = create(4)["job_id"]
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Approve and render").click()
    film = page.locator(".film video")
    expect(film).to_be_visible(timeout=60_000)
    expect(page.locator("h1 .pill")).to_have_text("completed")
    page.wait_for_function("document.querySelector('.film video').readyState >= 1")
    assert film.evaluate("(video) => video.duration") == pytest.approx(0.8, abs=0.1)
    expect(page.locator("video.clip")).to_have_count(2)
    worker.settle()


def test_a_scene_is_rendered_again(page: Page, film: Film, client: httpx.Client, worker: Any) -> None:
    job_id = film(4)
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Render again").first.click()
    expect(page.get_by_text("revision 2")).to_be_visible(timeout=60_000)
    assert client.get(f"/api/v3/jobs/{job_id}").json()["result"]["revision"] == 2
    worker.settle()


def test_everything_works_by_keyboard(page: Page, create: Create, client: httpx.Client) -> None:
    job_id = create(2)["job_id"]
    page.goto(f"/jobs/{job_id}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.action") == "cancel":
            break
    page.on("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("Enter")
    expect(page.locator("h1 .pill")).to_have_text("cancelled")
    assert client.get(f"/api/v3/jobs/{job_id}").json()["status"] == "cancelled"


def test_the_list_is_live(page: Page, create: Create) -> None:
    job_id = create(2)["job_id"]
    page.goto("/")
    entry = page.locator(f"[data-job='{job_id}']")
    expect(entry).to_contain_text("pending")
    with get_database().write() as session:
        job = session.get_one(Job, job_id)
        job.status, job.error = "failed", "no luck"
        session.add(job)
    expect(entry).to_contain_text("failed", timeout=10_000)


@pytest.mark.parametrize("path", ["/jobs/99", "/jobs/abc", "/jobs/" + "9" * 30, "/jobs/%3Cscript%3E"])
def test_a_job_that_is_not_there(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no job" in answer.text
    assert "<script>" not in answer.text.replace('<script type="module" src="/static/studio.js"></script>', "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_pages_fit_and_can_be_read(
    browser: Browser, create: Create, client: httpx.Client, scheme: Any, width: int
) -> None:
    job_id = create(4)["job_id"]
    context = browser.new_context(
        base_url=str(client.base_url), viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    page = context.new_page()
    for path in ("/", f"/jobs/{job_id}", "/jobs/99"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways"
        assert page.evaluate(_POOR_CONTRAST) == [], path
        nameless = (
            "[...document.querySelectorAll('button, a, input, textarea, select')].filter((e) => !(e.ariaLabel ?? "
        )
        assert (
            page.evaluate(nameless + "e.innerText + (e.labels?.[0]?.innerText ?? '') + (e.title ?? ''))).length") == 0
        )
    context.close()


def test_pages_allow_no_foreign_content(client: httpx.Client) -> None:
    headers = client.get("/", headers={"accept": "text/html"}).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_the_documentation_works_offline(page: Page) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto("/docs")
    expect(page.get_by_text("/api/v3/jobs/{job_id}", exact=True).first).to_be_visible(timeout=20_000)
    assert [url for url in foreign if not url.startswith("data:")] == []
