"""Appending and reading events."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from models.columns import utc_now
from models.events import Event

_PROGRESS_INTERVAL = timedelta(milliseconds=250)
_TOPICS_AT_ONCE = 100  # SQLite allows expressions 1000 deep


def append_event(session: Session, topic: str, type: str, payload: dict[str, Any]) -> Event:
    """Add an event to the running transaction."""
    event = Event(topic=topic, type=type, payload=payload)
    session.add(event)
    session.flush()
    return event


def append_progress(session: Session, topic: str, payload: dict[str, Any]) -> None:
    """Add a ``progress`` event unless the topic had an event in the last quarter second: four a second is enough.

    An event from the future is an old one: the clock was set back.
    """
    newest = session.exec(select(Event).where(Event.topic == topic).order_by(col(Event.id).desc()).limit(1)).first()
    if newest is None or not timedelta(0) <= utc_now() - newest.inserted_at < _PROGRESS_INTERVAL:
        append_event(session, topic, "progress", payload)


def events_after(session: Session, topic: str, event_id: int = 0, limit: int = 1000) -> Sequence[Event]:
    """Return the topic's events that follow ``event_id``, oldest first."""
    query = select(Event).where(Event.topic == topic, col(Event.id) > event_id).order_by(col(Event.id)).limit(limit)
    return session.exec(query).all()


def events_of_topics(session: Session, cursors: Mapping[str, int], limit: int = 1000) -> Sequence[Event]:
    """Return the events of several topics, each after the topic's own event id, oldest first."""
    topics, found = list(cursors.items()), list[Event]()
    for first in range(0, len(topics), _TOPICS_AT_ONCE):
        wanted = [
            and_(col(Event.topic) == topic, col(Event.id) > cursor)
            for topic, cursor in topics[first : first + _TOPICS_AT_ONCE]
        ]
        found += session.exec(select(Event).where(or_(*wanted)).order_by(col(Event.id)).limit(limit)).all()
    return found


def last_event_id(session: Session, topic: str) -> int:
    """Return the id of the topic's newest event, 0 when it has none."""
    return session.exec(select(func.max(Event.id)).where(Event.topic == topic)).one() or 0
