"""Stored API keys: made, used, listed and revoked. The key itself is seen once, by whoever made it."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, true, update
from sqlmodel import Session, col, select

from models.columns import utc_now
from models.errors import NotFound
from models.users import ApiKey, Caller, User
from storage.database import get_database

KEY_PREFIX = "sk_"
_KEY_BYTES = 32
_LAST_USED_EVERY = timedelta(minutes=1)  # a key that is used all the time must not mean a write for every request


def create_key(session: Session, caller: Caller, name: str, expires_days: int | None) -> tuple[ApiKey, str]:
    """Add a key in the caller's name; return its row and the key, which cannot be had again."""
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    now = utc_now()
    expires_at = None if expires_days is None else now + timedelta(days=expires_days)
    row = ApiKey(
        user_id=caller.user_id, name=name, key_hash=_hash(secret), inserted_at=now, expires_at=expires_at
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, secret


def caller_with_key(secret: str) -> Caller | None:
    """Return in whose name a stored key acts, and remember its use; None for a key that is not or no longer good."""
    query = select(ApiKey, User).join(User, isouter=True).where(ApiKey.key_hash == _hash(secret))
    now = utc_now()
    with get_database().read() as session:
        key, user = session.exec(query).first() or (None, None)
    if key is None or not key.is_active or (key.expires_at is not None and key.expires_at <= now):
        return None
    if user is not None and not user.is_active:
        return None
    if key.last_used_at is None or now - key.last_used_at >= _LAST_USED_EVERY:
        _remember_use(key, now)
    return Caller(user_id=key.user_id, username=user.username if user else None)


def list_keys(session: Session, caller: Caller) -> Sequence[ApiKey]:
    """Return the keys that the caller may see, revoked ones too, newest first."""
    return session.exec(select(ApiKey).where(_seen_by(caller)).order_by(col(ApiKey.id).desc())).all()


def revoke_key(session: Session, caller: Caller, key_id: int) -> None:
    """Make a key useless for good. Raises NotFound for one that the caller does not see."""
    key = session.exec(select(ApiKey).where(ApiKey.id == key_id, _seen_by(caller))).first()
    if key is None:
        raise NotFound("API key not found")
    key.is_active = False
    session.add(key)


def _seen_by(caller: Caller) -> ColumnElement[bool]:
    return true() if caller.is_operator else col(ApiKey.user_id).is_not_distinct_from(caller.user_id)


def _remember_use(key: ApiKey, now: datetime) -> None:
    """Write only if no other request has done so since."""
    stale = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < now)
    with get_database().write() as session:
        session.execute(update(ApiKey).where(col(ApiKey.id) == key.id, stale).values(last_used_at=now))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
