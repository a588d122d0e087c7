"""`atelier backfill-assets`: bytes for assets that know only where they come from."""

import logging
import sys
from typing import Annotated

import typer

from cli.engine import open_storage
from storage.backfill import backfill_assets


def backfill(
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many, the oldest first.")] = None,
    sleep_ms: Annotated[int, typer.Option(min=0, help="Milliseconds to wait between downloads.")] = 0,
) -> None:
    """Fetch and store what assets were imported from. Exit status 1 if one could not be had."""
    open_storage()
    log = logging.getLogger("atelier.backfill")
    log.setLevel(logging.INFO)
    screen = logging.StreamHandler(sys.stdout)
    log.addHandler(screen)
    try:
        summary = backfill_assets(limit, sleep_ms)
    finally:
        log.removeHandler(screen)
    if summary.failed:
        raise typer.Exit(1)
