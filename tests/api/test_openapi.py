"""The OpenAPI document: true to the running routes, and no input that it describes breaks the service."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def test_the_document_is_the_same_everywhere(client: httpx.Client) -> None:
    documents = [client.get(path).json() for path in ("/api/openapi", "/api/openapi.json", "/openapi.json")]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["api"] == "Video Generation API"
    assert documents[0]["version"] == "3.0.0"


def test_the_route_list_covers_every_route(client: httpx.Client) -> None:
    document = client.get("/api/openapi").json()
    listed = {route["path"]: route["methods"] for route in document["routes"]}
    assert listed["/api/v3/jobs/{job_id}/approve"] == ["POST"]
    assert listed.keys() == document["paths"].keys()
    assert all(route["description"] for route in document["routes"])


@pytest.mark.parametrize("path", ["/health", "/api/health"])
def test_health(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")


def test_health_says_so_when_the_database_is_gone(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.errors import NotConfigured

    def gone() -> None:
        raise NotConfigured("the database is gone")

    monkeypatch.setattr("api.documents.get_database", gone)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")


@pytest.mark.slow
def test_no_input_breaks_the_service(
    client: httpx.Client,
    worker: Any,
    create: Callable[..., dict[str, Any]],
    tmp_path: Path,
    cheap_passwords: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.auth.slowing.LONGEST_WAIT_S", 0.0)  # hundreds of logins fail, and none of them may wait
    worker.rendering = False  # thousands of approvals, and none of them is about the film
    job_id = create(4)["job_id"]
    job = client.get(f"/api/v3/jobs/{job_id}").json()
    scene = job["storyboard"]["scenes"][0]
    known = {
        "job_id": job_id,
        "scene_id": scene["scene_id"],
        "campaign_id": job["campaign_id"],
        "client_id": job["client_id"],
        "asset_id": scene["asset_ids"][0],
        "filename": f"clip_{scene['scene_id']}.mp4",
    }
    config = tmp_path / "schemathesis.toml"
    lines = [f'"path.{name}" = "{value}"' for name, value in known.items()]
    config.write_text("[parameters]\n" + "\n".join(lines) + "\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", f"{client.base_url}/api/openapi", "--checks", ",".join(CHECKS), "--seed", "1"),
            *("--max-examples", "10", "--generation-database", "none", "--request-timeout", "30", "--no-color"),
            # An event stream never ends, and foreign addresses are not for tests.
            *("--exclude-path-regex", "events|from-url"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
