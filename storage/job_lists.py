"""Finding jobs, and what lists of them show beside their rows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, ColumnElement, and_, func, or_, type_coerce
from sqlmodel import Session, col, select

from models.campaigns import Campaign
from models.jobs import Job, JobStatus, Scene
from models.predictions import Prediction


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are wanted; None leaves a condition out. Jobs that belong to another job are never listed.

    ``published`` asks for completed jobs with a video, and then a client's jobs include those of its campaigns.
    """

    workflows: Sequence[str]
    statuses: Sequence[JobStatus] | None = None
    job_id: int | None = None
    campaign_id: str | None = None
    client_id: str | None = None
    published: bool = False


def list_jobs(session: Session, wanted: JobFilter, limit: int, offset: int) -> tuple[list[Job], int]:
    """Return a page of the jobs that match, newest first, and how many match altogether."""
    condition = and_(*_conditions(wanted))
    total = session.exec(select(func.count()).select_from(Job).where(condition)).one()
    query = select(Job).where(condition).order_by(col(Job.id).desc()).limit(limit).offset(offset)
    return list(session.exec(query)), total


def scenes_of_jobs(session: Session, jobs: Sequence[Job]) -> dict[int, list[Scene]]:
    """Return each job's scenes in their order, by the job's id."""
    found: dict[int, list[Scene]] = defaultdict(list)
    query = select(Scene).where(col(Scene.job_id).in_([job.id for job in jobs])).order_by(col(Scene.scene_index))
    for scene in session.exec(query):
        found[scene.job_id].append(scene)
    return found


def scene_counts(session: Session, jobs: Sequence[Job]) -> dict[int, int]:
    """Return how many scenes each job has, by the job's id; jobs without any are left out."""
    ids = [job.id for job in jobs]
    query = select(Scene.job_id, func.count()).where(col(Scene.job_id).in_(ids)).group_by(col(Scene.job_id))
    return dict(session.exec(query).all())


def spent(session: Session, jobs: Sequence[Job]) -> dict[int, float]:
    """Return what providers took for each job in USD, by the job's id: earlier takes, and results not used, too."""
    query = (
        select(Prediction.job_id, func.sum(Prediction.cost_usd))
        .where(col(Prediction.job_id).in_([job.id for job in jobs]))
        .group_by(col(Prediction.job_id))
    )
    return dict(session.exec(query).all())


def clients_of_campaigns(session: Session, jobs: Sequence[Job]) -> dict[str, str]:
    """Return whose each job's campaign is, by the campaign's id."""
    ids = {job.campaign_id for job in jobs if job.campaign_id}
    return dict(session.exec(select(Campaign.id, Campaign.client_id).where(col(Campaign.id).in_(ids))).all())


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [col(Job.workflow).in_(wanted.workflows), col(Job.parent_id).is_(None)]
    if wanted.statuses is not None:
        conditions.append(col(Job.status).in_(wanted.statuses))
    if wanted.job_id is not None:
        conditions.append(col(Job.id) == wanted.job_id)
    if wanted.campaign_id is not None:
        conditions.append(or_(col(Job.campaign_id) == wanted.campaign_id, _given("campaign_id", wanted.campaign_id)))
    if wanted.client_id is not None:
        owners = [col(Job.client_id) == wanted.client_id, _given("client_id", wanted.client_id)]
        if wanted.published:
            campaigns = select(Campaign.id).where(Campaign.client_id == wanted.client_id)
            owners.append(col(Job.campaign_id).in_(campaigns))
        conditions.append(or_(*owners))
    if wanted.published:
        conditions += [col(Job.status) == JobStatus.COMPLETED, col(Job.video_sha256).is_not(None)]
    return conditions


def _given(key: str, value: str) -> ColumnElement[bool]:
    """An owner that was deleted since is still named in the parameters."""
    named: ColumnElement[str] = type_coerce(col(Job.parameters), JSON)[key].as_string()
    return named == value
