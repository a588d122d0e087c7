"""Webhooks as Replicate sends them, signed as its documentation says (and video-v3 §12)."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()


def signed_headers(body: bytes, secret: str, *, id: str | None = None, at_s: float | None = None) -> dict[str, str]:
    """Return the three headers of a webhook with this body."""
    id, stamp = id or f"msg_{uuid4().hex}", str(int(time.time() if at_s is None else at_s))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1a,bm90IHRoaXM= v1,{base64.b64encode(expected).decode()}"
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}


def send_webhook(url: str, document: dict[str, Any], secret: str | None, **more: Any) -> int:
    """Send it and return the status of the answer, 0 when there was none."""
    body = json.dumps(document).encode()
    headers = {"Content-Type": "application/json", **(signed_headers(body, secret, **more) if secret else {})}
    try:
        with httpx.Client(trust_env=False, timeout=10) as client:
            return client.post(url, content=body, headers=headers).status_code
    except httpx.HTTPError:
        return 0
