"""Live events: one poller per process reads new rows of the ``events`` table and hands them to whoever follows a topic.

The poller runs only while somebody follows something, and a follower that goes away leaves nothing behind.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from models.events import Event
from storage.database import get_database
from storage.events import events_of_topics

POLL_INTERVAL_S = 0.1
KEEP_ALIVE_S = 10.0
_MOST_UNREAD = 1000
_log = logging.getLogger("atelier.events")


class Feed:
    """The events of one topic after a certain one, as one follower gets them."""

    def __init__(self, after: int) -> None:
        self.cursor = after
        self._unread: asyncio.Queue[Event | None] = asyncio.Queue()

    async def next(self, timeout_s: float) -> Event | None:
        """Return the next event, or None when there was none for so long. Raises EOFError once too many are unread."""
        try:
            event = await asyncio.wait_for(self._unread.get(), timeout_s)
        except TimeoutError:
            return None
        if event is None:
            raise EOFError("this follower is too slow; it can come back and ask for what it missed")
        return event

    def deliver(self, event: Event) -> None:
        """Take an event that the poller has read; what was there before is passed over."""
        if event.id is not None and event.id > self.cursor and self._unread.qsize() <= _MOST_UNREAD:
            self.cursor = event.id
            self._unread.put_nowait(event if self._unread.qsize() < _MOST_UNREAD else None)


class EventHub:
    """All followers of one process, and the poller that serves them."""

    def __init__(self) -> None:
        self._feeds: dict[str, set[Feed]] = defaultdict(set)
        self._poller: asyncio.Task[None] | None = None

    @property
    def followers(self) -> int:
        """How many feeds are open."""
        return sum(len(feeds) for feeds in self._feeds.values())

    @asynccontextmanager
    async def following(self, topic: str, after: int) -> AsyncIterator[Feed]:
        """Yield a feed of the topic's events whose id is greater than ``after``."""
        feed = Feed(after)
        self._feeds[topic].add(feed)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            yield feed
        finally:
            self._feeds[topic].discard(feed)
            if not self._feeds[topic]:
                del self._feeds[topic]
            if not self._feeds and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        while True:
            cursors = {topic: min(feed.cursor for feed in feeds) for topic, feeds in self._feeds.items()}
            try:
                events = await asyncio.to_thread(_news, cursors)
            except SQLAlchemyError:
                _log.exception("events cannot be read; trying again")
                events = []
            for event in events:
                for feed in self._feeds.get(event.topic, ()):
                    feed.deliver(event)
            await asyncio.sleep(POLL_INTERVAL_S)


def event_hub(app: FastAPI) -> EventHub:
    """Return the application's hub."""
    if not hasattr(app.state, "event_hub"):
        app.state.event_hub = EventHub()
    hub: EventHub = app.state.event_hub
    return hub


def message(id: int, type: str, data: Any) -> str:
    """Return one server-sent event (WHATWG HTML, 9.2.5)."""
    return f"id: {id}\nevent: {type}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


KEEP_ALIVE = ": still here\n\n"
"""A comment, which keeps proxies and clients from taking a quiet stream for a dead one."""


def _news(cursors: dict[str, int]) -> Sequence[Event]:
    with get_database().read() as session:
        return events_of_topics(session, cursors)
