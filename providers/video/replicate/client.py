"""Replicate's API through its SDK: no retries of the SDK's own, every wait bounded, faults in two kinds.

``Passing`` is trouble that waiting may mend; what to do about it is decided in ``patience``. Everything else is a
``VendorFailed`` with the vendor's own words.
"""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from replicate.client import Client
from replicate.exceptions import ReplicateError
from replicate.prediction import Prediction

from models.columns import utc_now
from models.errors import NotConfigured, VendorFailed
from settings import Settings

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LONGEST_RETRY_AFTER_S = 300.0
_MOST_PAGES = 20
_ERROR_CHARS = 300
_KNOWN_STATUSES = frozenset(("starting", "processing", "succeeded", "failed", "canceled"))
_READ_KEYS = ("id", "model", "version", "status", "input", "output", "error", "created_at")
_T = TypeVar("_T")


Trouble = Literal["throttled", "unreachable", "broken", "lost"]


class Passing(Exception):
    """Trouble that may pass, of one of four kinds; ``retry_after_s`` is the wait that the vendor asks for."""

    def __init__(self, what: str, kind: Trouble, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.kind, self.retry_after_s = kind, retry_after_s

    @property
    def may_be_done(self) -> bool:
        """Whether the vendor may have carried out the request all the same."""
        return self.kind in ("broken", "lost")


class Replicate:
    """What is asked of the vendor. Use it in a ``with`` block; every method raises Passing and VendorFailed."""

    def __init__(self, settings: Settings) -> None:
        if settings.replicate_api_key is None:
            raise NotConfigured("replicate: no key; set REPLICATE_API_KEY, or choose the model local")
        self._http = httpx.Client(
            base_url=settings.replicate_base_url,
            headers={"Authorization": f"Bearer {settings.replicate_api_key.get_secret_value()}"},
            timeout=_TIMEOUT,
            transport=_Transport(),
        )
        self._sdk = _Sdk(self._http)
        self._webhook: dict[str, Any] = {}
        if settings.replicate_webhook_url:
            self._webhook = {"webhook": settings.replicate_webhook_url, "webhook_events_filter": ["completed"]}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._http.close()

    def create(self, request: dict[str, Any]) -> Prediction:
        """Order a prediction: ``version`` and ``input`` of the request."""

        def order() -> Prediction:
            return self._sdk.predictions.create(version=request["version"], input=request["input"], **self._webhook)

        return _asked(order)

    def find(self, prediction_id: str) -> Prediction | None:
        """Return how a prediction stands, None when the vendor does not know it."""
        return _asked_for(lambda: self._sdk.predictions.get(prediction_id))

    def cancel(self, prediction_id: str) -> Prediction | None:
        """Cancel a prediction and return how it stands then, None when the vendor does not know it."""
        return _asked_for(lambda: self._sdk.predictions.cancel(prediction_id))

    def recent(self, since: datetime) -> Iterator[Prediction]:
        """Yield the predictions of this key that were created after ``since``, newest first."""
        page = _asked(self._sdk.predictions.list)
        for _ in range(_MOST_PAGES):
            for prediction in page.results:
                if prediction.created_at and _moment(prediction.created_at) < since:
                    return
                yield prediction
            cursor = page.next
            if cursor is None:
                return
            page = _asked(lambda cursor=cursor: self._sdk.predictions.list(cursor))  # type: ignore[misc]

    def upload(self, name: str, data: bytes, content_type: str) -> str:
        """Give the vendor a file, and return the address under which its models find it."""
        file = io.BytesIO(data)
        return str(_asked(lambda: self._sdk.files.create(file, filename=name, content_type=content_type)).urls["get"])


class _Sdk(Client):
    """The SDK on our own HTTP client: its own one tries again by itself, and reads the environment."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    @property
    def _client(self) -> httpx.Client:
        return self._http


class _Transport(httpx.HTTPTransport):
    """Tells passing trouble from answers, and answers in words that the SDK knows."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = _TIMEOUT.as_dict()  # the SDK waits for ever for some answers
        try:
            answer = super().handle_request(request)
            answer.read()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise Passing("replicate cannot be reached", "unreachable") from exc
        except httpx.TransportError as exc:
            raise Passing("replicate did not answer", "lost") from exc
        if answer.status_code == 429:
            raise Passing("replicate is throttling", "throttled", _retry_after_s(answer))
        if answer.is_server_error:
            raise Passing(f"replicate answers with {answer.status_code}", "broken")
        return answer if answer.is_error else _in_known_words(answer)


def _in_known_words(answer: httpx.Response) -> httpx.Response:
    """The SDK refuses predictions with status words, types or keys that are new to it; ours are read all the same."""
    try:
        document = answer.json()
    except ValueError as exc:
        raise Passing("replicate's answer is not JSON", "lost") from exc
    if "results" in document:
        document["results"] = [_known(entry) for entry in document["results"]]
    elif "status" in document:
        document = _known(document)
    return httpx.Response(answer.status_code, json=document)


def _known(prediction: dict[str, Any]) -> dict[str, Any]:
    known = {key: prediction.get(key) for key in _READ_KEYS}
    if known["status"] not in _KNOWN_STATUSES:
        known["status"] = "canceled" if known["status"] == "aborted" else "processing"
    if known["error"] is not None and not isinstance(known["error"], str):
        known["error"] = json.dumps(known["error"])
    return {**known, "model": known["model"] or "", "version": known["version"] or ""}


def _asked(ask: Callable[[], _T]) -> _T:
    try:
        return ask()
    except ReplicateError as error:
        raise VendorFailed(_words(error)) from error


def _asked_for(ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except ReplicateError as error:
        if error.status == 404:
            return None
        raise VendorFailed(_words(error)) from error


def _words(error: ReplicateError) -> str:
    said = error.detail or error.title or "no reason was given"
    return f"replicate refused ({error.status}): {shortened(said)}"


def shortened(text: str) -> str:
    """Return a vendor's words as they may be stored: on one line, and not too many."""
    line = " ".join(text.split())
    return line if len(line) <= _ERROR_CHARS else f"{line[:_ERROR_CHARS]}…"


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Return how long the vendor asks to wait (RFC 9110 §10.2.3: seconds, or a date)."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said), _LONGEST_RETRY_AFTER_S)
    try:
        wait_s = (parsedate_to_datetime(said) - utc_now()).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, wait_s), _LONGEST_RETRY_AFTER_S)


def _moment(text: str) -> datetime:
    """Return a moment as the vendor writes it; one that cannot be read is now, so that nothing is overlooked."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return utc_now()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
