"""What happens to a job's row, from the wish to the published film."""

from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from models.campaigns import Campaign, Client
from models.columns import utc_now
from models.errors import Conflict, InvalidInput, NotFound, Stale
from models.events import job_topic
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.property import DEFAULT_TYPES, STRICT_PHOTOS, selection_mode, too_few_for_strict
from models.runs import PROPERTY_FIELDS, ImagePairsRequest, JobLease, PropertyVideoRequest, VideoRequest
from models.storyboard import Plan, ScenePlan
from storage.assets import candidate_images
from storage.costs import estimate
from storage.events import append_event
from storage.job_actions import try_again
from storage.leases import fenced
from storage.progress import count_scenes, merge_progress, restart, scenes_of, waiting_scenes
from storage.scene_models import note_missing_key
from storage.wishes import announce, end, locked_job, timestamp


def create_video_job(session: Session, request: VideoRequest) -> Job:
    """Add the job that a request of any video workflow asks for; raises what the workflow's own function raises."""
    match request:
        case ImagePairsRequest():
            return create_image_pairs_job(session, request)
        case PropertyVideoRequest():
            return create_property_job(session, request)
        case _:
            raise TypeError(f"no job is made of a {type(request).__name__}")


def create_image_pairs_job(
    session: Session, request: ImagePairsRequest, client_id: str | None = None, parameters: dict[str, Any] | None = None
) -> Job:
    """Add a job that pairs a campaign's photos.

    ``client_id`` is whom the caller named, if anybody; ``parameters`` are kept as they are beside the request's own.
    Raises NotFound for an unknown campaign and InvalidInput when it has fewer than two images.
    """
    campaign = _campaign(session, request)
    enough_images(len(candidate_images(session, campaign.id)))
    decided = request.model_dump(include={"num_pairs", "clip_duration", "video_model"})
    return _add_job(session, request, campaign, client_id, parameters or {}, decided)


def create_property_job(
    session: Session,
    request: PropertyVideoRequest,
    client_id: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> Job:
    """Add a job for a property video; its mode is decided here, by the types wished for and the number of photos.

    Takes and raises the same as ``create_image_pairs_job``; InvalidInput also where strict selection was asked for and
    there are fewer than 14 photos.
    """
    campaign = _campaign(session, request)
    found = len(candidate_images(session, campaign.id, request.photo_ids))
    enough_images(found)
    mode = request.selection_mode or selection_mode(request.property_types, found)
    if mode == "strict" and found < STRICT_PHOTOS:
        raise InvalidInput(f"Need at least {STRICT_PHOTOS} photos to select 7 pairs, got {found}")
    if mode == "property_types" and not request.property_types:
        raise InvalidInput("selection by property types needs property_types; name at least one")
    wish = {"selection_mode": mode, "property_types": request.property_types or list(DEFAULT_TYPES)}
    decided = request.model_dump(mode="json", include=PROPERTY_FIELDS | {"clip_duration", "video_model"}) | wish
    job = _add_job(session, request, campaign, client_id, parameters or {}, decided)
    if mode == "reduced" and request.selection_mode is None:
        job.warnings = [too_few_for_strict(found)]
    return job


def enough_images(found: int) -> None:
    """Raise InvalidInput where there are fewer than two pictures."""
    if found < 2:
        raise InvalidInput(f"Need at least 2 image assets to start the pipeline, found {found}")


def get_job(session: Session, job_id: int) -> Job:
    """Return the job. Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    return job


def job_of_flow_run(session: Session, flow_run_id: str) -> Job | None:
    """Return the job that a Prefect flow run worked on last, or was the first for, so that its retry finds it again."""
    mine = or_(col(Job.flow_run_id) == flow_run_id, col(Job.idempotency_key) == key_of_flow_run(flow_run_id))
    return session.exec(select(Job).where(mine)).first()


def key_of_flow_run(flow_run_id: str) -> str:
    """Return the idempotency key of a job that a flow run made for itself."""
    return f"flow-run:{flow_run_id}"


def begin_attempt(lease: JobLease, flow_run_id: str | None) -> None:
    """Note that a run has started, and move an approved job to ``running``.

    On a job that ended with something missing this is a new wish: ``run`` grows. Raises Superseded for a cancelled job.
    """
    with fenced(lease) as (session, job):
        job.attempt += 1
        job.flow_run_id = flow_run_id
        job.started_at = job.started_at or utc_now()
        failed = any(scene.status == SceneStatus.FAILED for scene in scenes_of(session, lease.job_id))
        if job.status == JobStatus.FAILED or (job.status == JobStatus.COMPLETED and failed):
            try_again(session, job)
        job.submitted_attempt = job.wanted_attempt
        _start_rendering(session, job)


def keep_plan(lease: JobLease, plan: Plan) -> list[str]:
    """Store a storyboard and its scenes in one transaction; return the scenes' ids. Approves it when so wished."""
    with fenced(lease) as (session, job):
        scenes = [_scene(lease.job_id, index, entry) for index, entry in enumerate(plan.scenes)]
        session.add_all(scenes)
        session.flush()
        job.planner, job.warnings = plan.planner, [*job.warnings, *plan.warnings]
        if plan.selection_metadata is not None:
            job.parameters = {**job.parameters, "selection_metadata": plan.selection_metadata}
        job.plan_version += 1
        job.status = JobStatus.PLANNED
        count_scenes(session, job)
        estimate(session, job)
        note_missing_key(session, job)
        if job.auto_approve:
            _approve(job)
        announce(session, job)
        return [scene.id for scene in scenes]


def approve(session: Session, job_id: int, plan_version: int | None = None) -> Job:
    """Approve a planned job's storyboard; of several simultaneous calls exactly one succeeds.

    Raises NotFound, Conflict when the job is not waiting for approval or has no scenes, and Stale when
    ``plan_version`` names a storyboard that has been replaced.
    """
    job = locked_job(session, job_id)
    if job.status not in (JobStatus.QUEUED, JobStatus.PLANNED):
        raise Conflict("Job must be in pending state to be approved")
    if job.plan_version == 0:
        raise Conflict("Storyboard is not ready")
    if not scenes_of(session, job_id):
        raise Conflict("Job has no scenes")
    if plan_version is not None and plan_version != job.plan_version:
        raise Stale(f"the storyboard has changed: version {job.plan_version} is waiting, not {plan_version}")
    _approve(job)
    job.wanted_attempt += 1
    restart(job)
    note_missing_key(session, job)
    announce(session, job)
    return job


def start_rendering(lease: JobLease) -> None:
    """Move an approved job to ``running``."""
    with fenced(lease) as (session, job):
        _start_rendering(session, job)


def keep_film(lease: JobLease, film_sha256: str, input_hash: str) -> None:
    """Remember the stitched film and what it was made of; it is not yet published."""
    with fenced(lease) as (session, job):
        job.film_sha256, job.film_input_hash = film_sha256, input_hash
        merge_progress(job, stage="stitching", percentage=90.0)
        append_event(session, job_topic(lease.job_id), "progress", job.progress)


def publish(lease: JobLease, video_sha256: str, result: dict[str, Any]) -> bool:
    """Publish the final bytes as a new revision and complete the job.

    Publishing the same bytes again changes nothing, unless a scene was asked for anew: an engine that gives the same
    pictures for the same wish has fulfilled that wish all the same. ``result`` is stored with the revision in it.
    Returns False, having done nothing, when a scene waits that was asked for meanwhile: the film is made again with it.
    """
    with fenced(lease) as (session, job):
        if waiting_scenes(session, job):
            return False
        if job.video_sha256 != video_sha256 or job.only_scenes:
            job.video_sha256, job.thumbnail_sha256 = video_sha256, None
            job.revision += 1
        job.result = {**result, "revision": job.revision}
        count_scenes(session, job)
        end(session, job, JobStatus.COMPLETED)
        return True


def give_up(lease: JobLease) -> bool:
    """Return the job to the status it had when what was wished for cannot improve on what is published.

    That is so when a regenerated take failed, or when the new film would lose a scene that the published one shows;
    unless it shows a scene that was deleted since. Returns whether the job came to rest.
    """
    with fenced(lease) as (session, job):
        scenes = scenes_of(session, lease.job_id)
        standing = {scene.id for scene in scenes if scene.clip_sha256}
        shown = {clip["scene_id"] for clip in (job.result or {}).get("clips", [])}
        failed = [scene for scene in scenes if scene.status == SceneStatus.FAILED]
        regeneration_failed = any(scene.id in (job.only_scenes or ()) for scene in failed)
        loses_a_scene = bool((shown & {scene.id for scene in scenes}) - standing)
        must_leave_one_out = bool(standing) and not shown <= {scene.id for scene in scenes}
        if must_leave_one_out or not (regeneration_failed or loses_a_scene) or waiting_scenes(session, job):
            return False
        status = job.status_before_run or JobStatus.COMPLETED
        reasons = "; ".join(f"scene {scene.scene_index + 1}: {scene.error}" for scene in failed)
        count_scenes(session, job)
        end(session, job, status, reasons if status == JobStatus.FAILED else None)
        return True


def fail(lease: JobLease, reason: str) -> None:
    """End the job as failed, with the reason. What is finished stays, and a retry goes on from there."""
    with fenced(lease) as (session, job):
        count_scenes(session, job)
        end(session, job, JobStatus.FAILED, reason)


def _start_rendering(session: Session, job: Job) -> None:
    if job.status == JobStatus.APPROVED:
        job.status = JobStatus.RUNNING
        merge_progress(job, stage="starting_render", percentage=10.0, detail=None, started_at=timestamp())
        announce(session, job)


def _approve(job: Job) -> None:
    job.recoveries = 0  # planning's deaths are not rendering's
    job.status, job.approved_version, job.approved_at = JobStatus.APPROVED, job.plan_version, utc_now()


def _campaign(session: Session, request: VideoRequest) -> Campaign:
    campaign = session.get(Campaign, request.campaign_id) if request.campaign_id else None
    if campaign is None:
        raise NotFound("Campaign not found")
    return campaign


def _add_job(
    session: Session,
    request: VideoRequest,
    campaign: Campaign,
    client_id: str | None,
    given: dict[str, Any],
    decided: dict[str, Any],
) -> Job:
    """Add the job and tell of it.

    Its row keeps what was given, unchanged, and beside it everything that decides the film.
    """
    known_client = client_id if client_id and session.get(Client, client_id) else None
    said = {name: value for name, value in decided.items() if value is not None or name in given}
    owners = {"campaign_id": campaign.id, **({"client_id": client_id} if client_id else {})}
    job = Job(
        workflow=request.workflow,
        name=request.name or _next_name(session, campaign),
        campaign_id=campaign.id,
        client_id=known_client or campaign.client_id,
        parameters={**request.parameters(), **given, **said, **owners},
        auto_approve=request.approve,
    )
    merge_progress(job, stage="pending", percentage=0.0, costs={"estimated": 0.0, "currency": "USD"})
    session.add(job)
    session.flush()
    announce(session, job)
    return job


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
