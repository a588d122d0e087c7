"""Ordering a prediction exactly once, and following it to its end."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from replicate.prediction import Prediction

from models.errors import AtelierError, Superseded, VendorFailed
from providers.video.base import PaidCall
from providers.video.replicate.client import Passing, Replicate, shortened
from providers.video.replicate.patience import Patience
from settings import Settings

SETTLE_S = 5.0
"""How long an order that was sent by a process that died may take to show in the vendor's list."""

_CLOCKS_APART = timedelta(hours=1)
_GOING_ON = ("starting", "processing")
_WEBHOOK_POLL_MAX_S = 60.0


def placed(api: Replicate, call: PaidCall, request: Callable[[], dict[str, Any]]) -> Prediction:
    """Return the prediction of this account: the one it has, the one it may have had, or else a new one.

    ``request`` gives what to order; it is asked only when nothing has been prepared. The account is closed when the
    vendor refuses, and stays open while it is unknown whether the vendor has the order.
    """
    patience = Patience(call)
    if call.external_id is not None:
        standing = _standing(api, call.external_id, patience)
        if standing is not None:
            return standing
        call.renew("the vendor does not know the prediction any more")
    order, in_doubt = call.request, call.request is not None
    if order is None:
        order = _asked_for(request, call)
        call.prepare(order)
    elif (found := _settled(api, call, order, patience)) is not None:
        return found
    while True:
        try:
            found = _claimed(api, order, call.prepared_at, call.accept) if in_doubt else None
            return found or _created(api, call, order)
        except Passing as trouble:
            in_doubt = in_doubt or trouble.may_be_done
            try:
                patience.after(trouble)
            except VendorFailed as error:
                if not in_doubt:
                    call.fail(str(error))
                raise


def followed(api: Replicate, call: PaidCall, prediction: Prediction, settings: Settings) -> Prediction | None:
    """Return the prediction when it has ended, None when the vendor does not know it any more.

    One that takes too long is cancelled, and its account closed. Raises VendorFailed then.
    """
    patience = Patience(call)
    longest_s = _WEBHOOK_POLL_MAX_S if settings.replicate_webhook_url else settings.replicate_poll_max_ms / 1000
    wait_s = settings.replicate_poll_initial_ms / 1000
    deadline = time.monotonic() + settings.replicate_timeout_seconds
    current: Prediction | None = prediction
    while current is not None and current.status in _GOING_ON:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return _given_up(api, call, current, settings)
        patience.wait(min(wait_s, left_s), wakes=True)
        wait_s = min(2 * wait_s, max(longest_s, settings.replicate_poll_initial_ms / 1000))
        try:
            current = api.find(prediction.id)
        except Passing:
            continue
    return current


def cancel_order(
    settings: Settings,
    *,
    request: dict[str, Any] | None,
    external_id: str | None,
    prepared_at: datetime,
    claim: Callable[[str], bool],
) -> bool:
    """Cancel at the vendor whatever was ordered for an account that nobody wants any more.

    Return whether the order was carried out, and so costs, all the same. An order whose id is not known is looked for
    and put on record by ``claim``, as ``PaidCall.accept`` does. Raises VendorFailed when the vendor cannot be asked: it
    is to be done again.
    """
    with Replicate(settings) as api:
        try:
            if external_id is None and request is not None:
                found = _claimed(api, request, prepared_at, claim)
                external_id = found.id if found else None
            ended = api.cancel(external_id) if external_id is not None else None
        except Passing as trouble:
            raise VendorFailed(str(trouble)) from trouble
    return ended is not None and ended.status == "succeeded"


def _asked_for(request: Callable[[], dict[str, Any]], call: PaidCall) -> dict[str, Any]:
    try:
        return request()
    except Superseded:
        raise
    except AtelierError as error:  # nothing was ordered, nor will be
        call.fail(str(error))
        raise


def _standing(api: Replicate, external_id: str, patience: Patience) -> Prediction | None:
    while True:
        try:
            return api.find(external_id)
        except Passing as trouble:
            patience.after(trouble)


def _settled(api: Replicate, call: PaidCall, order: dict[str, Any], patience: Patience) -> Prediction | None:
    """Look for an order that a run which died may have sent, now and when it has had time to arrive."""
    for wait_s in (0.0, SETTLE_S):
        patience.wait(wait_s)
        while True:
            try:
                found = _claimed(api, order, call.prepared_at, call.accept)
                break
            except Passing as trouble:
                patience.after(trouble)
        if found is not None:
            return found
    return None


def _claimed(
    api: Replicate, order: dict[str, Any], prepared_at: datetime, claim: Callable[[str], bool]
) -> Prediction | None:
    """Return the prediction that was made of this order, if the vendor lists one that no other account has."""
    for prediction in api.recent(prepared_at - _CLOCKS_APART):
        same = order["version"] in (prediction.model, prediction.version) and prediction.input == order["input"]
        if same and claim(prediction.id):
            return prediction
    return None


def _created(api: Replicate, call: PaidCall, order: dict[str, Any]) -> Prediction:
    try:
        prediction = api.create(order)
    except VendorFailed as error:
        call.fail(str(error))
        raise
    call.accept(prediction.id)
    return prediction


def _given_up(api: Replicate, call: PaidCall, prediction: Prediction, settings: Settings) -> Prediction:
    try:
        ended = api.cancel(prediction.id)
    except Passing as trouble:
        raise VendorFailed(f"{trouble}, so a prediction that takes too long could not be cancelled") from trouble
    if ended is not None and ended.status == "succeeded":
        return ended
    reason = f"replicate gave nothing within {settings.replicate_timeout_seconds:g} s; the prediction was cancelled"
    call.fail(reason)
    raise VendorFailed(reason)


def reason_of(prediction: Prediction) -> str:
    """Return in a sentence how a prediction ended that gave nothing."""
    word = "was cancelled" if prediction.status == "canceled" else "failed"
    return f"replicate: the prediction {word}: {shortened(prediction.error or 'no reason was given')}"
