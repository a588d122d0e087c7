"""The OpenAPI document says truly what has to be shown."""

from typing import Any

import httpx


def test_the_document_says_what_is_asked_for(protected: Any, client: httpx.Client) -> None:
    document = client.get("/api/openapi").json()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["key"]["name"], schemes["bearer"]["scheme"], schemes["session"]["name"]) == (
        "x-api-key", "bearer", "access_token",
    )  # fmt: skip
    assert document["security"] == [{"key": []}, {"bearer": []}, {"session": []}]
    checked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation.get("security") == []:
                continue
            answer = client.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 401, f"{method} {path}"
            assert "401" in operation["responses"]
            checked += 1
    assert checked > 40
    public = {
        path for path, found in document["paths"].items() if any(one.get("security") == [] for one in found.values())
    }
    assert public >= {"/api/auth/login", "/api/auth/logout", "/api", "/health", "/api/v3/assets/{asset_id}/data"}
    assert "/api/v3/videos/{job_id}/combined" not in public


def test_an_open_service_asks_for_nothing(client: httpx.Client) -> None:
    assert client.get("/api/openapi").json()["security"][0] == {}
