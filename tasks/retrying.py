"""When a task tries again. Only local faults are retried here; waiting for a vendor is the provider's own business."""

from typing import Any

from prefect import runtime

from models.errors import AtelierError

RETRIES = 2
RETRY_DELAY_S = 1.0


def is_retryable(_task: Any, _run: Any, state: Any) -> bool:
    """Tell Prefect whether the error that ended a try may pass. Reads ``state.data``, where the exception itself is."""
    return isinstance(state.data, AtelierError) and state.data.retryable


def was_last_try(error: AtelierError) -> bool:
    """Return whether no further try will follow this error in the running task."""
    tries = runtime.task_run.run_count
    return not error.retryable or not tries or tries > RETRIES
