"""Photos that a request brings along: told by their addresses, taken into the campaign without being fetched."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from sqlmodel import Session

from api.errors import InvalidFields, refusal
from api.v3.creation_fields import field
from api.v3.fields import is_uuid
from models.assets import Asset
from models.campaigns import Campaign

MOST_PHOTOS = 500
_KEPT = ("dominantColors", "detectedObjects", "composition", "lighting", "resolution", "aspectRatio")
_LONGEST_URL = 4000


def photos_sent(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the photos of a request, each picture once. Raises InvalidFields for entries that name none."""
    sent = field(document, "photos")
    if sent is None:
        return []
    if not isinstance(sent, list) or len(sent) > MOST_PHOTOS or not all(_names_a_picture(entry) for entry in sent):
        raise InvalidFields({"photos": ["is invalid"]})
    return list({(entry.get("id") or entry.get("url")): entry for entry in reversed(sent)}.values())[::-1]


def take_in(session: Session, campaign: Campaign, photos: list[dict[str, Any]]) -> list[str]:
    """Return the assets' ids for the photos of a request, adding those that the campaign does not have yet."""
    ids = []
    for entry in photos:
        known = _known(session, campaign, entry)
        if known is None:
            if not _address(entry):
                raise refusal(422, "Validation failed", details={"photos": ["does not exist"]})
            known = _asset(campaign, entry)
            session.add(known)
            session.flush()  # one by one, so that their age follows the order in which they were sent
        ids.append(known.id)
    return list(dict.fromkeys(ids))


def _known(session: Session, campaign: Campaign, entry: dict[str, Any]) -> Asset | None:
    photo_id = entry.get("id")
    asset = session.get(Asset, photo_id) if isinstance(photo_id, str) and is_uuid(photo_id) else None
    return asset if asset is not None and asset.campaign_id == campaign.id and asset.type == "image" else None


def _asset(campaign: Campaign, entry: dict[str, Any]) -> Asset:
    address = _address(entry)
    assert address is not None
    name = _text(entry.get("filename")) or unquote(address.path.rpartition("/")[2]).replace("\0", "")
    sides = re.fullmatch(r"\s*(\d{1,6})\s*[x×*]\s*(\d{1,6})\s*(?:px)?\s*", str(field(entry, "resolution")))
    tags = entry.get("tags")
    told = {name: value for name in _KEPT if (value := entry.get(name)) is not None}
    return Asset(
        type="image",
        campaign_id=campaign.id,
        client_id=campaign.client_id,
        source_url=address.geturl(),
        name=name or None,
        tags=[tag.strip() for tag in tags if _text(tag)] if isinstance(tags, list) else [],
        extra={**told, "original_name": name},
        width=int(sides[1]) or None if sides else None,
        height=int(sides[2]) or None if sides else None,
    )


def _names_a_picture(entry: Any) -> bool:
    """Tell whether an entry says which picture it means. What it says beside that may be of any kind."""
    if not isinstance(entry, dict):
        return False
    if any(isinstance(text, str) and "\0" in text for text in _texts(entry)):
        return False
    has_id = isinstance(entry.get("id"), str) and bool(entry["id"].strip())
    return _address(entry) is not None if entry.get("url") else has_id


def _address(entry: dict[str, Any]) -> SplitResult | None:
    """Return the photo's address if it could be fetched as far as its spelling goes; it is guarded when it is."""
    url = _text(entry.get("url"))
    try:
        address = urlsplit(url.strip())
        is_sound = address.port is None or address.port > 0  # reading the port checks it
        usable = address.scheme in ("http", "https") and address.hostname and address.username is None
        return address if usable and is_sound and len(url) <= _LONGEST_URL else None
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    yield value


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.strip() else ""
