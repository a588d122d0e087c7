"""A job's live events, as server-sent events."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.events import KEEP_ALIVE, KEEP_ALIVE_S, event_hub, message
from api.v3.answers import B_FINDS
from api.v3.jobs import document_of
from api.v3.lookups import job_of
from api.v3.scenes import detail_of
from models.events import Event, job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.video_v3 import STATUSES, progress_of
from models.video_v3_scenes import SCENE_STATUSES
from storage.database import get_database
from storage.events import events_after, last_event_id

router = APIRouter(prefix="/jobs", tags=["jobs"])

_AT_REST = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
_EVENT_ID = re.compile("[0-9]{1,18}")
_MOST_REPLAYED = 1000
_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}


@dataclass(frozen=True)
class _Opening:
    """What a new connection is sent first, after which event it goes on, and whether that was all."""

    messages: list[str]
    cursor: int
    finished: bool


@router.get(
    "/{job_id}/events",
    summary="A job's progress as it happens",
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events", "content": _STREAM}, **B_FINDS},
)
def events(request: Request, job_id: str) -> StreamingResponse:
    """Stream ``snapshot``, ``progress``, ``scene`` and ``job`` events, and ``done`` when the job has ended.

    With ``Last-Event-ID`` what was missed is sent instead of the snapshot, if that is possible.
    """
    with get_database().read() as session:
        number = job_of(session, job_id).id or 0
    last_seen = _EVENT_ID.fullmatch(request.headers.get("last-event-id", "").strip())
    stream = _stream(request.app, number, int(last_seen[0]) if last_seen else None)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(app: FastAPI, job_id: int, last_seen: int | None) -> AsyncIterator[str]:
    opening = await run_in_threadpool(_open, job_id, last_seen)
    for text in opening.messages:
        yield text
    if opening.finished:
        return
    async with event_hub(app).following(job_topic(job_id), opening.cursor) as feed:
        while True:
            try:
                event = await feed.next(KEEP_ALIVE_S)
            except EOFError:
                return
            if event is None:
                yield KEEP_ALIVE
                continue
            news, finished = await run_in_threadpool(_tell, job_id, event)
            if news:
                yield news
            if finished:
                return


def _open(job_id: int, last_seen: int | None) -> _Opening:
    """Replay what was missed, or begin with a snapshot. For a job that has ended the stream ends with ``done``."""
    with get_database().read() as session:
        job = session.get_one(Job, job_id)
        newest, ended = last_event_id(session, job_topic(job_id)), job.status in _AT_REST
        missed = [] if last_seen is None else events_after(session, job_topic(job_id), last_seen, _MOST_REPLAYED)
        whole = last_seen is not None and last_seen <= newest and (not missed or missed[-1].id == newest)
        if whole and (not ended or (missed and missed[-1].type == "done")):
            told = [_message(session, job, event) for event in missed if event.type != "done" or event.id == newest]
            return _Opening([text for text in told if text], newest, ended)
        document = document_of(session, job).model_dump(mode="json")
    if not ended:
        return _Opening([message(newest, "snapshot", document)], newest, False)
    return _Opening([message(newest - 1, "snapshot", document), message(newest, "done", document)], newest, True)


def _tell(job_id: int, event: Event) -> tuple[str | None, bool]:
    """Return an event as text, and whether it was the last; ``done`` counts only while the job has not gone on."""
    with get_database().read() as session:
        job = session.get_one(Job, job_id)
        finished = event.type == "done" and job.status in _AT_REST
        return (None if event.type == "done" and not finished else _message(session, job, event)), finished


def _message(session: Session, job: Job, event: Event) -> str | None:
    """Return an event in this surface's words, as things stood then; None for a scene that is gone."""
    data: dict[str, Any]
    match event.type:
        case "progress":
            data = progress_of(event.payload)
        case "scene":
            scene = session.get(Scene, event.payload["scene_id"])
            if scene is None:
                return None
            data = detail_of(session, scene).model_dump(mode="json")
            data |= {"status": SCENE_STATUSES[SceneStatus(event.payload["status"])], "error": event.payload["error"]}
        case _:
            progress = progress_of(event.payload["progress"])
            data = document_of(session, job).model_dump(mode="json")
            data |= {"status": STATUSES[JobStatus(event.payload["status"])], "error": event.payload["error"]}
            data |= {"progress": progress, "progress_percentage": progress.get("percentage", 0)}
            data["current_stage"] = progress.get("stage", "unknown")
    return message(event.id or 0, event.type, data)
