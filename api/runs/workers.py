"""Whether anybody would carry out a run."""

from api.runs.prefect_client import FAULTS, prefect_client
from deployments.catalog import WORK_POOL
from models.columns import utc_now

_FRESH_S = 90.0  # a stock worker sends a heartbeat every 30 s
_MOST_AHEAD_S = 2 * 3600.0


async def worker_is_alive() -> bool:
    """Return whether a worker of our pool has sent a heartbeat lately; False when Prefect does not answer.

    A heartbeat that lies ahead counts: the clock was set back, or the server's is fast.
    """
    try:
        async with prefect_client() as client:
            workers = await client.read_workers_for_work_pool(WORK_POOL)
    except FAULTS:
        return False
    now = utc_now()
    beats = [worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time]
    return any(-_MOST_AHEAD_S < (now - beat).total_seconds() < _FRESH_S for beat in beats)
