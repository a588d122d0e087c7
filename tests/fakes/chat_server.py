"""An OpenAI-compatible chat endpoint on loopback: it answers as it was told, or fails as it was told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]
Answer = str | int | Callable[[Document], Any]
"""What is answered: this very text, this HTTP status, or what a function makes of the user's document.

The status 0 stands for no answer at all.
"""


class ChatServer:
    """What it was asked, and what it answers next; the last answer is given again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self.base_url = ""

    def documents(self) -> list[Document]:
        """Return the JSON documents of the users' messages so far."""
        return [json.loads(request["messages"][1]["content"]) for request in self.requests]

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serve on a free loopback port while the block lasts."""
    fake = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/chat/completions":
                return self._send(404, {"error": {"message": "no such path"}})
            fake.requests.append(json.loads(body))
            fake.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = fake.next_answer()
            if answer == 0:
                fake.closing.wait(30)
            elif isinstance(answer, int):
                self._send(answer, {"error": {"message": "told to fail"}})
            else:
                text = answer if isinstance(answer, str) else answer(fake.documents()[-1])
                self._send(200, completion(text if isinstance(text, str) else json.dumps(text)))

        def _send(self, status: int, document: Document) -> None:
            raw = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def completion(content: str) -> Document:
    """Return a chat completion that says ``content``."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def pairs_of(document: Document) -> Document:
    """Answer with pairs of neighbours among the photos, as many as are wanted."""
    ids = [photo["id"] for photo in document["photos"]][::-1]
    chosen = list(zip(ids[::2], ids[1::2], strict=False))[: document["num_pairs"]]
    return {
        "pairs": [
            {"image1_id": first, "image2_id": last, "score": 0.9, "reasoning": "alike", "scene_name": f"Part {number}",
             "scene_type": None, "description": None, "prompt": f"Prompt {number}"}
            for number, (first, last) in enumerate(chosen, start=1)
        ]
    }  # fmt: skip


def scenes_of(document: Document) -> Document:
    """Answer with two photos for each scene, the youngest photos first."""
    ids = [photo["id"] for photo in document["photos"]][::-1]
    return {
        "property_name": None,
        "selection_metadata": {
            "total_photos_evaluated": len(ids), "selection_confidence": "high",
            "overall_visual_quality_score": 8.5, "brand_coherence_score": 8,
        },
        "scene_pairs": [scene_pair(told, ids[2 * at], ids[2 * at + 1]) for at, told in enumerate(document["scenes"])],
        "recommendations": {"missing_content_gaps": [], "photo_crawl_improvements": []},
    }  # fmt: skip


def scene_pair(scene: Document, first: str, last: str, confidence: float = 8.0) -> Document:
    """Return a proposal for one scene."""
    image = {"filename": "", "reasoning": "fits", "quality_score": 9, "tag_match_score": 8}
    return {
        "scene_number": scene["scene_number"],
        "scene_type": scene["scene_type"],
        "first_image": {**image, "id": first},
        "last_image": {**image, "id": last},
        "transition_analysis": {
            "color_compatibility": "good", "lighting_consistency": "even", "compositional_flow": "wide to detail",
            "interpolation_confidence": confidence,
        },
        "description": None,
        "prompt": f"Prompt of {scene['scene_type']}",
    }  # fmt: skip
