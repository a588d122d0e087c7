"""Cancelling at the vendor what nobody wants any more. Runs beside the jobs' own runs, which are stopped by then."""

import logging

from models.errors import AtelierError
from models.predictions import Prediction
from models.video_models import VideoFamily
from providers.video.replicate import cancel_order
from settings import Settings, get_settings
from storage import vendor_calls
from storage.database import get_database
from storage.job_actions import CANCELLED

_log = logging.getLogger("atelier.release")


def release_predictions(job_id: int | None = None) -> int:
    """Cancel at the vendor the calls that were given up, of one job or of all; return how many are left to be done.

    It may be done any number of times, by several at once, and when there is nothing to do: a call is closed once. What
    the vendor cannot be asked about now is left for the next time.
    """
    with get_database().read() as session:
        waiting = vendor_calls.to_release(session, job_id)
    return sum(not _released(call, get_settings()) for call in waiting)


def _released(call: Prediction, settings: Settings) -> bool:
    try:
        carried_out = cancel_order(
            settings,
            request=call.request,
            external_id=call.external_id,
            prepared_at=call.inserted_at,
            claim=lambda external_id: vendor_calls.accept(call.id, external_id),
        )
    except AtelierError as error:
        _log.warning("prediction %s could not be cancelled yet: %s", call.external_id or call.id, error)
        return False
    cost_usd = _price_usd(call, settings) if carried_out else 0.0
    reason = "it had finished before it could be cancelled" if carried_out else CANCELLED
    vendor_calls.close_released(call.id, reason, cost_usd)
    return True


def _price_usd(call: Prediction, settings: Settings) -> float:
    """Return the price of what was ordered."""
    family: VideoFamily = "veo" if call.input["family"] == "veo" else "hailuo"
    return float(call.input["order"]["duration"]) * settings.rate_usd(family)
