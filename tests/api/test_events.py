"""The poller behind every live stream."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

import api.events
from api.events import EventHub, Feed, message
from models.events import Event
from storage.database import get_database
from storage.events import append_event, events_of_topics, last_event_id


def happen(topic: str, *types: str) -> list[int]:
    with get_database().write() as session:
        return [append_event(session, topic, type, {"n": number}).id or 0 for number, type in enumerate(types)]


def within(test: Callable[[EventHub], Awaitable[None]]) -> None:
    """Run a test that needs a hub and its loop."""

    async def run() -> None:
        await asyncio.wait_for(test(EventHub()), 60)

    asyncio.run(run())


def test_each_follower_gets_what_follows_its_own_place(home: object) -> None:
    first, second = happen("job:1", "a", "b")

    async def test(hub: EventHub) -> None:
        async with hub.following("job:1", 0) as all_of_it, hub.following("job:1", first) as rest:
            assert [(await all_of_it.next(30)).type for _ in range(2)] == ["a", "b"]  # type: ignore[union-attr]
            event = await rest.next(30)
            assert event is not None
            assert event.id == second
            await asyncio.to_thread(happen, "job:2", "other")
            await asyncio.to_thread(happen, "job:1", "c")
            assert [(await feed.next(30)).type for feed in (all_of_it, rest)] == ["c", "c"]  # type: ignore[union-attr]

    within(test)


def test_quiet_is_no_event(home: object) -> None:
    async def test(hub: EventHub) -> None:
        async with hub.following("job:1", 0) as feed:
            assert await feed.next(0.01) is None

    within(test)


def test_the_poller_stops_with_its_last_follower(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    polls = 0
    real = api.events._news

    def counting(cursors: dict[str, int]) -> Any:
        nonlocal polls
        polls += 1
        return real(cursors)

    monkeypatch.setattr(api.events, "_news", counting)
    monkeypatch.setattr(api.events, "POLL_INTERVAL_S", 0.001)

    async def test(hub: EventHub) -> None:
        before = len(asyncio.all_tasks())
        async with hub.following("job:1", 0), hub.following("job:1", 0), hub.following("job:2", 0):
            assert hub.followers == 3
            while polls < 3:
                await asyncio.sleep(0.001)
            assert len(asyncio.all_tasks()) == before + 1, "one poller serves all"
        await asyncio.sleep(0)
        assert hub.followers == 0
        assert len(asyncio.all_tasks()) == before
        seen = polls
        await asyncio.sleep(0.05)
        assert polls <= seen + 1
        async with hub.following("job:1", 0):
            while polls <= seen + 1:
                await asyncio.sleep(0.001)

    within(test)


def test_a_database_that_fails_is_asked_again(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    happen("job:1", "a")
    real, faults = api.events._news, [OperationalError("SELECT", {}, Exception("busy"))]

    def failing_once(cursors: dict[str, int]) -> Any:
        if faults:
            raise faults.pop()
        return real(cursors)

    monkeypatch.setattr(api.events, "_news", failing_once)

    async def test(hub: EventHub) -> None:
        async with hub.following("job:1", 0) as feed:
            event = await feed.next(30)
            assert event is not None
            assert event.type == "a"

    within(test)
    assert not faults


def test_who_is_too_slow_is_sent_away() -> None:
    async def run() -> None:
        feed = Feed(0)
        for number in range(1, 2000):
            feed.deliver(Event(id=number, topic="job:1", type="progress"))
        got = [await feed.next(1) for _ in range(1000)]
        assert [event.id for event in got if event] == list(range(1, 1001))
        with pytest.raises(EOFError):
            await feed.next(1)

    asyncio.run(run())


def test_many_topics_in_one_look(home: object) -> None:
    ids = {f"job:{number}": happen(f"job:{number}", "a", "b") for number in range(250)}
    with get_database().read() as session:
        found = events_of_topics(session, {topic: first for topic, (first, _) in ids.items()})
        assert {event.topic: event.id for event in found} == {topic: second for topic, (_, second) in ids.items()}
        assert last_event_id(session, "job:3") == ids["job:3"][1]
        assert last_event_id(session, "nothing") == 0
        assert events_of_topics(session, {}) == []


def test_a_message_is_one_event() -> None:
    assert message(7, "job", {"text": "two\nlines"}) == 'id: 7\nevent: job\ndata: {"text":"two\\nlines"}\n\n'
