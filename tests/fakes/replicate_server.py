"""Replicate on a loopback socket: predictions, files, webhooks, faults on demand, and a count of what was billed.

In a test: ``with FakeReplicate() as vendor: …``. As a process, to be killed around:
``python -m tests.fakes.replicate_server --port 9000 --make-ms 500``; ``GET /_counts`` then tells what was created and
billed, and ``POST /_faults`` takes ``[{"on": "create", "kind": "status", "status": 429, "times": 2}, …]``.
"""

import argparse
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

from tests.fakes.replicate_films import film, invalid_fields
from tests.fakes.replicate_orders import Fault, Kind, Made, Where
from tests.fakes.replicate_webhooks import send_webhook

KEY = "r8_fake"


class FakeReplicate:
    """The server. Its settings may be changed while it runs."""

    def __init__(
        self, port: int = 0, *, latency_s: float = 0.0, make_s: float = 0.0, secret: str | None = None
    ) -> None:
        self.latency_s, self.make_s, self.secret = latency_s, make_s, secret
        self.page_size, self.webhook_copies = 100, 1
        self.made: dict[str, Made] = {}
        self.files: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.most_live = 0
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until the process ends."""
        self._server.serve_forever()

    def fail(self, on: Where, kind: Kind, **more: Any) -> None:
        """Let something go wrong from now on."""
        self.faults.append(Fault(on, kind, **more))

    def next_fault(self, on: Where) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.on == on and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def create(self, body: dict[str, Any], model: str) -> tuple[int, dict[str, Any]]:
        wrong = invalid_fields(model, body.get("input") or {}, self._has_file)
        if wrong:
            return 422, {"title": "Input validation failed", "detail": "; ".join(wrong), "status": 422}
        made = Made(uuid4().hex[:26], model, body["input"], body.get("webhook"), fault=self.next_fault("work"))
        with self.lock:
            self.made[made.id] = made
            self.counts["created"] += 1
            self.most_live = max(self.most_live, self.live())
        if made.webhook:
            threading.Timer(self.make_s + 0.02, self.call_back, (made.id,)).start()
        return 201, {**self.document(made), "status": "starting", "output": None}

    def call_back(self, id: str, **more: Any) -> list[int]:
        """Send the webhook of a prediction, as often as is set; return the statuses of the answers."""
        made = self.made[id]
        assert made.webhook is not None
        document = self.document(made)
        return [send_webhook(made.webhook, document, self.secret, **more) for _ in range(self.webhook_copies)]

    def live(self) -> int:
        return sum(self.status(made) in ("starting", "processing") for made in self.made.values())

    def status(self, made: Made) -> str:
        if made.cancelled:
            return "canceled"
        fault = made.fault
        if fault and fault.kind == "never":
            return "processing"
        if time.monotonic() - made.created < self.make_s:
            return fault.word if fault and fault.kind == "word" else "processing"
        if fault and fault.kind == "failed":
            return fault.word
        with self.lock:
            if not made.billed:
                made.billed = True
                self.counts["billed"] += 1
                self.counts["billed_seconds"] += made.input["duration"]
        return "succeeded"

    def document(self, made: Made) -> dict[str, Any]:
        """Return the prediction as the vendor shows it."""
        status, output = self.status(made), None
        if status == "succeeded":
            output = made.fault.output if made.fault and made.fault.kind == "output" else self.film_url(made)
        return {
            "id": made.id,
            "model": made.model,
            "version": "hidden",
            "status": status,
            "input": made.input,
            "output": output,
            "error": made.fault.text if made.fault and status == made.fault.word else None,
            "logs": "",
            "metrics": {},
            "source": "api",
            "data_removed": False,
            "created_at": made.created_at,
            "urls": {"get": f"{self.url}/v1/predictions/{made.id}"},
        }  # fmt: skip

    def film_url(self, made: Made) -> str:
        """Return where the prediction's film is."""
        return f"{self.url}/out/{made.id}.mp4"

    def page(self, cursor: int) -> dict[str, Any]:
        listed = [made for made in reversed(list(self.made.values())) if not made.forgotten]
        end = cursor + self.page_size
        following = f"{self.url}/v1/predictions?cursor={end}" if end < len(listed) else None
        return {"previous": None, "next": following, "results": [self.document(made) for made in listed[cursor:end]]}

    def cancel(self, made: Made) -> dict[str, Any]:
        if self.status(made) in ("starting", "processing"):
            made.cancelled = True
            self.counts["cancelled"] += 1
        return self.document(made)

    def upload(self, data: bytes) -> dict[str, Any]:
        id = uuid4().hex
        with self.lock:
            self.files[id] = data
            self.counts["uploads"] += 1
        now = datetime.now(UTC).isoformat()
        return {
            "id": id, "name": "file", "content_type": "image/jpeg", "size": len(data), "etag": id, "checksums": {},
            "metadata": {}, "created_at": now, "expires_at": now, "urls": {"get": f"{self.url}/v1/files/{id}"},
        }  # fmt: skip

    def _has_file(self, url: str) -> bool:
        """Return whether a frame can be fetched: those of other hosts are taken on trust."""
        head = f"{self.url}/v1/files/"
        return url.startswith("http") and (not url.startswith(head) or url.removeprefix(head) in self.files)


def _handler(vendor: FakeReplicate) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.vendor = vendor
    return Handler


class _HangUp(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    vendor: FakeReplicate
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, act: Any) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.vendor.latency_s)
        self.path, _, self.query = self.path.partition("?")
        try:
            if self.path.startswith("/v1/") and self.headers.get("Authorization") != f"Bearer {KEY}":
                return self._answer(401, {"title": "Unauthenticated", "detail": "You did not pass a valid token"})
            act()
        except _HangUp:
            self.close_connection = True

    def _get(self) -> None:
        match self.path.strip("/").split("/"):
            case ["_counts"]:
                self._answer(200, {**self.vendor.counts, "most_live": self.vendor.most_live})
            case ["out", name]:
                self._film(name.removesuffix(".mp4"))
            case ["v1", "predictions"]:
                self._faulty("list", lambda: (200, self.vendor.page(int(self.query.removeprefix("cursor=") or 0))))
            case ["v1", "predictions", id]:
                self._faulty("read", lambda: self._about(id, self.vendor.document))
            case _:
                self._answer(404, {"detail": "Not found."})

    def _post(self) -> None:
        match self.path.strip("/").split("/"):
            case ["_faults"]:
                self.vendor.faults = [Fault(**entry) for entry in json.loads(self.body)]
                self._answer(200, {})
            case ["v1", "predictions"]:
                document = json.loads(self.body)
                self._faulty("create", lambda: self.vendor.create(document, document["version"]))
            case ["v1", "models", owner, name, "predictions"]:
                self._faulty("create", lambda: self.vendor.create(json.loads(self.body), f"{owner}/{name}"))
            case ["v1", "predictions", id, "cancel"]:
                self._faulty("cancel", lambda: self._about(id, self.vendor.cancel))
            case ["v1", "files"]:
                content = self.body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
                self._faulty("upload", lambda: (201, self.vendor.upload(content)))
            case _:
                self._answer(404, {"detail": "Not found."})

    def _about(self, id: str, act: Any) -> tuple[int, dict[str, Any]]:
        made = self.vendor.made.get(id)
        return (200, act(made)) if made and not made.forgotten else (404, {"detail": "Not found."})

    def _faulty(self, on: Where, act: Any) -> None:
        fault = self.vendor.next_fault(on)
        if fault and fault.kind == "status":
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return self._answer(fault.status, {"detail": fault.text, "status": fault.status}, headers)
        if fault and fault.kind == "hang up":
            raise _HangUp
        status, document = act()
        if fault and fault.kind == "lost":
            raise _HangUp
        self._answer(status, document)

    def _film(self, id: str) -> None:
        fault = self.vendor.next_fault("download")
        if fault and fault.kind == "status":
            return self._answer(fault.status, {})
        self.vendor.counts["downloads"] += 1
        data = film(self.vendor.made[id].input)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if fault else data)
        if fault:
            raise _HangUp

    def _answer(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--make-ms", type=float, default=0)
    parser.add_argument("--webhook-secret")
    wish = parser.parse_args()
    vendor = FakeReplicate(
        wish.port, latency_s=wish.latency_ms / 1000, make_s=wish.make_ms / 1000, secret=wish.webhook_secret
    )
    print(vendor.url, flush=True)  # noqa: T201 (how whoever started it learns the address)
    vendor.serve()


if __name__ == "__main__":
    main()
