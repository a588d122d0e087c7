"""The clip gallery: every scene of every job as an entry of its own."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.bodies import clamped
from api.v3.answers import OTHER, stamp
from api.v3.fields import QueryText
from api.v3.jobs import LAST_OFFSET
from models.columns import utc_now
from models.jobs import Scene, SceneStatus
from models.video_v3 import TYPES
from models.video_v3_scenes import SCENE_WORDS, scene_summary
from storage.database import get_database
from storage.gallery import list_scenes

router = APIRouter(prefix="/ai-videos", tags=["videos"])

_ALL = "all"


class ClipView(BaseModel):
    """A scene as the gallery shows it. Existing clients refuse the whole list when one field has another type."""

    id: str
    job_id: int = Field(serialization_alias="jobId")
    sub_job_number: int = Field(serialization_alias="subJobNumber", description="The scene's place, from 1")
    model_id: str = Field(serialization_alias="modelId")
    video_url: str = Field(serialization_alias="videoUrl", description="Empty without a clip")
    thumbnail_url: str = Field(serialization_alias="thumbnailUrl", description="Empty without a clip")
    status: str
    duration_seconds: float = Field(serialization_alias="durationSeconds")
    progress: float = Field(description="0 to 100")
    error_message: str | None = Field(serialization_alias="errorMessage")
    created_at: str = Field(serialization_alias="createdAt")
    completed_at: str | None = Field(serialization_alias="completedAt")
    prompt: str
    asset_ids: list[str] = Field(serialization_alias="assetIds", description="Empty text for a deleted photo")


class ClipList(BaseModel):
    """A part of the gallery, and how many entries there are altogether."""

    videos: list[ClipView]
    total: int


class Now(BaseModel):
    """When the answer was given."""

    timestamp: str


class Gallery(BaseModel):
    """The answer in three parts."""

    data: ClipList
    error: None = None
    meta: Now


@router.get("", summary="Clips of all jobs, newest first", response_model=Gallery, responses=OTHER)
def index(status: QueryText = None, limit: QueryText = None, offset: QueryText = None) -> Gallery:
    """List scenes of a status: ``completed`` unless it says otherwise, or ``all``; of an unknown one there are none."""
    word = (status or "").strip().lower() or SceneStatus.COMPLETED.value
    wanted = None if word == _ALL else SCENE_WORDS.get(word)
    workflows = [] if wanted is None and word != _ALL else list(TYPES)
    most, skipped = clamped(limit, 20, 1, 100), clamped(offset, 0, 0, LAST_OFFSET)
    with get_database().read() as session:
        scenes, total = list_scenes(session, workflows, wanted, most, skipped)
    clips = ClipList(videos=[_view(scene) for scene in scenes], total=total)
    return Gallery(data=clips, meta=Now(timestamp=stamp(utc_now())))


def _view(scene: Scene) -> ClipView:
    shown, clip = scene_summary(scene), scene.clip or {}
    return ClipView(
        id=scene.id,
        job_id=scene.job_id,
        sub_job_number=shown.scene_number,
        model_id=_model(scene),
        video_url=shown.clip_url or "",
        thumbnail_url=shown.thumbnail_url or "",
        status=shown.status,
        duration_seconds=clip.get("duration_s") or scene.duration_s,
        progress=shown.progress,
        error_message=scene.error,
        created_at=shown.inserted_at,
        completed_at=shown.updated_at if scene.status == SceneStatus.COMPLETED else None,
        prompt=scene.prompt,
        asset_ids=[asset_id or "" for asset_id in shown.asset_ids],
    )


def _model(scene: Scene) -> str:
    """Return what made the clip: a vendor's model by its own name, or ``local``; without a clip what is wished for."""
    made = scene.clip or {}
    engine, technique = made.get("engine"), made.get("technique")
    return str((engine if engine == "local" else technique or engine) or scene.model or "")
