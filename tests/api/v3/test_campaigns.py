from typing import Any

import httpx
import pytest

from models.assets import Asset
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene
from storage.database import get_database
from storage.events import events_after

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOT_FOUND = {"error": {"message": "Campaign not found", "code": "not_found"}}


@pytest.fixture
def owner(client: httpx.Client) -> str:
    return str(client.post("/api/v3/clients", json={"name": "Rossi"}).json()["data"]["id"])


def new(client: httpx.Client, owner: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/v3/campaigns", json={"name": "Villa Rosa", "client_id": owner, **fields})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_life_of_a_campaign(client: httpx.Client, owner: str) -> None:
    made = new(client, owner, productUrl="https://villa.example", goal="sell")
    assert made == {
        "id": made["id"], "clientId": owner, "name": "Villa Rosa", "goal": "sell", "status": "draft", "brief": None,
        "productUrl": "https://villa.example", "metadata": {}, "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }  # fmt: skip
    path = f"/api/v3/campaigns/{made['id']}"
    assert client.get(path).json() == {"data": made}
    changed = client.put(path, json={"status": "active", "brief": "in short"}).json()["data"]
    assert changed | {"updatedAt": made["updatedAt"]} == made | {"status": "active", "brief": "in short"}
    assert client.patch(path, json={"brief": {"a": 1}, "status": None}).json()["data"]["brief"] == {"a": 1}
    assert client.get(path).json()["data"]["status"] == "draft"
    assert client.delete(path).status_code == 204
    assert client.get(path).json() == NOT_FOUND


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, {"name": ["can't be blank"], "client_id": ["can't be blank"]}),
        ({"name": "x", "client_id": ""}, {"client_id": ["can't be blank"]}),
        ({"name": "x", "client_id": None}, {"client_id": ["can't be blank"]}),
        ({"name": "x", "clientId": "7"}, {"client_id": ["is invalid"]}),
        ({"name": "x", "clientId": 7}, {"client_id": ["is invalid"]}),
        ({"name": "x", "clientId": UNKNOWN}, {"client_id": ["does not exist"]}),
        ({"name": "x", "clientId": UNKNOWN, "productUrl": []}, {"product_url": ["is invalid"]}),
        ({"name": "x", "clientId": UNKNOWN, "status": "s" * 256}, {"status": ["should be at most 255 character(s)"]}),
        ({"name": "x", "clientId": UNKNOWN, "brief": 3}, {"brief": ["is invalid"]}),
    ],
)
def test_what_cannot_be_used(client: httpx.Client, body: dict[str, Any], details: dict[str, list[str]]) -> None:
    answer = client.post("/api/v3/campaigns", json=body)
    expected = {"error": {"message": "Validation failed", "code": "validation_failed", "details": details}}
    assert (answer.status_code, answer.json()) == (422, expected)


def test_changes_are_checked_like_new_ones(client: httpx.Client, owner: str) -> None:
    path = f"/api/v3/campaigns/{new(client, owner)['id']}"
    for body, field in (({"clientId": UNKNOWN}, "client_id"), ({"name": ""}, "name"), ({"metadata": 1}, "metadata")):
        answer = client.patch(path, json=body)
        assert answer.status_code == 422
        assert list(answer.json()["error"]["details"]) == [field]


@pytest.mark.parametrize("path_id", [UNKNOWN, "1", "null", "%2e%2e"])
def test_ids_that_name_nothing(client: httpx.Client, path_id: str) -> None:
    path = f"/api/v3/campaigns/{path_id}"
    answers = [client.get(path + more) for more in ("", "/assets", "/stats")]
    answers += [client.put(path, json={"name": ""}), client.patch(path), client.delete(path)]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_list_of_one_client(client: httpx.Client, owner: str) -> None:
    other = client.post("/api/v3/clients", json={"name": "Bianchi"}).json()["data"]["id"]
    made = [new(client, who, name=name)["id"] for who, name in ((owner, "a"), (other, "b"), (owner, "c"))]

    def ids(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/api/v3/campaigns?{query}").json()["data"]]

    assert ids("") == ids("client_id=") == made[::-1]
    assert ids(f"client_id={owner}") == ids(f"clientId={owner}") == [made[2], made[0]]
    assert ids(f"client_id={owner}&limit=1&offset=1") == [made[0]]
    assert ids("client_id=nobody") == ids(f"client_id={UNKNOWN}") == []
    assert client.get(f"/api/v3/campaigns?client_id={owner}&limit=1").json()["meta"] == {"total": 2}


def test_assets_in_short_form_oldest_first(client: httpx.Client, owner: str) -> None:
    made = new(client, owner)
    with get_database().write() as session:
        for number in range(3):
            session.add(
                Asset(
                    type="image", campaign_id=made["id"], source_url=f"http://a.example/{number}", extra={"n": number}
                )
            )
    answer = client.get(f"/api/v3/campaigns/{made['id']}/assets").json()
    assert answer["meta"] == {"campaign_id": made["id"], "total": 3}
    assert [row["metadata"] for row in answer["data"]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert set(answer["data"][0]) == {
        "id", "type", "campaign_id", "source_url", "metadata", "has_blob_data", "inserted_at", "updated_at",
    }  # fmt: skip
    assert answer["data"][0]["has_blob_data"] is False


def test_deleting_keeps_films_and_cancels_what_waits(client: httpx.Client, owner: str) -> None:
    made = new(client, owner)
    with get_database().write() as session:
        photo = Asset(type="image", campaign_id=made["id"], source_url="http://a.example/1")
        session.add(photo)
        jobs = {status: Job(workflow="image-pairs", name="f", status=status, campaign_id=made["id"])
                for status in (JobStatus.PLANNED, JobStatus.RUNNING, JobStatus.COMPLETED)}  # fmt: skip
        session.add_all(jobs.values())
        session.flush()
        scene = Scene(
            job_id=jobs[JobStatus.COMPLETED].id, scene_index=0, title="t", description="d", prompt="p", duration_s=1,
            transition="fade", first_asset_id=photo.id,
        )  # fmt: skip
        session.add(scene)
    assert client.delete(f"/api/v3/campaigns/{made['id']}").status_code == 204
    with get_database().read() as session:
        after = {before: session.get_one(Job, job.id) for before, job in jobs.items()}
        assert session.get(Asset, photo.id) is None
        assert session.get_one(Scene, scene.id).first_asset_id is None
        events = events_after(session, job_topic(jobs[JobStatus.PLANNED].id or 0))
    assert {str(before): str(job.status) for before, job in after.items()} == {
        "planned": "cancelled", "running": "running", "completed": "completed",
    }  # fmt: skip
    assert after[JobStatus.PLANNED].finished_at is not None
    assert after[JobStatus.PLANNED].progress["stage"] == "cancelled"
    assert [event.type for event in events] == ["job", "done"]


def test_assets_follow_a_campaign_to_another_client(client: httpx.Client, owner: str) -> None:
    made = new(client, owner)
    heir = client.post("/api/v3/clients", json={"name": "Bianchi"}).json()["data"]["id"]
    with get_database().write() as session:
        session.add(Asset(type="image", campaign_id=made["id"], client_id=owner, source_url="http://a.example/1"))
    assert client.patch(f"/api/v3/campaigns/{made['id']}", json={"client_id": heir}).status_code == 200
    client.delete(f"/api/v3/clients/{owner}")
    assert client.get(f"/api/v3/campaigns/{made['id']}/assets").json()["meta"]["total"] == 1
