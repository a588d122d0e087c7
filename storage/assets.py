"""Pictures people bring: their rows and their bytes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from models.assets import Asset
from models.campaigns import Campaign, Client
from models.columns import utc_now
from models.errors import NotFound
from models.jobs import Scene
from models.media import MediaFacts, MediaKind
from models.objects import StoredObject
from storage.intake import THUMBNAIL_CONTENT_TYPE, KeptFile
from storage.objects import ObjectKey, record_object

_FETCH_ERROR = "fetch_error"


def keep_asset(session: Session, asset: Asset, kept: KeptFile, original_name: str) -> None:
    """Add an asset whose bytes the object store has taken; sides that were not given are those that were measured."""
    record_object(session, kept.key, kept.facts.content_type)
    if kept.thumbnail is not None:
        record_object(session, kept.thumbnail, THUMBNAIL_CONTENT_TYPE)
        asset.thumbnail_sha256 = kept.thumbnail.sha256
    asset.type, asset.object_sha256 = kept.facts.kind, kept.key.sha256
    asset.extra = {**asset.extra, **_metadata(original_name, kept.facts)}
    asset.width, asset.height = asset.width or kept.facts.width, asset.height or kept.facts.height
    asset.duration_s = kept.facts.duration_s
    session.add(asset)
    session.flush()


def list_assets(
    session: Session,
    *,
    campaign_id: str | None = None,
    client_id: str | None = None,
    kind: MediaKind | None = None,
    limit: int,
    offset: int = 0,
) -> tuple[Sequence[Asset], int]:
    """Return the assets that match, newest first, and how many match in all."""
    wanted = {Asset.campaign_id: campaign_id, Asset.client_id: client_id, Asset.type: kind}
    where = [col(column) == value for column, value in wanted.items() if value is not None]
    total = session.exec(select(func.count()).select_from(Asset).where(*where)).one()
    query = select(Asset).where(*where).order_by(col(Asset.inserted_at).desc(), col(Asset.id).desc())
    return session.exec(query.limit(limit).offset(offset)).all(), total


def keep_asset_thumbnail(session: Session, asset_id: str, key: ObjectKey) -> StoredObject:
    """Remember the thumbnail that was made of an asset, unless the asset is gone; return its object."""
    row = record_object(session, key, THUMBNAIL_CONTENT_TYPE)
    asset = session.get(Asset, asset_id)
    if asset is not None:
        asset.thumbnail_sha256 = key.sha256
        session.add(asset)
    return row


def candidate_images(session: Session, campaign_id: str, only: Sequence[str] = ()) -> Sequence[Asset]:
    """Return the campaign's image assets, oldest first; with ``only`` the ones of these ids among them.

    A picture that was named by its address only is fetched when a scene of it is rendered (``fetched_bytes``).
    """
    query = select(Asset).where(Asset.campaign_id == campaign_id, Asset.type == "image")
    if only:
        query = query.where(col(Asset.id).in_(only))
    return session.exec(query.order_by(col(Asset.inserted_at), col(Asset.id))).all()


def campaign_assets(session: Session, campaign_id: str) -> Sequence[Asset]:
    """Return all of a campaign's assets, oldest first."""
    query = select(Asset).where(Asset.campaign_id == campaign_id)
    return session.exec(query.order_by(col(Asset.inserted_at), col(Asset.id))).all()


def asset_object(session: Session, asset_id: str | None) -> str:
    """Return the SHA-256 of an asset's bytes. Raises NotFound when the asset or its bytes are not there."""
    asset = session.get(Asset, asset_id) if asset_id else None
    if asset is not None and asset.object_sha256 is None:
        reason = asset.extra.get(_FETCH_ERROR, "it was not fetched yet")
        raise NotFound(f"a photo of this scene could not be fetched ({reason}); choose another one for the scene")
    if asset is None or asset.object_sha256 is None:
        raise NotFound("a photo of this scene was deleted; choose another one for the scene")
    return asset.object_sha256


def keep_features(session: Session, asset_id: str, features: dict[str, Any]) -> None:
    """Remember what planning by looks computed from an asset's pixels."""
    asset = session.get(Asset, asset_id)
    if asset is not None:
        asset.features = features
        asset.updated_at = utc_now()
        session.add(asset)


def assets_to_fetch(session: Session, job_id: int) -> Sequence[Asset]:
    """Return the assets that a job's scenes show and that are known by their address only."""
    shown = or_(col(Asset.id) == Scene.first_asset_id, col(Asset.id) == Scene.last_asset_id)
    query = select(Asset).join(Scene, shown).where(Scene.job_id == job_id, col(Asset.object_sha256).is_(None))
    return session.exec(query.distinct()).all()


def keep_fetched(session: Session, asset_id: str, kept: KeptFile) -> None:
    """Give an asset the bytes that were found at its address, unless it is gone or has some by now."""
    asset = session.get(Asset, asset_id, with_for_update=True)
    if asset is not None and asset.object_sha256 is None:
        asset.extra = {name: value for name, value in asset.extra.items() if name != _FETCH_ERROR}
        keep_asset(session, asset, kept, asset.extra.get("original_name", ""))


def note_fetch_failed(session: Session, asset_id: str, reason: str) -> None:
    """Remember why the address of an asset gave nothing; whoever needs its bytes is told."""
    asset = session.get(Asset, asset_id, with_for_update=True)
    if asset is not None:
        asset.extra = {**asset.extra, _FETCH_ERROR: reason}
        session.add(asset)


def create_campaign(session: Session, client_name: str, campaign_name: str) -> Campaign:
    """Add a campaign to the client of that name, who is added too when unknown."""
    client = session.exec(select(Client).where(Client.name == client_name)).first()
    if client is None:
        client = Client(name=client_name)
        session.add(client)
        session.flush()
    campaign = Campaign(client_id=client.id, name=campaign_name)
    session.add(campaign)
    session.flush()
    return campaign


def _metadata(original_name: str, facts: MediaFacts) -> dict[str, Any]:
    known = {"width": facts.width, "height": facts.height, "duration": facts.duration_s}
    return {
        "size": facts.size_bytes,
        "content_type": facts.content_type,
        "format": facts.format,
        "original_name": original_name,
        **{key: value for key, value in known.items() if value is not None},
    }
