"""What Replicate tells us: checked, noted, and answered at once."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.jobs import Job
from models.predictions import Prediction, PredictionStatus
from settings import get_settings
from storage.database import get_database
from tests.fakes.replicate_webhooks import SECRET, signed_headers

URL = "/api/webhooks/replicate"
EVENT = {"id": "p1", "status": "succeeded", "output": "https://evil.example/film.mp4"}


@pytest.fixture(params=[SECRET])
def secret(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("REPLICATE_API_KEY", "r8_key")
    monkeypatch.setenv("REPLICATE_WEBHOOK_SECRET", request.param)
    get_settings.cache_clear()
    return str(request.param)


@pytest.fixture
def call(secret: str, client: httpx.Client) -> Callable[..., httpx.Response]:
    """Return a function that sends an event as Replicate does."""

    def send(event: Any = EVENT, headers: dict[str, str] | None = None, **signed: Any) -> httpx.Response:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return client.post(URL, content=body, headers=signed_headers(body, SECRET, **signed) | (headers or {}))

    return send


@pytest.fixture
def due(client: httpx.Client) -> Callable[[], bool]:
    """A call goes on at Replicate; return a function that tells whether it is due."""
    with get_database().write() as session:
        job = Job(workflow="image-pairs", name="film")
        session.add(job)
        session.flush()
        row = Prediction(
            job_id=job.id or 0, capability="video", provider="replicate", model="m", input={}, input_hash="0",
            external_id="p1", status=PredictionStatus.RUNNING,
        )  # fmt: skip
        session.add(row)
        id = row.id

    def is_due() -> bool:
        with get_database().read() as session:
            return session.get_one(Prediction, id).due

    return is_due


def test_a_signed_call_makes_its_prediction_due(call: Any, due: Any) -> None:
    for _ in range(2):  # deliveries are repeated
        answer = call(id="msg_1")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert due()


def test_another_prediction_changes_nothing(call: Any, due: Any) -> None:
    assert call({**EVENT, "id": "p2"}).json() == {"status": "ok"}
    assert call({**EVENT, "status": "processing"}).json() == {"status": "ok"}
    assert not due()


WRONG = (
    {"webhook-signature": "v1,AAAA"}, {"webhook-signature": ""}, {"webhook-id": ""}, {"webhook-id": "another"},
    {"webhook-timestamp": ""}, {"webhook-timestamp": "soon"}, {"webhook-timestamp": "1"},
)  # fmt: skip


def test_a_wrong_signature_is_refused(call: Any, due: Any) -> None:
    for headers in WRONG:
        answer = call(headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid webhook signature"}), headers
    assert not due()


def test_a_call_is_good_for_five_minutes(call: Any) -> None:
    for age_s, status in {-310: 401, -290: 200, 290: 200, 310: 401}.items():
        assert call(at_s=time.time() - age_s).status_code == status, age_s


def test_the_signature_is_of_the_bytes_as_sent(call: Any, client: httpx.Client, due: Any) -> None:
    body = b'{ "id":"p1" ,"status":"failed"}'
    tampered = client.post(URL, content=body.replace(b" ", b""), headers=signed_headers(body, SECRET))
    assert tampered.status_code == 401
    assert call(b"not JSON at all", headers={"webhook-signature": "v1,AAAA"}).status_code == 401
    assert call(body).status_code == 200
    assert due()


def test_what_is_no_event_is_refused(call: Any) -> None:
    for body, status in {b"{": 400, b"[]": 400, b"{}": 422, b'{"id": 7}': 422}.items():
        assert call(body).status_code == status, body


@pytest.mark.parametrize("secret", [""], indirect=True)
def test_without_a_secret_it_is_a_hint(client: httpx.Client, secret: str, due: Any) -> None:
    assert client.post(URL, json=EVENT).json() == {"status": "ok"}
    assert due()


def test_without_a_key_it_is_ignored(call: Any, due: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLICATE_API_KEY")
    get_settings.cache_clear()
    assert call().json() == {"status": "ok"}
    assert not due()
