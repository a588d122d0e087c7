"""A campaign's photos as a planner sees them, and what it may know beside them."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from media.decode import open_picture
from models.assets import Asset
from models.campaigns import Campaign, Client
from models.errors import AtelierError
from models.jobs import Job
from models.storyboard import CreativeBrief, Photo, PhotoFeatures, PropertyFacts
from providers.planner.features import picture_features
from storage.assets import keep_features
from storage.database import get_database
from storage.stores import get_object_store

_LABELS = ("scene_type", "room_type", "view", "style", "keywords", "tags")
_TEXTS = ("caption", "description", "summary")


def photos_of(assets: Sequence[Asset], *, with_features: bool) -> list[Photo]:
    """Return the assets, oldest first, as photos; with their features, computed where they are not known yet."""
    return [_photo(asset, rank, _features(asset) if with_features else None) for rank, asset in enumerate(assets)]


def creative_brief(job: Job, *, facts: PropertyFacts | None = None, style: str | None = None) -> CreativeBrief:
    """Return what the job's campaign and its client say."""
    with get_database().read() as session:
        campaign = session.get(Campaign, job.campaign_id) if job.campaign_id else None
        client = session.get(Client, campaign.client_id) if campaign else None
    return CreativeBrief(
        brief=campaign.brief or campaign.goal if campaign else None,
        client_name=client.name if client else None,
        client_guidelines=client.brand_guidelines if client else None,
        property_facts=facts,
        style=style,
    )


def _photo(asset: Asset, rank: int, features: PhotoFeatures | None) -> Photo:
    told = asset.extra
    return Photo(
        id=asset.id,
        age_rank=rank,
        name=asset.name or "",
        original_name=_text(told, "original_name", "originalName"),
        tags=tuple(asset.tags),
        labels=tuple(label for name in _LABELS for label in _strings(told, name)),
        description=asset.description or "",
        texts=(*(text for name in _TEXTS if (text := _text(told, name))), _file_name(asset.source_url)),
        dominant_colors=tuple(_strings(told, "dominant_colors", "dominantColors")),
        detected_objects=tuple(_strings(told, "detected_objects", "detectedObjects")),
        composition=_text(told, "composition"),
        lighting=_text(told, "lighting"),
        width=asset.width or 0,
        height=asset.height or 0,
        features=features,
    )


def _features(asset: Asset) -> PhotoFeatures | None:
    """Return what the asset's pixels say, computing it only the first time; None when there is nothing to look at."""
    if asset.features is not None:
        return PhotoFeatures.model_validate(asset.features)
    if asset.object_sha256 is None:
        return None
    try:
        with get_object_store().local_file(asset.object_sha256) as path:
            features = picture_features(open_picture(path, max_side_px=1024))
    except AtelierError:  # rendering will say what is wrong with it; planning goes by its name
        return None
    with get_database().write() as session:
        keep_features(session, asset.id, features.model_dump(mode="json"))
    return features


def _text(told: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := told.get(name), str)), "")


def _strings(told: dict[str, Any], *names: str) -> Iterator[str]:
    """Yield the texts of an array, or those that stand between commas."""
    value = next((told[name] for name in names if told.get(name)), None)
    if isinstance(value, str):
        yield from filter(None, map(str.strip, re.split("[,;]", value)))
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _file_name(address: str | None) -> str:
    return unquote(urlsplit(address or "").path.rpartition("/")[2])
