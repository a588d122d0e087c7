"""The key of sessions."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from settings import get_settings
from storage import signing_key as module
from storage.signing_key import signing_key


@pytest.fixture(autouse=True)
def _nothing_remembered(home: Path) -> None:
    module._kept_key.cache_clear()


def test_it_is_made_once_and_only_its_owner_can_read_it(home: Path) -> None:
    first = signing_key()
    module._kept_key.cache_clear()
    assert signing_key() == first
    assert len(bytes.fromhex(first.decode())) == 32
    assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600
    assert not list(home.glob(".secret_key*"))


def test_processes_that_start_together_agree(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: module._kept_key.__wrapped__(home / "secret_key"), range(8)))
    assert len(keys) == 1
    assert not list(home.glob(".secret_key*"))


def test_the_setting_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", " mine ")
    get_settings.cache_clear()
    assert signing_key() == b"mine"
    assert not (home / "secret_key").exists()
