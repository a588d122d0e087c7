"""Pictures people bring: their rows and their bytes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.assets import Asset
from models.campaigns import Campaign, Client
from models.columns import utc_now
from models.errors import NotFound
from models.media import MediaFacts, MediaKind
from models.objects import StoredObject
from storage.intake import THUMBNAIL_CONTENT_TYPE, KeptFile
from storage.objects import ObjectKey, record_object


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


def candidate_images(session: Session, campaign_id: str) -> Sequence[Asset]:
    """Return the campaign's image assets that have bytes, oldest first."""
    query = (
        select(Asset)
        .where(Asset.campaign_id == campaign_id, Asset.type == "image", col(Asset.object_sha256).is_not(None))
        .order_by(col(Asset.inserted_at), col(Asset.id))
    )
    return session.exec(query).all()


def campaign_assets(session: Session, campaign_id: str) -> Sequence[Asset]:
    """Return all of a campaign's assets, oldest first."""
    query = select(Asset).where(Asset.campaign_id == campaign_id)
    return session.exec(query.order_by(col(Asset.inserted_at), col(Asset.id))).all()


def asset_object(session: Session, asset_id: str | None) -> str:
    """Return the SHA-256 of an asset's bytes. Raises NotFound when the asset or its bytes are gone."""
    asset = session.get(Asset, asset_id) if asset_id else None
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
