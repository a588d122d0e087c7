"""Scenes: shown, changed, moved, made anew, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError
from sqlmodel import Session, col, select

from api.bodies import JsonObject, RequestBody, body_schema, read_body
from api.errors import Details, InvalidFields, refusal
from api.v3.answers import B_FINDS, B_READS
from api.v3.lookups import bytes_of, failing_as, job_of, scene_of
from api.v3.render_options import AspectName, ModelName
from models.assets import Asset
from models.errors import Conflict
from models.jobs import Scene, SceneStatus
from models.video_v3 import STATUSES, WireStatus
from models.video_v3_scenes import SCENE_WORDS, SceneDetail, SceneSummary, percentage_done, scene_detail, scene_summary
from storage import scene_edits
from storage.database import get_database
from storage.progress import scenes_of

router = APIRouter(prefix="/jobs/{job_id}/scenes", tags=["scenes"])

_COLUMNS = {"duration": "duration_s"}


class SceneList(BaseModel):
    """A job's scenes in their order; ``progress_percentage`` is the share that is completed."""

    job_id: int
    total_scenes: int
    completed_scenes: int
    progress_percentage: float
    scenes: list[SceneSummary]


class SceneShown(BaseModel):
    """A scene, and how its job stands."""

    scene: SceneDetail
    job_id: int
    job_status: WireStatus


class SceneChanged(BaseModel):
    """A scene after a change."""

    message: str
    scene: SceneDetail
    job_id: int


class SceneDeleted(BaseModel):
    """Which scene is gone."""

    message: str
    scene_id: str
    job_id: int


def _none_is_blank(value: Any) -> Any:
    return "" if value is None else value


_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), BeforeValidator(_none_is_blank)]
_Transition = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32), BeforeValidator(_none_is_blank)
]
_Word = Annotated[str, StringConstraints(max_length=255)]
_ALIASES = {"script": "description", "assets": "asset_ids"}


class Creative(RequestBody):
    """What a scene shows; what is left out stays as it is."""

    title: _Words = ""
    description: _Words = Field("", description="Also read as script.")
    prompt: _Words = ""
    duration: float = Field(0.0, gt=0, le=60, description="Seconds.")
    transition: _Transition = ""
    scene_type: _Word | None = None
    model: ModelName = None
    aspect_ratio: AspectName = None
    asset_ids: Any = Field(None, description="First and last image; also read as assets.")
    first_asset_id: Any = None
    last_asset_id: Any = None

    @model_validator(mode="before")
    @classmethod
    def _own_names(cls, document: dict[str, Any]) -> dict[str, Any]:
        return {_ALIASES[key]: value for key, value in document.items() if key in _ALIASES} | document

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("PostgreSQL cannot keep NUL")
        return value


class SceneUpdate(Creative):
    """What a scene shows, and how far it is."""

    status: str = Field("", description="pending, processing, completed or failed; setting it starts nothing.")
    provider_id: _Word | None = None
    scene_number: int = Field(0, gt=0, description="The scene's new place, 1 = first.")

    @field_validator("status")
    @classmethod
    def _known(cls, status: str) -> str:
        if status not in SCENE_WORDS:
            raise PydanticCustomError("unknown_status", "is invalid")
        return status


@router.get("", summary="A job's scenes in their order", response_model=SceneList, responses=B_FINDS)
def index(job_id: str) -> SceneList:
    """List the scenes."""
    with get_database().read() as session:
        job = job_of(session, job_id)
        scenes = scenes_of(session, job.id or 0)
    return SceneList(
        job_id=job.id or 0,
        total_scenes=len(scenes),
        completed_scenes=sum(scene.status == SceneStatus.COMPLETED for scene in scenes),
        progress_percentage=percentage_done(scenes),
        scenes=[scene_summary(scene) for scene in scenes],
    )


@router.get("/{scene_id}", summary="One scene", response_model=SceneShown, responses={**B_FINDS, **B_READS})
def show(job_id: str, scene_id: str) -> SceneShown:
    """Show a scene."""
    with get_database().read() as session:
        job = job_of(session, job_id)
        scene = scene_of(session, job, scene_id)
        detail = detail_of(session, scene)
    return SceneShown(scene=detail, job_id=job.id or 0, job_status=STATUSES[job.status])


_UPDATE: dict[str, Any] = {
    "summary": "Change or move a scene",
    "response_model": SceneChanged,
    "responses": {**B_FINDS, **B_READS},
    "openapi_extra": body_schema(SceneUpdate, required=False),
}


@router.put("/{scene_id}", **_UPDATE)
@router.patch("/{scene_id}", **_UPDATE)
def update(request: Request, job_id: str, scene_id: str, document: JsonObject) -> SceneChanged:
    """Change what a scene shows. A scene that has a clip is not rendered again by itself; regenerate does that."""
    with failing_as("Failed to update scene"), get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        scene = scene_of(session, job, scene_id)
        wish = read_body(SceneUpdate, document)
        changes = _creative_changes(session, wish)
        if "status" in wish.model_fields_set:
            changes["status"] = SCENE_WORDS[wish.status]
        if "provider_id" in wish.model_fields_set:
            changes["provider_id"] = wish.provider_id
        position = _position(session, scene, wish)
        try:
            scene_edits.update_scene(session, job, scene, changes, position)
        except Conflict as error:
            raise refusal(422, "Scene cannot be edited", scene_id=scene_id, reason=str(error)) from error
        detail = detail_of(session, scene)
    request.app.state.submitter.wake()
    return SceneChanged(message="Scene updated successfully", scene=detail, job_id=job.id or 0)


@router.post(
    "/{scene_id}/regenerate",
    summary="Render a scene anew",
    response_model=SceneChanged,
    responses={**B_FINDS, **B_READS},
    openapi_extra=body_schema(Creative, required=False),
)
def regenerate_scene(request: Request, job_id: str, scene_id: str, document: JsonObject) -> SceneChanged:
    """Ask for another take. The published video stays until the new one replaces it."""
    with failing_as("Failed to regenerate scene"), get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        scene = scene_of(session, job, scene_id)
        changes = _creative_changes(session, read_body(Creative, document))
        try:
            scene_edits.regenerate_scene(session, job, scene, changes)
        except Conflict as error:
            raise refusal(422, "Scene cannot be regenerated", scene_id=scene_id, reason=str(error)) from error
        detail = detail_of(session, scene)
    request.app.state.submitter.wake()
    return SceneChanged(message="Scene marked for regeneration", scene=detail, job_id=job.id or 0)


@router.delete(
    "/{scene_id}", summary="Delete a scene", response_model=SceneDeleted, responses={**B_FINDS, 422: B_READS[422]}
)
def delete(request: Request, job_id: str, scene_id: str) -> SceneDeleted:
    """Delete a scene. A completed job's video is stitched again without it."""
    with failing_as("Failed to delete scene"), get_database().write() as session:
        job = job_of(session, job_id, to_change=True)
        scene = scene_of(session, job, scene_id)
        try:
            scene_edits.delete_scene(session, job, scene)
        except Conflict as error:
            raise refusal(422, "Scene cannot be deleted", scene_id=scene_id, reason=str(error)) from error
    request.app.state.submitter.wake()
    return SceneDeleted(message="Scene deleted successfully", scene_id=scene_id, job_id=job.id or 0)


def detail_of(session: Session, scene: Scene) -> SceneDetail:
    """Return the scene as shown on its own."""
    return scene_detail(scene, bytes_of(session, scene.clip_sha256))


def _creative_changes(session: Session, wish: Creative) -> dict[str, Any]:
    """Return the columns to set. Raises InvalidFields for assets that are not there or are no images."""
    plain = set(Creative.model_fields) - {"asset_ids", "first_asset_id", "last_asset_id"}
    sent = {name: getattr(wish, name) for name in plain & wish.model_fields_set}
    return {_COLUMNS.get(name, name): value for name, value in sent.items()} | _asset_changes(session, wish)


def _asset_changes(session: Session, wish: Creative) -> dict[str, Any]:
    if "asset_ids" in wish.model_fields_set:
        field, ids = "asset_ids", wish.asset_ids
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise InvalidFields({"asset_ids": ["must be an array of strings"]})
        if len(ids) != 2:
            raise InvalidFields({"asset_ids": ["is invalid"]})
        wanted = dict(zip(("first_asset_id", "last_asset_id"), ids, strict=True))
    else:
        names = {"first_asset_id", "last_asset_id"} & wish.model_fields_set
        wanted = {name: getattr(wish, name) for name in sorted(names)}
        field = ""
    images = _images(session, [id for id in wanted.values() if isinstance(id, str)])
    details: Details = {}
    for name, id in wanted.items():
        if not isinstance(id, str):
            details[name] = ["is invalid"]
        elif id not in images:
            details[field or name] = ["does not exist"]
    if details:
        raise InvalidFields(details)
    return wanted


def _images(session: Session, ids: list[str]) -> set[str]:
    known = [id for id in ids if "\0" not in id]
    return set(session.exec(select(Asset.id).where(col(Asset.id).in_(known), Asset.type == "image")))


def _position(session: Session, scene: Scene, wish: SceneUpdate) -> int | None:
    """Return the scene's new place, zero-based, when one was sent. Raises InvalidFields for one after the last."""
    if "scene_number" not in wish.model_fields_set:
        return None
    if wish.scene_number > len(scenes_of(session, scene.job_id)):
        raise InvalidFields({"scene_number": ["is invalid"]})
    return wish.scene_number - 1
