"""What is open to everybody, and in which shape each surface refuses."""

import pytest

from api.access import is_exempt, is_page, is_public, login_address, safe_return, unauthorized_body
from settings import Settings

ASSET = "/api/v3/assets/00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", path) for path in ("/api/auth/login", "/api/auth/logout", "/api/webhooks/replicate", "/login")),
        *(("GET", path) for path in (f"{ASSET}/data", f"{ASSET}/thumbnail", "/api/v3/audio/segments/abc")),
        *(("GET", path) for path in ("/api/openapi", "/api/openapi.json", "/api", "/api/health")),
        *(("GET", path) for path in ("/openapi.json", "/docs", "/swaggerui", "/health", "/login")),
        *(("GET", path) for path in ("/static/studio.css", "/fonts/a.woff2", "/docs-files/swagger-ui.css")),
        ("HEAD", f"{ASSET}/data"),
        ("OPTIONS", "/api/v3/jobs"),
    ],
)
def test_what_is_public(method: str, path: str) -> None:
    assert is_public(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/jobs/1"), ("GET", "/unknown"), ("GET", "/edit/1"), ("GET", "/api/auth/login"),
        ("GET", "/api/auth/api-keys"), ("POST", "/api/auth/api-keys"), ("POST", "/health"), ("DELETE", "/api"),
        ("DELETE", ASSET), ("GET", ASSET), ("POST", f"{ASSET}/data"), ("GET", f"{ASSET}/data/more"),
        ("GET", "/api/v3/assets/data"), ("GET", "/api/v3/assets/a/b/data"), ("GET", "/api/v3/audio/1/download"),
        ("GET", "/api/v3/videos/1/combined"), ("GET", "/api/v3/videos/1/thumbnail"), ("GET", "/api/videos"),
        ("GET", "/staticky"), ("GET", "/api/webhooks/replicate"), ("GET", "/api/v3/jobs/1/events"),
        ("GET", "/uploads/a"),
    ],
)  # fmt: skip
def test_what_is_not(method: str, path: str) -> None:
    assert not is_public(method, path)


@pytest.mark.parametrize(
    ("exempt", "opened"),
    [
        ("", set()),
        ("layers", {"/api/jobs", "/api/jobs/1/layers"}),
        (
            "captures",
            {"/api/captures", "/api/documents/1", "/api/text_regions", "/api/processing_jobs", "/uploads/a.png",
             "/edit/1", "/capture"},
        ),
    ],
)  # fmt: skip
def test_surfaces_are_opened_by_name(exempt: str, opened: set[str]) -> None:
    settings = Settings(_env_file=None, AUTH_EXEMPT=exempt)  # type: ignore[call-arg]
    all_of_them = {
        "/api/jobs", "/api/jobs/1/layers", "/api/captures", "/api/documents/1", "/api/text_regions", "/uploads/a.png",
        "/api/processing_jobs", "/edit/1", "/capture", "/api/v3/jobs", "/", "/jobs/1", "/captures", "/api/jobsuffix",
    }  # fmt: skip
    assert {path for path in all_of_them if is_exempt(path, settings)} == opened


def test_each_surface_refuses_in_its_own_shape() -> None:
    video = {"error": "missing or invalid x-api-key header"}
    for path in ("/api/v3/jobs", "/api/v3/clients", "/api/auth/api-keys", "/api/webhooks/unknown"):
        assert unauthorized_body(path) == video
    for path in ("/api/captures", "/api/documents/1", "/api/text_regions/1", "/api/processing_jobs", "/api/fonts"):
        body = unauthorized_body(path)
        assert body.keys() == {"error", "detail"}
        assert (body["error"], type(body["detail"])) == ("unauthorized", str)
    for path in ("/api/jobs", "/api/jobs/1", "/"):
        assert unauthorized_body(path).keys() == {"detail"}
    for path in ("/unknown", "/api/unknown", "/api/videos", "/uploads/a"):
        body = unauthorized_body(path)
        assert body["error"] == video["error"]
        assert (body["errors"], type(body["detail"])) == ({"detail": "Unauthorized"}, str)


def test_only_pages_lead_to_the_login_form() -> None:
    assert is_page("GET", "/jobs/1", "text/html,*/*")
    assert not is_page("GET", "/jobs/1", "application/json")
    assert not is_page("POST", "/jobs/1", "text/html")
    assert not is_page("GET", "/api/v3/videos/1/combined", "text/html,*/*")
    assert login_address("/jobs/1 ü", "a=1&b=2") == "/login?next=/jobs/1%20%C3%BC%3Fa%3D1%26b%3D2"


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/jobs/1?scene=2&x=%20", "/edit/a-b"])
def test_the_way_back_leads_to_our_pages(path: str) -> None:
    assert safe_return(path) == path


@pytest.mark.parametrize(
    "path",
    [None, "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "jobs/1", "/a\r\nb",
     "/a\tb", "/\t/evil.example", "/login", "/login?next=/login", "/logout", "/ü"],
)  # fmt: skip
def test_the_way_back_leads_nowhere_else(path: str | None) -> None:
    assert safe_return(path) == "/"
