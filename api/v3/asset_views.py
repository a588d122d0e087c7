"""How assets are shown."""

from typing import Any

from pydantic import BaseModel, Field

from api.v3.answers import stamp
from models.assets import Asset


class AssetView(BaseModel):
    """An asset. Which of the last five keys are there depends on ``type``."""

    id: str
    user_id: str = Field("", alias="userId", description="Empty when unknown")
    client_id: str | None = Field(alias="clientId")
    campaign_id: str | None = Field(alias="campaignId")
    name: str
    url: str
    size: int | None
    uploaded_at: str = Field(alias="uploadedAt")
    description: str | None
    tags: list[str]
    thumbnail_blob_id: str | None = Field(alias="thumbnailBlobId")
    source_url: str | None = Field(alias="sourceUrl")
    type: str
    format: str | None
    width: int | None
    height: int | None
    duration: int = Field(0, description="Seconds, 0 = unknown; of video and audio")
    thumbnail_url: str | None = Field(None, alias="thumbnailUrl", description="Of video and documents")
    waveform_url: str | None = Field(None, alias="waveformUrl", description="Of audio")
    page_count: int | None = Field(None, alias="pageCount", description="Of documents")


class AssetPage(BaseModel):
    """Which part of the list is shown."""

    total: int
    limit: int
    offset: int


class AssetList(BaseModel):
    """A part of the list of assets."""

    data: list[AssetView]
    meta: AssetPage


class HasThumbnail(BaseModel):
    """Whether the thumbnail endpoint can serve the asset."""

    has_thumbnail: bool


class UnifiedAsset(BaseModel):
    """An asset just brought."""

    data: AssetView
    meta: HasThumbnail


class ImportFault(BaseModel):
    """Why an entry could not be imported: a text, or an object like the answer to a single import."""

    source: str | None
    error: str | dict[str, Any]


class ImportCount(BaseModel):
    """How an import went."""

    created: int
    failed: int
    errors: list[ImportFault]


class AssetImport(BaseModel):
    """The assets of an import that worked, in the order of the input, and what became of the others."""

    data: list[AssetView]
    meta: ImportCount


def shown(asset: Asset) -> dict[str, Any]:
    """Return the asset as the surface shows it."""
    path = f"/api/v3/assets/{asset.id}"
    view: dict[str, Any] = {
        "id": asset.id,
        "userId": "",
        "clientId": asset.client_id,
        "campaignId": asset.campaign_id,
        "name": asset.name or asset.id,
        "url": f"{path}/data",
        "size": _of_kind(asset.extra.get("size"), int),
        "uploadedAt": stamp(asset.inserted_at),
        "description": asset.description,
        "tags": asset.tags,
        "thumbnailBlobId": asset.thumbnail_sha256,
        "sourceUrl": asset.source_url,
        "type": asset.type,
        "format": _of_kind(asset.extra.get("format"), str),
        "width": asset.width,
        "height": asset.height,
    }
    match asset.type:
        case "video":
            view |= {"duration": round(asset.duration_s or 0), "thumbnailUrl": f"{path}/thumbnail"}
        case "audio":
            view |= {"duration": round(asset.duration_s or 0), "waveformUrl": None}
        case "document":
            view |= {"pageCount": None, "thumbnailUrl": None}
    return view


def _of_kind(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) else None
