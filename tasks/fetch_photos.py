"""Fetching: photos that were named by their address only are brought in before scenes are rendered from them."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.accept import accept
from media.fetch import fetch
from models.assets import Asset
from models.errors import AtelierError
from models.runs import JobLease
from settings import get_settings
from storage.assets import assets_to_fetch, keep_fetched, note_fetch_failed
from storage.database import get_database
from storage.intake import keep_file

_AT_ONCE = 5
_TIMEOUT_S = 60.0


@task(cache_policy=NO_CACHE)
def fetch_photos(job: JobLease) -> None:
    """Bring in the photos of the job's scenes that have no bytes yet; one that cannot be had fails its scene only."""
    with get_database().read() as session:
        waiting = assets_to_fetch(session, job.job_id)
    if waiting:
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            list(workers.map(_fetch, waiting))


def _fetch(asset: Asset) -> None:
    settings = get_settings()
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    limit = settings.max_upload_mb * 1024**2
    try:
        with tempfile.NamedTemporaryFile(dir=settings.scratch_dir, prefix="photo-") as file:
            with fetch(asset.source_url or "", limit_bytes=limit, timeout_s=_TIMEOUT_S) as found:
                for chunk in found.chunks:
                    file.write(chunk)
            file.flush()
            kept = keep_file(Path(file.name), accept(Path(file.name), "image"))
    except AtelierError as error:
        with get_database().write() as session:
            note_fetch_failed(session, asset.id, str(error))
        return
    with get_database().write() as session:
        keep_fetched(session, asset.id, kept)
