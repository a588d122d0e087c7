"""How many events a job's progress makes."""

from datetime import timedelta

import pytest

from storage import events
from storage.database import get_database


def test_progress_is_told_four_times_a_second_whatever_the_clock_does(
    home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_database().write() as session:
        now = events.append_event(session, "job:1", "progress", {}).inserted_at
    for step_s, told in ((0.0, False), (0.2, False), (0.3, True), (3600.0, True), (-3600.0, True)):
        monkeypatch.setattr(events, "utc_now", lambda step_s=step_s: now + timedelta(seconds=step_s))
        with get_database().write() as session:
            before = events.last_event_id(session, "job:1")
            events.append_progress(session, "job:1", {})
            assert (events.last_event_id(session, "job:1") > before) is told, step_s
            session.rollback()
