"""Who may use the service: users, and the keys that programs use in their name."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime, utc_now

MOST_NAME_CHARS = 255


class User(SQLModel, table=True):
    """Somebody who can sign in. ``password_hash`` is what ``storage.passwords`` makes of the password."""

    __tablename__ = "users"
    __table_args__ = {"sqlite_autoincrement": True}  # a session names a number, which must never mean somebody else

    id: int | None = Field(default=None, primary_key=True)
    username: str = Field(unique=True, max_length=MOST_NAME_CHARS)
    email: str | None = Field(default=None, max_length=320)
    password_hash: str = Field(max_length=255)
    is_active: bool = True
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A stored key. Only its SHA-256 is kept, which is enough for a random secret of 256 bits.

    It belongs to the user in whose name it acts; without one it was made by the operator.
    """

    __tablename__ = "api_keys"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    user_id: int | None = Field(default=None, foreign_key="users.id", ondelete="CASCADE", index=True)
    name: str = Field(max_length=MOST_NAME_CHARS)
    key_hash: str = Field(unique=True, max_length=64)
    is_active: bool = True
    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(frozen=True)
class Caller:
    """In whose name a request comes. ``is_operator`` sees what belongs to anybody."""

    user_id: int | None = None
    username: str | None = None
    is_operator: bool = False


OPERATOR = Caller(is_operator=True)
"""Who holds an entry of API_AUTH_KEY, and everybody while authentication is off."""
