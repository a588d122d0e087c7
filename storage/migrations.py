"""Bringing the schema up to date, and writing the next migration.

``python -m storage.migrations "what changes"`` compares the tables in ``models/`` with the migrated schema and writes
the revision that leads from one to the other.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from models.errors import NotConfigured
from storage.database import Database

_MIGRATIONS = Path(__file__).parent.parent / "models" / "migrations"


def upgrade(database: Database) -> None:
    """Apply every missing revision in one transaction. Two processes that start together do it once.

    Raises NotConfigured when the schema was made by a newer version of Atelier.
    """
    with database.writing_connection() as connection:
        config = _config(connection)
        known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise NotConfigured(
                f"the database is at schema {current}, which this version does not know; "
                "update Atelier or point ATELIER_HOME (or DATABASE_URL) elsewhere"
            )
        if current != ScriptDirectory.from_config(config).get_current_head():
            command.upgrade(config, "head")


def pending_changes(database: Database) -> list[str]:
    """Return how the migrated schema differs from the tables in ``models/``; empty when they agree."""
    from alembic.autogenerate import compare_metadata

    from models.tables import METADATA

    with database.writing_connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [repr(change) for change in compare_metadata(context, METADATA)]


def write_revision(message: str) -> None:
    """Write the revision that brings the migrated schema to what ``models/`` says."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/schema.db")
        upgrade(database)
        with database.writing_connection() as connection:
            config = _config(connection)
            number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        database.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    write_revision(sys.argv[1])
