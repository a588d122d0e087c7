"""Prefect's own server, with SQLite transactions that begin IMMEDIATE.

Prefect's server opens deferred transactions that read and then write. On SQLite such a transaction is refused when
another one committed in between, and the client sees a 503 and waits. Taking the write lock at the start makes them
queue instead: 40 submissions at once are then all accepted. PostgreSQL needs none of this.

``python -m deployments.prefect_server PORT`` serves on loopback until its standard input is closed. A parent that
dies, in whatever way, closes it: no server is ever left behind.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


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


async def serve(port: int) -> None:
    """Serve on 127.0.0.1:``port`` until standard input is closed."""
    from prefect.server.api.server import create_app

    use_immediate_transactions()
    server = uvicorn.Server(uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_level="error"))

    async def stop_with_parent() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _wait_for_end_of_input)
        server.should_exit = True

    watcher = asyncio.create_task(stop_with_parent())
    await server.serve()
    watcher.cancel()


def _wait_for_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
