"""What its owner does to a scene: change it, move it, have it made anew, delete it."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from models.errors import Conflict
from models.jobs import Job, JobStatus, Scene, SceneStatus
from storage.costs import estimate
from storage.progress import scenes_of, settle_counters
from storage.scene_models import note_missing_key
from storage.vendor_calls import give_up_calls
from storage.wishes import announce, announce_scene, want_run

CREATIVE = frozenset(
    (
        "title", "description", "prompt", "duration_s", "transition", "scene_type", "model", "aspect_ratio",
        "first_asset_id", "last_asset_id",
    )
)  # fmt: skip
"""The columns that say what a scene shows; the others that may be changed say how far it is."""

_BEFORE_APPROVAL = (JobStatus.QUEUED, JobStatus.PLANNED)
_IN_A_RUN = (JobStatus.APPROVED, JobStatus.RUNNING)


def update_scene(session: Session, job: Job, scene: Scene, changes: dict[str, Any], position: int | None) -> None:
    """Set columns of a scene, and move it to ``position`` (zero-based) when that is given.

    Setting a status starts nothing. A change of what a scene shows does not render it again; moving a scene of a
    completed job has the film stitched anew. Raises Conflict while the scene is being rendered, or, for a move,
    while its job is approved or running.
    """
    if scene.status == SceneStatus.RUNNING and (position is not None or not CREATIVE.isdisjoint(changes)):
        raise Conflict("Scene is currently processing")
    if position is not None and job.status in _IN_A_RUN:
        raise Conflict("Cannot move scene while job is processing")
    _apply(job, scene, changes)
    if "status" in changes:
        scene.progress = 1.0 if scene.status == SceneStatus.COMPLETED else 0.0
        scene.error = scene.error if scene.status == SceneStatus.FAILED else None
    moved = position is not None and position != scene.scene_index
    if moved and position is not None:
        order = [other for other in scenes_of(session, job.id or 0) if other.id != scene.id]
        order.insert(position, scene)
        _number(session, order)
        _changed_storyboard(job)
    announce_scene(session, scene)
    _settle(session, job, stitch_again=moved)


def regenerate_scene(session: Session, job: Job, scene: Scene, changes: dict[str, Any]) -> None:
    """Ask for another take of a scene, after applying creative changes.

    A job at rest gets a run that renders only this scene; a run in progress renders it, too; a job that waits for
    approval renders it with the rest. What is published stays until it is replaced. Raises Conflict when the scene
    waits or is being rendered already.
    """
    if scene.status in (SceneStatus.PENDING, SceneStatus.RUNNING):
        raise Conflict(f"Scene is currently {'pending' if scene.status == SceneStatus.PENDING else 'processing'}")
    _apply(job, scene, changes)
    another_take(session, scene)
    settle_counters(session, job)
    if job.status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        return want_run(session, job, only_scenes=[scene.id], new_wish=True)
    if job.status in _IN_A_RUN and job.only_scenes is not None:
        job.only_scenes = [*job.only_scenes, scene.id]
    announce(session, job)


def another_take(session: Session, scene: Scene) -> None:
    """Let a scene wait for another take; what is still being made of the one before is given up."""
    give_up_calls(session, scene_id=scene.id)
    scene.take += 1
    scene.status, scene.error, scene.progress, scene.provider_id = SceneStatus.PENDING, None, 0.0, None
    scene.clip_sha256 = scene.clip_thumbnail_sha256 = scene.clip = None
    announce_scene(session, scene)


def delete_scene(session: Session, job: Job, scene: Scene) -> None:
    """Delete a scene; those that remain keep their order. A completed job with a clip left is stitched without it.

    Raises Conflict while the job is approved or running.
    """
    if job.status in _IN_A_RUN:
        raise Conflict("Cannot delete scene while job is processing")
    give_up_calls(session, scene_id=scene.id)
    session.delete(scene)
    session.flush()
    remaining = scenes_of(session, job.id or 0)
    _number(session, remaining)
    _changed_storyboard(job)
    _settle(session, job, stitch_again=any(other.clip_sha256 for other in remaining))


def _apply(job: Job, scene: Scene, changes: dict[str, Any]) -> None:
    for column, value in changes.items():
        setattr(scene, column, value)
    if not CREATIVE.isdisjoint(changes):
        _changed_storyboard(job)


def _changed_storyboard(job: Job) -> None:
    """Who approves must have seen what is rendered, so a storyboard that waits for approval gets another number."""
    if job.status in _BEFORE_APPROVAL:
        job.plan_version += 1


def _number(session: Session, order: Sequence[Scene]) -> None:
    """Write the scenes' places: first out of the way, because no two may ever share one."""
    for offset in (-len(order) - 1, 0):
        for place, scene in enumerate(order):
            scene.scene_index = place + offset
            session.add(scene)
        session.flush()


def _settle(session: Session, job: Job, *, stitch_again: bool) -> None:
    settle_counters(session, job)
    if job.status in _BEFORE_APPROVAL:
        estimate(session, job)
    note_missing_key(session, job)
    if stitch_again and job.status == JobStatus.COMPLETED:
        want_run(session, job, only_scenes=[], new_wish=False)
    else:
        announce(session, job)
