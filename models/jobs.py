"""Jobs and their scenes: what was asked for, how far it is, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import JsonColumn, UtcDateTime, new_uuid, utc_now, word_column


class JobStatus(StrEnum):
    """The kernel's words for a job; every public surface translates them into its own."""

    QUEUED = "queued"
    PLANNED = "planned"
    APPROVED = "approved"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SceneStatus(StrEnum):
    """The kernel's words for a scene."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Job(SQLModel, table=True):
    """A wish and its state. A flow run advances it; only the run that holds the lease writes to it.

    Three counters are easily confused. ``run`` counts the user's wishes (the first one, then every retry and
    regenerate). ``attempt`` counts Prefect runs, recoveries included; a job needs one exactly when
    ``wanted_attempt > submitted_attempt``. ``plan_version`` counts storyboards; ``approved_version`` names the one
    that was approved.

    A wish for a job at rest may be narrow. ``only_scenes`` then names the scenes that its run may render (None: every
    scene that waits), and ``status_before_run`` is where the job returns to when a regenerated take fails.
    """

    __tablename__ = "jobs"
    __table_args__ = {"sqlite_autoincrement": True}  # a deleted job's number is never given to another

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(default_factory=new_uuid, unique=True, max_length=36)
    workflow: str = Field(max_length=32, index=True)
    status: JobStatus = Field(default=JobStatus.QUEUED, sa_type=word_column(JobStatus), index=True)
    name: str = Field(max_length=300)
    campaign_id: str | None = Field(
        default=None, foreign_key="campaigns.id", ondelete="SET NULL", index=True, max_length=36
    )
    client_id: str | None = Field(
        default=None, foreign_key="clients.id", ondelete="SET NULL", index=True, max_length=36
    )
    parent_id: int | None = Field(default=None, foreign_key="jobs.id", ondelete="CASCADE", index=True)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)

    planner: str | None = Field(default=None, max_length=64)
    plan_version: int = 0
    approved_version: int | None = None
    auto_approve: bool = False
    warnings: list[str] = Field(default_factory=list, sa_type=JsonColumn)

    wanted_attempt: int = 1
    submitted_attempt: int = 0
    attempt: int = 0
    run: int = 1
    recoveries: int = 0
    only_scenes: list[str] | None = Field(default=None, sa_type=JsonColumn)
    status_before_run: JobStatus | None = Field(default=None, sa_type=word_column(JobStatus))
    lease_owner: str | None = Field(default=None, max_length=100)
    lease_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    flow_run_id: str | None = Field(default=None, max_length=36, index=True)

    progress: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)
    error: str | None = None

    film_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    film_input_hash: str | None = Field(default=None, max_length=64)
    video_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    thumbnail_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    revision: int = 0
    result: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    estimated_cost_usd: float = 0.0

    idempotency_key: str | None = Field(default=None, unique=True, max_length=255)
    request_hash: str | None = Field(default=None, max_length=64)

    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    approved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Scene(SQLModel, table=True):
    """One scene of a job: what to show, and the clip of its current take.

    ``scene_index`` is zero-based and decides the order everywhere. ``take`` counts wanted results. ``progress`` is
    the share of the current take that is done, 0–1. ``clip`` holds facts measured on the stored file.
    """

    __tablename__ = "scenes"
    __table_args__ = (UniqueConstraint("job_id", "scene_index", name="uq_scenes_order"),)

    id: str = Field(default_factory=new_uuid, primary_key=True, max_length=36)
    job_id: int = Field(foreign_key="jobs.id", ondelete="CASCADE", index=True)
    scene_index: int
    status: SceneStatus = Field(default=SceneStatus.PENDING, sa_type=word_column(SceneStatus))
    take: int = 1
    progress: float = 0.0
    error: str | None = None
    provider_id: str | None = Field(default=None, max_length=255, index=True)

    title: str
    description: str
    prompt: str
    duration_s: float
    transition: str = Field(max_length=32)
    first_asset_id: str | None = Field(default=None, foreign_key="assets.id", ondelete="SET NULL", max_length=36)
    last_asset_id: str | None = Field(default=None, foreign_key="assets.id", ondelete="SET NULL", max_length=36)
    camera_movement: str | None = Field(default=None, max_length=32)
    scene_type: str | None = None
    scene_name: str | None = None
    model: str | None = Field(default=None, max_length=100)
    aspect_ratio: str | None = Field(default=None, max_length=8)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JsonColumn)

    clip_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    clip_thumbnail_sha256: str | None = Field(default=None, foreign_key="objects.sha256", index=True, max_length=64)
    clip: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)

    inserted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
