"""Bringing assets: what is checked, in which order, and what is said when it does not work."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from api.bodies import read_body
from api.errors import InvalidFields, Refusal, refusal
from api.v3.asset_form import Upload
from api.v3.asset_input import AssetInput, Owner, kind_in
from api.v3.asset_views import shown
from media.accept import accept
from media.fetch import fetch
from models.assets import Asset
from models.errors import FetchFailed, InvalidMedia, StorageFull
from settings import get_settings
from storage.assets import keep_asset
from storage.database import get_database
from storage.intake import KeptFile, keep_file

NO_URL = "source_url is required"
MOST_ENTRIES = 500
_AT_ONCE = 5
_FETCH_TIMEOUT_S = 60.0
_URL_NAMES = ("source_url", "sourceUrl", "url")

Remember = Callable[[Session, Asset], None]


def names_url(document: dict[str, Any]) -> bool:
    """Return whether a request names an address to fetch from."""
    return any(document.get(name) for name in _URL_NAMES)


def bring(document: dict[str, Any], upload: Upload | None, fault: Refusal, remember: Remember | None = None) -> Asset:
    """Return the asset that was made of an upload or of what is at an address.

    Fields and owner are checked before anything is fetched, bytes before anything is stored. ``remember`` runs in the
    transaction that adds the row. Raises InvalidFields, Refusal 400 for what cannot be fetched or is not accepted,
    and ``fault`` when the bytes or the row cannot be kept.
    """
    body = read_body(AssetInput, document)
    tags = body.shown_tags()
    with _storage_faults(fault):
        with get_database().read() as session:
            Owner(session, body)
        with _on_disk(body, upload) as path:
            kept = _kept(path, body)
        asset = Asset(
            type=kept.facts.kind,
            source_url=None if upload else body.source_url,
            name=body.shown_name(upload.name if upload else None),
            description=body.shown_description(),
            tags=tags,
            extra=body.metadata,
            width=body.width,
            height=body.height,
        )
        with get_database().write() as session:
            owner = Owner(session, body)  # once more: it may have been deleted while the bytes arrived
            asset.campaign_id, asset.client_id = owner.campaign_id, owner.client_id
            keep_asset(session, asset, kept, _original_name(body, upload))
            if remember is not None:
                remember(session, asset)
    return asset


def import_all(entries: list[Any], defaults: dict[str, Any], fault: Refusal) -> dict[str, Any]:
    """Import every entry, five at a time; return the answer in the order of the entries."""

    def one(entry: Any) -> dict[str, Any] | Refusal:
        try:
            return shown(_import_entry(entry, defaults, fault))
        except InvalidFields as error:
            return refusal(422, str(error), details=error.details)
        except Refusal as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as workers:
        results = list(workers.map(one, entries))
    made = [result for result in results if not isinstance(result, Refusal)]
    errors = [
        {"source": _source(entry), "error": result.body["error"] if len(result.body) == 1 else result.body}
        for entry, result in zip(entries, results, strict=True)
        if isinstance(result, Refusal)
    ]
    return {"data": made, "meta": {"created": len(made), "failed": len(errors), "errors": errors}}


def _import_entry(entry: Any, defaults: dict[str, Any], fault: Refusal) -> Asset:
    if not isinstance(entry, dict) or not names_url(entry):
        raise refusal(400, NO_URL)
    campaign = entry.get("campaign_id") or entry.get("campaignId")
    client = entry.get("client_id") or entry.get("clientId")
    if not campaign:
        entry = {**entry, "campaign_id": defaults.get("campaign_id")}
    if not campaign and not client:  # an entry's own campaign knows its client better than the default does
        entry = {**entry, "client_id": defaults.get("client_id")}
    return bring(entry, None, fault)


def _source(entry: Any) -> str | None:
    urls = [entry.get(name) for name in _URL_NAMES] if isinstance(entry, dict) else [entry]
    return next((url for url in urls if isinstance(url, str) and url), None)


@contextmanager
def _on_disk(body: AssetInput, upload: Upload | None) -> Iterator[Path]:
    """Yield the file that was brought; one that has to be fetched is gone after the block."""
    if upload is not None:
        yield upload.path
        return
    settings = get_settings()
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    limit = settings.max_upload_mb * 1024**2
    with tempfile.NamedTemporaryFile(dir=settings.scratch_dir, prefix="import-") as file:
        try:
            with fetch(body.source_url or "", limit_bytes=limit, timeout_s=_FETCH_TIMEOUT_S) as found:
                for chunk in found.chunks:
                    file.write(chunk)
        except FetchFailed as exc:
            raise refusal(400, "Failed to download from URL", reason=str(exc)) from exc
        file.flush()
        yield Path(file.name)


def _kept(path: Path, body: AssetInput) -> KeptFile:
    try:
        return keep_file(path, accept(path, kind_in(body.type)))
    except InvalidMedia as exc:
        raise refusal(400, "Invalid file format", reason=str(exc)) from exc


def _original_name(body: AssetInput, upload: Upload | None) -> str:
    if upload is not None:
        return upload.name
    last = unquote(urlsplit(body.source_url or "").path.rsplit("/", 1)[-1]).replace("\0", "")
    return body.shown_name(last) or ""


@contextmanager
def _storage_faults(fault: Refusal) -> Iterator[None]:
    try:
        yield
    except (StorageFull, OSError, SQLAlchemyError) as exc:
        raise fault from exc
