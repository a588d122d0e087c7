import re
from typing import Any

import httpx
import pytest

from models.campaigns import Campaign
from models.jobs import Job, JobStatus
from models.predictions import Prediction
from storage.database import get_database

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOT_FOUND = {"error": {"message": "Client not found", "code": "not_found"}}
PATHS = "", "/campaigns", "/stats"


def new(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/v3/clients", json={"name": "Rossi", **fields})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def invalid(**details: list[str]) -> dict[str, Any]:
    return {"error": {"message": "Validation failed", "code": "validation_failed", "details": details}}


def test_life_of_a_client(client: httpx.Client) -> None:
    made = new(client, name="  Rossi ", homepage="https://rossi.example", brandGuidelines='{"tone": "warm"}')
    stamp = made["inserted_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stamp)
    assert made == {
        "id": made["id"], "name": "Rossi", "description": None, "homepage": "https://rossi.example", "metadata": {},
        "brand_guidelines": {"tone": "warm"}, "brandGuidelines": {"tone": "warm"},
        "inserted_at": stamp, "createdAt": stamp, "updated_at": stamp, "updatedAt": stamp,
    }  # fmt: skip
    path = f"/api/v3/clients/{made['id']}"
    assert client.get(path).json() == {"data": made}
    changed = client.patch(path, json={"description": "best"}).json()["data"]
    assert (changed["name"], changed["description"], changed["homepage"]) == ("Rossi", "best", made["homepage"])
    changed = client.put(path, json={"homepage": None}).json()["data"]
    assert (changed["name"], changed["description"], changed["homepage"]) == ("Rossi", "best", None)
    assert client.put(path).json()["data"]["description"] == "best"
    gone = client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.delete(path).json() == NOT_FOUND


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain words", "plain words"), ('{"a": 1}', {"a": 1}), ("{}", {}), ({"colors": ["red"]}, {"colors": ["red"]}),
        ("[1]", "[1]"), ('{"a": NaN}', '{"a": NaN}'), ('{"a": 1e999}', '{"a": 1e999}'), (None, None), ("", ""),
    ],
)  # fmt: skip
def test_brand_guidelines(client: httpx.Client, sent: Any, shown: Any) -> None:
    made = new(client, brand_guidelines=sent)
    assert made["brand_guidelines"] == made["brandGuidelines"] == shown
    assert client.get(f"/api/v3/clients/{made['id']}").json() == {"data": made}


def test_snake_case_wins_and_unknown_fields_are_ignored(client: httpx.Client) -> None:
    made = new(client, brandGuidelines="camel", brand_guidelines="snake", id="mine", metadata='{"a": [1]}')
    assert (made["brand_guidelines"], made["metadata"]) == ("snake", {"a": [1]})
    assert made["id"] != "mine"


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, {"name": ["can't be blank"]}), ({"name": "  "}, {"name": ["can't be blank"]}),
        ({"name": None}, {"name": ["can't be blank"]}), ({"name": ["x"]}, {"name": ["is invalid"]}),
        ({"name": "a\0b"}, {"name": ["is invalid"]}),
        ({"name": "x" * 256}, {"name": ["should be at most 255 character(s)"]}),
        ({"name": "x", "metadata": "[]"}, {"metadata": ["is invalid"]}),
        ({"name": "x", "metadata": 7}, {"metadata": ["is invalid"]}),
        ({"name": "x", "brandGuidelines": []}, {"brand_guidelines": ["is invalid"]}),
        ({"description": {}, "homepage": 1},
         {"name": ["can't be blank"], "description": ["is invalid"], "homepage": ["is invalid"]}),
    ],
)  # fmt: skip
def test_what_cannot_be_used(client: httpx.Client, body: dict[str, Any], details: dict[str, list[str]]) -> None:
    answer = client.post("/api/v3/clients", json=body)
    assert (answer.status_code, answer.json()) == (422, invalid(**details))


def test_a_sent_blank_name_is_refused_and_changes_nothing(client: httpx.Client) -> None:
    made = new(client)
    for blank in ("", " ", None):
        answer = client.patch(f"/api/v3/clients/{made['id']}", json={"name": blank, "description": "new"})
        assert (answer.status_code, answer.json()) == (422, invalid(name=["can't be blank"]))
    assert client.get(f"/api/v3/clients/{made['id']}").json()["data"] == made


@pytest.mark.parametrize("path_id", [UNKNOWN, "1", "%00", "x" * 500, UNKNOWN.replace("8", "A"), "é"])
def test_ids_that_name_nobody(client: httpx.Client, path_id: str) -> None:
    paths = [client.get(f"/api/v3/clients/{path_id}{path}") for path in PATHS]
    paths += [client.request(method, f"/api/v3/clients/{path_id}", json={"name": 7}) for method in ("PUT", "PATCH")]
    for answer in [*paths, client.delete(f"/api/v3/clients/{path_id}")]:
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"{", {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}),
        (b'{"name": "\xff"}', {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}),
        (b'{"name": "x", "metadata": {"a": 1e999}}', {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}),
        (b'{"name": "\\ud800"}', {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}),
        (b"[]", {"error": "Request body must be a JSON object"}),
    ],
)
def test_bodies_that_are_no_object(client: httpx.Client, raw: bytes, body: dict[str, Any]) -> None:
    answer = client.post("/api/v3/clients", content=raw)
    assert (answer.status_code, answer.json()) == (400, body)


def test_body_needs_no_content_type(client: httpx.Client) -> None:
    assert client.post("/api/v3/clients", content=b'{"name": "bare"}').status_code == 201


def test_lists_are_newest_first_and_paged_when_asked(client: httpx.Client) -> None:
    made = [new(client, name=f"c{number}")["id"] for number in range(4)][::-1]

    def ids(query: str) -> list[str]:
        answer = client.get(f"/api/v3/clients?{query}").json()
        assert answer["meta"] == {"total": 4}
        return [row["id"] for row in answer["data"]]

    assert ids("") == ids("limit=5000") == ids("limit=many&offset=") == ids("offset=-3") == made
    assert ids("limit=2") == made[:2]
    assert ids("limit=2&offset=1") == made[1:3]
    assert ids("limit=0") == ids("limit=-9") == made[:1]
    assert ids("offset=3") == made[3:]
    assert ids(f"offset={10**30}") == []


def test_campaigns_of_a_client(client: httpx.Client) -> None:
    mine, other = new(client), new(client)
    for owner, name in ((mine, "first"), (other, "foreign"), (mine, "second")):
        body = {"name": name, "clientId": owner["id"], "brief": '{"goal": "sell"}'}
        assert client.post("/api/v3/campaigns", json=body).status_code == 201
    answer = client.get(f"/api/v3/clients/{mine['id']}/campaigns").json()
    assert answer["meta"] == {"client_id": mine["id"], "total": 2}
    assert [row["name"] for row in answer["data"]] == ["second", "first"]
    assert set(answer["data"][0]) == {"id", "name", "brief", "client_id", "inserted_at", "updated_at"}
    assert answer["data"][0]["brief"] == {"goal": "sell"}


def test_stats_count_films_and_all_their_costs(client: httpx.Client) -> None:
    made = new(client)
    path = f"/api/v3/clients/{made['id']}/stats"
    assert client.get(path).json() == {"data": {"campaignCount": 0, "videoCount": 0, "totalSpend": 0.0}}
    with get_database().write() as session:
        campaign = Campaign(client_id=made["id"], name="c")
        session.add(campaign)
        session.flush()
        film = Job(workflow="image-pairs", name="f", campaign_id=campaign.id)
        session.add(film)
        session.flush()
        music = Job(workflow="music", name="m", campaign_id=campaign.id, parent_id=film.id)
        session.add(music)
        session.flush()
        for job in (film, film, music):
            session.add(
                Prediction(job_id=job.id, capability="video", provider="p", model="m", input_hash="", cost_usd=0.205)
            )
    assert client.get(path).json() == {"data": {"campaignCount": 1, "videoCount": 1, "totalSpend": 0.61}}
    stats = client.get(f"/api/v3/campaigns/{campaign.id}/stats").json()
    assert stats == {"data": {"videoCount": 1, "totalSpend": 0.61, "avgCost": 0.61}}


def test_deleting_takes_campaigns_and_assets_and_cancels_what_waits(client: httpx.Client) -> None:
    made = new(client)
    with get_database().write() as session:
        campaign = Campaign(client_id=made["id"], name="c")
        session.add(campaign)
        session.flush()
        jobs = [
            Job(workflow="image-pairs", name=status, status=status, client_id=made["id"], campaign_id=campaign.id)
            for status in JobStatus
        ]
        session.add_all(jobs)
    assert client.delete(f"/api/v3/clients/{made['id']}").status_code == 204
    assert client.get(f"/api/v3/campaigns/{campaign.id}").status_code == 404
    with get_database().read() as session:
        after = {job.name: session.get_one(Job, job.id).status for job in jobs}
    expected = {"queued": "cancelled", "planned": "cancelled"}
    assert after == {status: expected.get(status, status) for status in JobStatus}


def test_idempotency_key(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "one"}
    first, again = (client.post("/api/v3/clients", json={"name": "x"}, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = client.post("/api/v3/clients", json={"name": "y"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert client.get("/api/v3/clients").json()["meta"]["total"] == 1
