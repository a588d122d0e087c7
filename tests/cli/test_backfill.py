"""`atelier backfill-assets`; what it does is tested with ``storage.backfill``."""

import pytest
from typer.testing import CliRunner

from cli import app
from models.assets import Asset
from models.campaigns import Client
from storage.database import get_database


@pytest.mark.usefixtures("home")
def test_the_outcome_is_told_and_is_the_exit_status() -> None:
    done = CliRunner().invoke(app, ["backfill-assets"])
    assert (done.exit_code, done.output) == (0, "processed=0 stored=0 failed=0 skipped=0\n")
    with get_database().write() as session:
        owner = Client(name="Rossi")
        session.add(owner)
        session.flush()
        assets = [Asset(type="image", client_id=owner.id, source_url="http://127.0.0.1:9/a") for _ in range(2)]
        session.add_all(assets)
    done = CliRunner().invoke(app, ["backfill-assets", "--limit", "1", "--sleep-ms", "1"])
    assert done.exit_code == 1
    first = f"asset {assets[0].id}: failed, URL host is not allowed\n"
    assert done.output == f"{first}processed=1 stored=0 failed=1 skipped=0\n"
