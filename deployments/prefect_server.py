"""Prefect's own server, with SQLite transactions that begin IMMEDIATE.

Prefect's server opens deferred transactions that read and then write. On SQLite such a transaction is refused when
another one committed in between, and the client sees a 503 and waits. Taking the write lock at the start makes them
queue instead: 40 submissions at once are then all accepted. PostgreSQL needs none of this.

``python -m deployments.prefect_server PORT [NOTE]`` serves on loopback until its parent ends. Two servers must never
share one SQLite file, so it holds ``server.lock`` in Prefect's home; NOTE is what others read there.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from deployments.addresses import prefect_socket
from deployments.locks import SERVER_LOCK, Taken, held
from deployments.serving import serve
from models.errors import NotConfigured


class ImmediateSqliteConfiguration(AioSqliteConfiguration):
    """Prefect's SQLite configuration, every transaction asking for the write lock at its start."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG002 (what the caller asks for is not enough; see the module)
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction that holds the write lock until it ends."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def use_immediate_transactions() -> None:
    """Make this process's Prefect server take write locks early, if its database is SQLite."""
    url = get_current_settings().server.database.connection_url
    if url is not None and url.get_secret_value().startswith("sqlite"):
        set_database_config(ImmediateSqliteConfiguration(connection_url=url.get_secret_value()))


async def serve_prefect(port: int) -> None:
    """Serve Prefect's API, and its UI where the settings say so, on 127.0.0.1:``port`` until the parent ends."""
    from prefect.server.api.server import create_app

    use_immediate_transactions()
    await serve(create_app(), [prefect_socket(port)], log_level="error")


def main(port: int, note: str = "") -> None:
    """Hold the lock on Prefect's home and serve."""
    home = get_current_settings().home
    try:
        with held(home / SERVER_LOCK, note):
            asyncio.run(serve_prefect(port))
    except (Taken, NotConfigured) as error:
        sys.exit(f"another Prefect server is using {home}" if isinstance(error, Taken) else str(error))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:3])
