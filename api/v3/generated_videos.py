"""Finished videos across all jobs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from api.bodies import clamped
from api.v3.fields import QueryText
from api.v3.jobs import LAST_OFFSET
from api.v3.lookups import shown_job
from models.video_v3 import TYPES, GeneratedVideo, generated_video
from storage.database import get_database
from storage.job_lists import JobFilter, clients_of_campaigns, list_jobs, scenes_of_jobs, spent

router = APIRouter(prefix="/generated-videos", tags=["videos"])


class CountFacts(BaseModel):
    """How many videos this page holds, and which page it is."""

    count: int
    limit: int
    offset: int


class VideoPage(BaseModel):
    """A part of the list of finished videos."""

    data: list[GeneratedVideo]
    meta: CountFacts


class _Wanted(BaseModel):
    job_id: str | None
    campaign_id: str | None
    client_id: str | None


def _wanted(
    job_id: QueryText = None,
    campaign_id: QueryText = None,
    client_id: QueryText = None,
    job_id_camel: Annotated[str | None, Query(alias="jobId", include_in_schema=False)] = None,
    campaign_id_camel: Annotated[str | None, Query(alias="campaignId", include_in_schema=False)] = None,
    client_id_camel: Annotated[str | None, Query(alias="clientId", include_in_schema=False)] = None,
) -> _Wanted:
    return _Wanted(
        job_id=job_id or job_id_camel or None,
        campaign_id=campaign_id or campaign_id_camel or None,
        client_id=client_id or client_id_camel or None,
    )


@router.get("", summary="Finished videos, newest first", response_model=VideoPage)
def index(wanted: Annotated[_Wanted, Depends(_wanted)], limit: QueryText = None, offset: QueryText = None) -> VideoPage:
    """List completed jobs with a published video; filters combine."""
    most, skipped = clamped(limit, 25, 1, 100), clamped(offset, 0, 0, LAST_OFFSET)
    with get_database().read() as session:
        job = shown_job(session, wanted.job_id.strip()) if wanted.job_id else None
        nothing = wanted.job_id is not None and job is None
        chosen = JobFilter(
            workflows=[] if nothing else list(TYPES),
            job_id=job.id if job else None,
            campaign_id=wanted.campaign_id,
            client_id=wanted.client_id,
            published=True,
        )
        page, _ = list_jobs(session, chosen, most, skipped)
        scenes, costs, clients = (
            scenes_of_jobs(session, page),
            spent(session, page),
            clients_of_campaigns(session, page),
        )
    videos = [
        generated_video(
            job, scenes.get(job.id or 0, []), costs.get(job.id or 0, 0.0), clients.get(job.campaign_id or "")
        )
        for job in page
    ]
    return VideoPage(data=videos, meta=CountFacts(count=len(videos), limit=most, offset=skipped))
