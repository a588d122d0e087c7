"""How the video API (version 3) shows scenes: one by one, and together as the storyboard."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from models.jobs import Scene, SceneStatus
from models.media import transition_frames, transitions_that_fit
from models.runs import VideoParameters

WireSceneStatus = Literal["pending", "processing", "completed", "failed"]

SCENE_STATUSES: dict[SceneStatus, WireSceneStatus] = {
    SceneStatus.PENDING: "pending",
    SceneStatus.RUNNING: "processing",
    SceneStatus.COMPLETED: "completed",
    SceneStatus.FAILED: "failed",
}
SCENE_WORDS: dict[str, SceneStatus] = {name: word for word, name in SCENE_STATUSES.items()}


class Storyboard(BaseModel):
    """The scenes in story order and their length together, in seconds."""

    scenes: list[dict[str, Any]]
    total_duration: float


class SceneSummary(BaseModel):
    """A scene as shown in its job's list; the addresses are null until it has a clip."""

    id: str
    status: WireSceneStatus
    provider_id: str | None
    has_video: bool
    scene_number: int
    title: str
    description: str
    prompt: str
    duration: float
    transition: str
    scene_type: str | None
    model: str | None
    aspect_ratio: str | None
    asset_ids: list[str | None]
    progress: float
    error: str | None
    clip_url: str | None
    thumbnail_url: str | None
    inserted_at: str
    updated_at: str


class SceneDetail(SceneSummary):
    """A scene as shown on its own; ``video_blob_size`` is 0 without a clip."""

    job_id: int
    video_blob_size: int


def scene_summary(scene: Scene) -> SceneSummary:
    """Return the scene as shown in its job's list."""
    return SceneSummary(**_shown(scene))


def scene_detail(scene: Scene, clip_bytes: int) -> SceneDetail:
    """Return the scene as shown on its own; ``clip_bytes`` is the size of its clip, 0 without one."""
    return SceneDetail(**_shown(scene), job_id=scene.job_id, video_blob_size=clip_bytes)


def storyboard_of(scenes: Sequence[Scene], parameters: dict[str, Any]) -> Storyboard:
    """Return the storyboard of scenes that are in their order; ``parameters`` are the job's.

    Where they ask for transitions, a scene starts as it first shows, before the end of the one that it follows.
    """
    entries: list[dict[str, Any]] = []
    clock = 0.0
    for position, (scene, shared_s) in enumerate(zip(scenes, _shared_s(scenes, parameters), strict=True)):
        entries.append(_entry(scene, position + 1, clock))
        clock = round(clock + scene.duration_s - shared_s, 6)
    return Storyboard(scenes=entries, total_duration=sum((scene.duration_s for scene in scenes), 0.0))


def clip_url(job_id: int, scene_id: str, take: int, picture: str = "") -> str:
    """Return where a scene's clip (or, with ``/thumbnail``, its picture) is; another take has another address."""
    version = f"?v={take}" if take > 1 else ""
    return f"/api/v3/videos/{job_id}/clips/clip_{scene_id}.mp4{picture}{version}"


def stamp(moment: datetime) -> str:
    """Return a timestamp as this surface writes it: UTC, whole seconds, no zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def percentage_done(scenes: Sequence[Scene]) -> float:
    """Return the share of completed scenes in percent, two decimals; 0 without scenes."""
    done = sum(scene.status == SceneStatus.COMPLETED for scene in scenes)
    return round(100 * done / len(scenes), 2) if scenes else 0.0


def _shown(scene: Scene) -> dict[str, Any]:
    has_clip = scene.clip_sha256 is not None
    return {
        "id": scene.id,
        "status": SCENE_STATUSES[scene.status],
        "provider_id": scene.provider_id,
        "has_video": has_clip,
        "scene_number": scene.scene_index + 1,
        "title": scene.title,
        "description": scene.description,
        "prompt": scene.prompt,
        "duration": scene.duration_s,
        "transition": scene.transition,
        "scene_type": scene.scene_type,
        "model": scene.model,
        "aspect_ratio": scene.aspect_ratio,
        "asset_ids": [scene.first_asset_id, scene.last_asset_id],
        "progress": round(100 * scene.progress, 1),
        "error": scene.error,
        "clip_url": clip_url(scene.job_id, scene.id, scene.take) if has_clip else None,
        "thumbnail_url": clip_url(scene.job_id, scene.id, scene.take, "/thumbnail") if has_clip else None,
        "inserted_at": stamp(scene.inserted_at),
        "updated_at": stamp(scene.updated_at),
    }


def _shared_s(scenes: Sequence[Scene], parameters: dict[str, Any]) -> list[float]:
    """Return for each scene how many seconds it shares with the next one."""
    wish = VideoParameters.model_validate(parameters)
    if not wish.transitions or not scenes:
        return [0.0] * len(scenes)
    shared = transition_frames(wish.fps)
    frame_counts = [round(scene.duration_s * wish.fps) for scene in scenes]
    blended = transitions_that_fit([scene.transition for scene in scenes], frame_counts, shared)
    return [*(shared / wish.fps if is_blended else 0.0 for is_blended in blended), 0.0]


def _entry(scene: Scene, number: int, starts_s: float) -> dict[str, Any]:
    optional = {"camera_movement": scene.camera_movement, "model": scene.model, "aspect_ratio": scene.aspect_ratio}
    return {
        "scene_number": number,
        "scene_id": scene.id,
        "title": scene.title,
        "description": scene.description,
        "prompt": scene.prompt,
        "duration": scene.duration_s,
        "time_start": starts_s,
        "time_end": round(starts_s + scene.duration_s, 6),
        "transition": scene.transition,
        "scene_type": scene.scene_type,
        "scene_name": scene.scene_name,
        "asset_ids": [scene.first_asset_id, scene.last_asset_id],
        "first_asset_id": scene.first_asset_id,
        "last_asset_id": scene.last_asset_id,
        **scene.details,
        **{key: value for key, value in optional.items() if value is not None},
    }
