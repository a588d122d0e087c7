"""The connection to Prefect's server, and what can go wrong with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from sqlalchemy.exc import SQLAlchemyError

FAULTS = (httpx.HTTPError, PrefectException, SQLAlchemyError)
"""What is expected to go wrong, with Prefect or our own database, and worth trying again."""

_TIMEOUT_S = 15.0


@asynccontextmanager
async def prefect_client() -> AsyncIterator[PrefectClient]:
    """Yield a client that tells of a server which does not answer at once: whoever uses it comes again anyway.

    Prefect's own way of trying again takes a minute, and is still asleep when the server is back.
    """
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with get_client(httpx_settings={"timeout": _TIMEOUT_S}) as client:
            yield client
