"""The database: one engine per URL, short transactions, and the schema brought up to date.

On SQLite every writing transaction begins IMMEDIATE: it takes the write lock before it reads, so that two writers
queue instead of failing half-way (a deferred transaction that reads and then writes is refused when another wrote
in between, however long it would have been willing to wait).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlmodel import Session

import models.tables  # noqa: F401 (a row can be written only when every table that it refers to is known)
from models.errors import NotConfigured
from settings import get_settings

_BUSY_TIMEOUT_MS = 30_000
_POOL_SIZE = 20  # render threads, the lease's heartbeat and a few readers of one process


class Database:
    """Sessions on one database. Reads see a snapshot; writes queue, and are committed when their block ends."""

    def __init__(self, url: str) -> None:
        """Open ``url`` (SQLite or PostgreSQL). An SQLite file and its folder are made when missing."""
        self.url = make_url(url)
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _engine(url)
        self._writer = self.engine.execution_options(immediate=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that only reads; rows stay usable after the block."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose changes are committed when the block ends, and undone when it raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing_connection(self) -> Iterator[Connection]:
        """Yield a connection inside one writing transaction, for work below the level of sessions."""
        with self._writer.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@lru_cache
def _database(url: str) -> Database:
    return Database(url)


def get_database() -> Database:
    """Return the database that the settings name; one per process and URL."""
    return _database(get_settings().database)


def _engine(url: str) -> Engine:
    backend = make_url(url).get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise NotConfigured(f"DATABASE_URL: {backend} is not supported; use sqlite or postgresql")
    if backend == "postgresql":
        try:
            return create_engine(url, pool_size=_POOL_SIZE, pool_pre_ping=True)
        except ModuleNotFoundError as exc:
            raise NotConfigured(f"DATABASE_URL needs the Python package {exc.name}; install it beside Atelier") from exc
    engine = create_engine(url, pool_size=_POOL_SIZE, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # A completed job must survive a power cut, so commits reach the disk; transactions here are few and short.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
