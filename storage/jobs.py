"""What happens to a job's row, from the wish to the published film."""

from typing import Any

from sqlalchemy import func
from sqlmodel import Session, select

from models.campaigns import Campaign
from models.columns import utc_now
from models.errors import Conflict, InvalidInput, NotFound
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.runs import ImagePairsRequest, JobLease
from models.storyboard import Plan, ScenePlan
from storage.assets import candidate_images
from storage.events import append_event
from storage.leases import fenced
from storage.progress import count_scenes, merge_progress, scenes_of


def create_image_pairs_job(session: Session, request: ImagePairsRequest) -> Job:
    """Add a job for a campaign's photos.

    Raises NotFound for an unknown campaign and InvalidInput when it has fewer than two images.
    """
    campaign = session.get(Campaign, request.campaign_id) if request.campaign_id else None
    if campaign is None:
        raise NotFound("Campaign not found")
    found = len(candidate_images(session, campaign.id))
    if found < 2:
        raise InvalidInput(f"Need at least 2 image assets to start the pipeline, found {found}")
    job = Job(
        workflow="image-pairs",
        name=request.name or _next_name(session, campaign),
        campaign_id=campaign.id,
        client_id=campaign.client_id,
        parameters=request.parameters(),
        auto_approve=request.approve,
    )
    merge_progress(job, stage="pending", percentage=0.0)
    session.add(job)
    session.flush()
    _announce(session, job)
    return job


def get_job(session: Session, job_id: int) -> Job:
    """Return the job. Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    return job


def job_of_flow_run(session: Session, flow_run_id: str) -> Job | None:
    """Return the job that a Prefect flow run worked on before, so that its retry finds it again."""
    return session.exec(select(Job).where(Job.flow_run_id == flow_run_id)).first()


def begin_attempt(lease: JobLease, flow_run_id: str | None) -> None:
    """Note that a run has started. On a job that ended with something missing this is a new wish: ``run`` grows.

    Raises Superseded for a cancelled job.
    """
    with fenced(lease) as (session, job):
        job.attempt += 1
        job.submitted_attempt = job.wanted_attempt
        job.flow_run_id = flow_run_id
        job.started_at = job.started_at or utc_now()
        failed = [scene for scene in scenes_of(session, lease.job_id) if scene.status == SceneStatus.FAILED]
        if job.status == JobStatus.FAILED or (job.status == JobStatus.COMPLETED and failed):
            job.run += 1
            job.status = JobStatus.APPROVED if job.approved_version else JobStatus.QUEUED
            job.error = None
            merge_progress(job, stage="pending", percentage=0.0, error=None, finished_at=None)
            for scene in failed:
                scene.status, scene.error, scene.progress = SceneStatus.PENDING, None, 0.0
            _announce(session, job)


def keep_plan(lease: JobLease, plan: Plan) -> list[str]:
    """Store a storyboard and its scenes in one transaction; return the scenes' ids. Approves it when so wished."""
    with fenced(lease) as (session, job):
        scenes = [_scene(lease.job_id, index, entry) for index, entry in enumerate(plan.scenes)]
        session.add_all(scenes)
        session.flush()
        job.planner, job.warnings = plan.planner, plan.warnings
        job.plan_version += 1
        job.status = JobStatus.PLANNED
        count_scenes(session, job)
        if job.auto_approve:
            _approve(job)
        _announce(session, job)
        return [scene.id for scene in scenes]


def approve(session: Session, job_id: int, plan_version: int | None = None) -> Job:
    """Approve a planned job's storyboard; of several simultaneous calls exactly one succeeds.

    Raises NotFound, and Conflict when the job is not waiting for approval, has no scenes, or ``plan_version`` names
    a storyboard that has been replaced.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise NotFound(f"no job {job_id}")
    if job.status not in (JobStatus.QUEUED, JobStatus.PLANNED):
        raise Conflict("Job must be in pending state to be approved")
    if job.plan_version == 0:
        raise Conflict("Storyboard is not ready")
    if not scenes_of(session, job_id):
        raise Conflict("Job has no scenes")
    if plan_version is not None and plan_version != job.plan_version:
        raise Conflict(f"the storyboard has changed: version {job.plan_version} is waiting, not {plan_version}")
    _approve(job)
    job.wanted_attempt += 1
    job.updated_at = utc_now()
    session.add(job)
    _announce(session, job)
    return job


def start_rendering(lease: JobLease) -> None:
    """Move an approved job to ``running``."""
    with fenced(lease) as (session, job):
        if job.status == JobStatus.APPROVED:
            job.status = JobStatus.RUNNING
            merge_progress(job, stage="starting_render", percentage=10.0, started_at=_stamp())
            _announce(session, job)


def keep_film(lease: JobLease, film_sha256: str, input_hash: str) -> None:
    """Remember the stitched film and what it was made of; it is not yet published."""
    with fenced(lease) as (session, job):
        job.film_sha256, job.film_input_hash = film_sha256, input_hash
        merge_progress(job, stage="stitching", percentage=90.0)
        append_event(session, job_topic(lease.job_id), "progress", job.progress)


def publish(lease: JobLease, video_sha256: str, result: dict[str, Any]) -> None:
    """Publish the final bytes as a new revision and complete the job; publishing the same bytes again changes nothing.

    ``result`` is stored with the revision in it.
    """
    with fenced(lease) as (session, job):
        if job.video_sha256 != video_sha256:
            job.video_sha256 = video_sha256
            job.revision += 1
        job.result = {**result, "revision": job.revision}
        job.status, job.error, job.finished_at = JobStatus.COMPLETED, None, utc_now()
        merge_progress(job, stage="completed", percentage=100.0, detail=None, error=None, finished_at=_stamp())
        count_scenes(session, job)
        _announce(session, job)
        append_event(session, job_topic(lease.job_id), "done", _job_payload(job))


def fail(lease: JobLease, reason: str) -> None:
    """End the job as failed, with the reason. What is finished stays, and a retry goes on from there."""
    with fenced(lease) as (session, job):
        job.status, job.error, job.finished_at = JobStatus.FAILED, reason, utc_now()
        merge_progress(job, stage="failed", error=reason, finished_at=_stamp())
        count_scenes(session, job)
        _announce(session, job)
        append_event(session, job_topic(lease.job_id), "done", _job_payload(job))


def _approve(job: Job) -> None:
    job.status, job.approved_version, job.approved_at = JobStatus.APPROVED, job.plan_version, utc_now()


def _next_name(session: Session, campaign: Campaign) -> str:
    earlier = session.exec(select(func.count()).select_from(Job).where(Job.campaign_id == campaign.id)).one()
    return f"{campaign.name.strip() or 'Video'} {earlier + 1}"


def _scene(job_id: int, index: int, plan: ScenePlan) -> Scene:
    columns = set(Scene.model_fields)
    entry = plan.model_dump(mode="json")
    return Scene(
        job_id=job_id,
        scene_index=index,
        **{key: value for key, value in entry.items() if key in columns},
        details={key: value for key, value in entry.items() if key not in columns and value is not None},
    )


def _announce(session: Session, job: Job) -> None:
    append_event(session, job_topic(job.id or 0), "job", _job_payload(job))


def _job_payload(job: Job) -> dict[str, Any]:
    return {"job_id": job.id, "status": str(job.status), "error": job.error, "progress": job.progress}


def _stamp() -> str:
    return utc_now().strftime("%Y-%m-%dT%H:%M:%S")
