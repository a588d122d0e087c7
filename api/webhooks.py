"""What vendors tell us: ``/api/webhooks/…``. A call is checked and noted in the ledger; the run that waits fetches."""

import base64
import binascii
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.bodies import object_of, raw_body
from api.errors import InvalidFields, refusal
from api.v3.answers import B_READS, FamilyB
from settings import get_settings
from storage.database import get_database
from storage.vendor_calls import mark_due

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

_TOLERANCE_S = 300
_ENDED = ("succeeded", "failed", "canceled", "aborted")
_log = logging.getLogger("atelier.webhooks")


class Received(BaseModel):
    """The call was understood."""

    status: str = "ok"


@router.post(
    "/replicate",
    summary="Replicate tells that a prediction has ended",
    response_model=Received,
    responses={**B_READS, 401: {"model": FamilyB, "description": "The signature is missing, stale or wrong"}},
)
async def replicate(request: Request) -> Received:
    """Note it. What the call says of the output is never used: the run asks the vendor itself."""
    raw, settings = await raw_body(request), get_settings()
    secret = settings.replicate_webhook_secret
    if secret is not None and not is_signed(request.headers, raw, secret.get_secret_value(), time.time()):
        raise refusal(401, "invalid webhook signature")
    prediction = object_of(raw)
    if not isinstance(prediction.get("id"), str):
        raise InvalidFields({"id": ["can't be blank" if prediction.get("id") is None else "is invalid"]})
    if settings.replicate_api_key is not None and prediction.get("status") in _ENDED:
        await run_in_threadpool(_note, prediction)
    return Received()


def is_signed(headers: Mapping[str, str], raw: bytes, secret: str, now_s: float) -> bool:
    """Return whether a call was signed with the secret, lately (Standard Webhooks, as Replicate uses them)."""
    id, stamp = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not id or not (stamp.isascii() and stamp.isdigit()) or abs(now_s - int(stamp)) > _TOLERANCE_S:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        _log.error("REPLICATE_WEBHOOK_SECRET is not what Replicate gives: whsec_ and base64")
        return False
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    sent = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(signature, expected) for signature in sent)


def _note(prediction: dict[str, Any]) -> None:
    """Mark the prediction's call due. One that has ended, or was given up, has nothing to wait for."""
    with get_database().write() as session:
        known = mark_due(session, "replicate", prediction["id"].replace("\0", ""))
    if not known:
        _log.info("a webhook tells of a prediction that no open call has: %.64r", prediction["id"])
