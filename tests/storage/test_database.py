"""Transactions and migrations on a real SQLite file."""

import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from models.assets import Asset
from models.campaigns import Campaign, Client
from models.columns import utc_now
from models.errors import NotConfigured
from models.jobs import Job, JobStatus
from storage.database import Database, get_database
from storage.migrations import pending_changes, upgrade


def test_migrations_lead_to_the_models(home: Path) -> None:
    assert pending_changes(get_database()) == []


def test_upgrading_twice_changes_nothing(home: Path) -> None:
    upgrade(get_database())
    assert pending_changes(get_database()) == []


def test_simultaneous_upgrades_are_done_once(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path}/fresh.db") for _ in range(4)]
    failures: list[Exception] = []

    def run(database: Database) -> None:
        try:
            upgrade(database)
        except Exception as error:  # noqa: BLE001 (collected and asserted on)
            failures.append(error)

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for database in databases:
        database.dispose()


def test_a_newer_schema_is_refused(home: Path) -> None:
    with get_database().write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotConfigured, match="9999"):
        upgrade(get_database())


def test_unsupported_database_is_refused() -> None:
    with pytest.raises(NotConfigured, match="mysql"):
        Database("mysql://localhost/atelier")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(NotConfigured, match="psycopg2"):
        Database("postgresql+psycopg2://localhost/atelier")


def test_a_failing_block_writes_nothing(home: Path) -> None:
    with pytest.raises(RuntimeError), get_database().write() as session:
        session.add(Client(name="lost"))
        session.flush()
        raise RuntimeError
    with get_database().read() as session:
        assert session.execute(text("SELECT count(*) FROM clients")).scalar() == 0


def test_concurrent_read_then_write_is_never_refused(home: Path) -> None:
    """Eight threads that read a counter and write it back: deferred transactions would fail or lose counts."""
    with get_database().write() as session:
        session.add(Job(workflow="image-pairs", name="count"))

    def count() -> None:
        for _ in range(25):
            with get_database().write() as session:
                job = session.get_one(Job, 1)
                job.attempt += 1
                session.add(job)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with get_database().read() as session:
        assert session.get_one(Job, 1).attempt == 200


def test_foreign_keys_are_enforced(home: Path) -> None:
    with pytest.raises(IntegrityError), get_database().write() as session:
        session.add(Campaign(client_id="nobody", name="orphan"))


def test_an_asset_needs_an_owner(home: Path) -> None:
    with pytest.raises(IntegrityError, match="ck_assets_owner"), get_database().write() as session:
        session.add(Asset(type="image", source_url="https://example.org/a.jpg"))


def test_an_asset_needs_bytes_or_an_address(home: Path) -> None:
    with pytest.raises(IntegrityError, match="ck_assets_bytes"), get_database().write() as session:
        client = Client(name="owner")
        session.add(client)
        session.flush()
        session.add(Asset(type="image", client_id=client.id))


def test_job_numbers_are_not_given_twice(home: Path) -> None:
    with get_database().write() as session:
        first = Job(workflow="image-pairs", name="first")
        session.add(first)
        session.flush()
        number = first.id
        session.delete(first)
    with get_database().write() as session:
        second = Job(workflow="image-pairs", name="second")
        session.add(second)
        session.flush()
        assert second.id != number


def test_values_come_back_as_they_were(home: Path) -> None:
    now = utc_now()
    with get_database().write() as session:
        session.add(Job(workflow="image-pairs", name="x", started_at=now, parameters={"ä": [1, None]}))
    with get_database().read() as session:
        job = session.get_one(Job, 1)
        assert job.started_at == now
        assert job.started_at is not None
        assert job.started_at.tzinfo is not None
        assert job.status is JobStatus.QUEUED
        assert job.parameters == {"ä": [1, None]}
        assert session.execute(text("SELECT count(*) FROM jobs WHERE result IS NULL")).scalar() == 1


def test_naive_timestamps_are_refused(home: Path) -> None:
    from sqlalchemy.exc import StatementError

    with pytest.raises(StatementError, match="aware"), get_database().write() as session:
        session.add(Job(workflow="image-pairs", name="x", started_at=utc_now().replace(tzinfo=None)))
