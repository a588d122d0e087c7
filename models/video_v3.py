"""How the video API (version 3) shows jobs: kernel rows in that surface's words.

Kernel words never leave through this surface: ``queued`` and ``planned`` read ``pending``, ``running`` reads
``processing``. Scenes are projected in ``models.video_v3_scenes``.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from models.jobs import Job, JobStatus, Scene
from models.video_v3_scenes import Storyboard, clip_url, stamp, storyboard_of

JobType = Literal["standard", "image_pairs", "property_photos"]
WireStatus = Literal["pending", "approved", "processing", "completed", "failed", "cancelled"]

CURRENCY = "USD"
TYPES: dict[str, JobType] = {"image-pairs": "image_pairs", "property-video": "property_photos"}
"""The workflows that this surface shows, and what it calls them."""

STATUSES: dict[JobStatus, WireStatus] = {
    JobStatus.QUEUED: "pending",
    JobStatus.PLANNED: "pending",
    JobStatus.APPROVED: "approved",
    JobStatus.RUNNING: "processing",
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
}

_TYPE_ALIASES = {"property_video": "property_photos"}
_STATUS_ALIASES = {"rendering": "processing"}


class JobDocument(BaseModel):
    """A job as shown on its own. ``error`` says the same as ``progress.error``; ``result`` is null until published."""

    job_id: int
    type: JobType
    status: WireStatus
    video_name: str
    estimated_cost: float
    costs: dict[str, Any]
    progress_percentage: float
    current_stage: str
    parameters: dict[str, Any]
    storyboard: Storyboard
    progress: dict[str, Any]
    error: str | None
    result: dict[str, Any] | None
    campaign_id: str | None
    client_id: str | None
    inserted_at: str
    updated_at: str
    plan_version: int
    planner: str | None
    warnings: list[str]


class JobSummary(BaseModel):
    """A job as shown in lists; ``video_url`` is null until a video is published."""

    job_id: int
    type: JobType
    status: WireStatus
    video_name: str
    estimated_cost: float
    costs: dict[str, Any]
    progress_percentage: float
    current_stage: str
    scene_count: int
    campaign_id: str | None
    client_id: str | None
    video_url: str | None
    thumbnail_url: str | None
    error: str | None
    inserted_at: str
    updated_at: str


class GeneratedVideo(BaseModel):
    """A published video of a completed job."""

    job_id: int
    video_name: str
    status: WireStatus
    type: JobType
    estimated_cost: float
    costs: dict[str, Any]
    campaign_id: str | None
    client_id: str | None
    inserted_at: str
    updated_at: str
    storyboard: Storyboard
    total_duration: float
    video_url: str
    thumbnail_url: str


def job_document(job: Job, scenes: Sequence[Scene], spent_usd: float = 0.0) -> JobDocument:
    """Return the job as shown on its own. ``scenes`` are in their order, ``spent_usd`` is what providers took."""
    return JobDocument(
        **_shared(job, spent_usd),
        parameters={**job.parameters, "estimated_cost": money(job.estimated_cost_usd), "cost_currency": CURRENCY},
        storyboard=storyboard_of(scenes, job.parameters),
        progress=progress_of(job.progress),
        error=job.error,
        result=_result(job, scenes),
        plan_version=job.plan_version,
        planner=job.planner,
        warnings=job.warnings,
        **_standing(job),
    )


def job_summary(job: Job, scene_count: int, spent_usd: float = 0.0) -> JobSummary:
    """Return the job as shown in lists."""
    return JobSummary(
        **_shared(job, spent_usd),
        scene_count=scene_count,
        video_url=video_url(job) if job.video_sha256 else None,
        thumbnail_url=thumbnail_url(job) if job.video_sha256 else None,
        error=job.error,
        **_standing(job),
    )


def generated_video(
    job: Job, scenes: Sequence[Scene], spent_usd: float, campaign_client_id: str | None
) -> GeneratedVideo:
    """Return a completed job's published video; the client is the job's own, else its campaign's."""
    storyboard = storyboard_of(scenes, job.parameters)
    shared = _shared(job, spent_usd)
    shared["client_id"] = shared["client_id"] or campaign_client_id
    return GeneratedVideo(
        **shared,
        storyboard=storyboard,
        total_duration=storyboard.total_duration,
        video_url=video_url(job),
        thumbnail_url=thumbnail_url(job),
    )


def progress_of(progress: dict[str, Any]) -> dict[str, Any]:
    """Return the progress object: what is not known yet is absent."""
    return {key: value for key, value in progress.items() if value is not None}


def video_url(job: Job) -> str:
    """Return where the published video is; a later revision has another address, because caches never ask again."""
    return f"/api/v3/videos/{job.id}/combined{_version(job.revision)}"


def thumbnail_url(job: Job) -> str:
    """Return where the published video's picture is."""
    return f"/api/v3/videos/{job.id}/thumbnail{_version(job.revision)}"


def workflow_of(type: str) -> str | None:
    """Return the workflow behind a type as callers write it, or None for one that no job here can have."""
    wanted = _TYPE_ALIASES.get(type, type)
    return next((workflow for workflow, name in TYPES.items() if name == wanted), None)


def statuses_of(status: str) -> list[JobStatus]:
    """Return the kernel's words behind a status as callers write it; none for an unknown word."""
    wanted = _STATUS_ALIASES.get(status, status)
    return [word for word, name in STATUSES.items() if name == wanted]


def costs_of(estimated_usd: float, spent_usd: float = 0.0) -> dict[str, Any]:
    """Return the costs object; ``actual`` is there once money was spent."""
    costs: dict[str, Any] = {"estimated": money(estimated_usd), "currency": CURRENCY}
    return costs | ({"actual": money(spent_usd)} if spent_usd > 0 else {})


def money(amount_usd: float) -> float:
    """Return an amount as this surface writes it."""
    return round(float(amount_usd), 2)


def _shared(job: Job, spent_usd: float) -> dict[str, Any]:
    """Return what every view of a job shows. Its parameters remember owners that were deleted since."""
    return {
        "job_id": job.id,
        "type": TYPES[job.workflow],
        "status": STATUSES[job.status],
        "video_name": job.name,
        "estimated_cost": money(job.estimated_cost_usd),
        "costs": costs_of(job.estimated_cost_usd, spent_usd),
        "campaign_id": job.campaign_id or _text(job.parameters.get("campaign_id")),
        "client_id": _text(job.parameters.get("client_id")) or job.client_id,
        "inserted_at": stamp(job.inserted_at),
        "updated_at": stamp(job.updated_at),
    }


def _standing(job: Job) -> dict[str, Any]:
    return {
        "progress_percentage": job.progress.get("percentage", 0),
        "current_stage": job.progress.get("stage", "unknown"),
    }


def _result(job: Job, scenes: Sequence[Scene]) -> dict[str, Any] | None:
    """Return what was published, with the addresses of today."""
    if job.result is None or job.video_sha256 is None:
        return None
    takes = {scene.id: scene.take for scene in scenes}
    clips = [_clip(job, clip, takes.get(clip["scene_id"], 1)) for clip in job.result.get("clips", [])]
    return {
        "video_url": video_url(job),
        "thumbnail_url": thumbnail_url(job),
        "audio_url": None,
        **job.result,
        "clips": clips,
    }


def _clip(job: Job, clip: dict[str, Any], take: int) -> dict[str, Any]:
    url = clip_url(job.id or 0, clip["scene_id"], take)
    return {**clip, "url": url, "thumbnail_url": clip_url(job.id or 0, clip["scene_id"], take, "/thumbnail")}


def _version(revision: int) -> str:
    return f"?v={revision}" if revision > 1 else ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
