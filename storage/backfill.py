"""Fetching the bytes of assets that know only where they come from."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlmodel import col, select

from media.accept import accept
from media.fetch import fetch
from models.assets import Asset
from models.columns import utc_now
from models.errors import AtelierError
from models.media import MediaKind
from settings import get_settings
from storage.assets import keep_asset
from storage.database import get_database
from storage.intake import KeptFile, keep_file

_FETCH_TIMEOUT_S = 60.0
_KINDS: dict[str, MediaKind] = {"image": "image", "video": "video", "audio": "audio", "document": "document"}
_log = logging.getLogger("atelier.backfill")

Outcome = Literal["stored", "failed", "skipped"]


class Summary(NamedTuple):
    """How many assets were looked at, and what became of them."""

    processed: int
    stored: int
    failed: int
    skipped: int


def backfill_assets(limit: int | None = None, sleep_ms: int = 0) -> Summary:
    """Fetch and store what assets without bytes were imported from, oldest first, under the rules for imports.

    ``limit`` takes only the first so many; ``sleep_ms`` waits between downloads. Each asset is one line in the log
    ``atelier.backfill``. One that cannot be fetched is left as it is; one that somebody else filled is skipped.
    """
    query = select(Asset.id).where(col(Asset.object_sha256).is_(None), col(Asset.source_url).is_not(None))
    with get_database().read() as session:
        ids = session.exec(query.order_by(col(Asset.inserted_at), col(Asset.id)).limit(limit)).all()
    outcomes: list[Outcome] = []
    for place, asset_id in enumerate(ids):
        if place and sleep_ms:
            time.sleep(sleep_ms / 1000)
        outcomes.append(_backfill(asset_id))
    summary = Summary(len(outcomes), *(outcomes.count(word) for word in ("stored", "failed", "skipped")))
    _log.info(" ".join(f"{name}={count}" for name, count in summary._asdict().items()))
    return summary


def _backfill(asset_id: str) -> Outcome:
    with get_database().read() as session:
        asset = session.get(Asset, asset_id)
    if asset is None or not _lacks_bytes(asset):
        _log.info("asset %s: skipped, it was filled or deleted meanwhile", asset_id)
        return "skipped"
    try:
        stored = _store(asset_id, _fetched(asset))
    except (AtelierError, OSError) as error:
        _log.info("asset %s: failed, %s", asset_id, error)
        return "failed"
    _log.info("asset %s: %s", asset_id, "stored" if stored else "skipped, it was filled or deleted meanwhile")
    return "stored" if stored else "skipped"


def _fetched(asset: Asset) -> KeptFile:
    settings = get_settings()
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=settings.scratch_dir, prefix="backfill-") as file:
        limit = settings.max_upload_mb * 1024**2
        with fetch(asset.source_url or "", limit_bytes=limit, timeout_s=_FETCH_TIMEOUT_S) as found:
            for chunk in found.chunks:
                file.write(chunk)
        file.flush()
        path = Path(file.name)
        return keep_file(path, accept(path, _KINDS.get(asset.type)))


def _store(asset_id: str, kept: KeptFile) -> bool:
    """Give an asset its bytes, unless it has some by now; what it knew of itself before stays. Return whether."""
    with get_database().write() as session:
        asset = session.get(Asset, asset_id)
        if asset is None or not _lacks_bytes(asset):
            return False
        told: dict[str, Any] = dict(asset.extra)
        duration_s = asset.duration_s
        keep_asset(session, asset, kept, str(told.get("original_name") or asset.name or asset.id))
        asset.duration_s = duration_s or asset.duration_s
        asset.extra = {
            **asset.extra,
            **{name: told[name] for name in ("width", "height", "duration") if told.get(name) is not None},
            "blob_backfilled_at": utc_now().strftime("%Y-%m-%dT%H:%M:%S"),
            "blob_size_bytes": kept.key.size_bytes,
            "original_content_type": kept.facts.content_type,
        }
        asset.updated_at = utc_now()
        return True


def _lacks_bytes(asset: Asset) -> bool:
    return asset.object_sha256 is None and asset.source_url is not None
