"""What Alembic runs: the revisions, on the connection that the caller hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON, Enum
from sqlmodel.sql.sqltypes import AutoString

from models.columns import UtcDateTime
from models.tables import METADATA


def _render_type(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """Write plain SQLAlchemy types into revisions: they must mean the same when ``models/`` has moved on."""
    if kind != "type":
        return False
    if isinstance(value, JSON):
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    if isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(value, Enum):
        return f"sa.String({value.length})"
    if isinstance(value, AutoString):
        return f"sa.String({value.length or ''})"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render_type,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
