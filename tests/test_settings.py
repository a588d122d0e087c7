"""The settings tree, and its documentation held in step with it."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo

from settings import Settings, get_settings, prefect_environment

ROOT = Path(__file__).parent.parent


def name_of(field: FieldInfo) -> str:
    """Return a setting's name, the first one when it has several."""
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


NAMES = {name_of(field) for field in Settings.model_fields.values()}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([A-Z0-9_]+)` \| (?:`([^`]*)`|–) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE
    )
    defaults = {
        name_of(field): "" if field.default is None else str(field.default) for field in Settings.model_fields.values()
    }
    documented = dict(rows)
    assert documented.keys() == defaults.keys()
    for name, default in documented.items():
        if name != "DATABASE_PATH":  # its default depends on the data directory
            assert default.lower() == defaults[name].lower(), name


def test_every_setting_is_in_the_example_file() -> None:
    assert set(re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) == NAMES


def test_only_the_settings_file_reads_the_environment() -> None:
    readers = re.compile(r"os\.getenv|os\.environ(?!\.update|\.pop|\[\"PREFECT_API_URL\"\] =)")
    allowed = {"settings.py", "cli/engine.py"}  # the latter hands the environment on to a child process
    for path in ROOT.glob("**/*.py"):
        relative = path.relative_to(ROOT).as_posix()
        if relative.startswith((".venv", "tests/", "benchmarks/", "var/")) or relative in allowed:
            continue
        assert not readers.search(path.read_text()), f"{relative} reads the environment"


def test_blank_equals_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_URL", "")
    monkeypatch.setenv("DATABASE_URL", "")
    settings = Settings()
    assert settings.storage_url == "file://"
    assert settings.database == f"sqlite:///{Path.cwd()}/var/scenes.db"


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ATELIER_HOME=elsewhere\nUNKNOWN=1\n")
    assert Settings().data_dir == tmp_path / "elsewhere"


def test_the_home_variable_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    assert Settings().data_dir == Path.cwd() / "var"


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_GENERATION_MODEL", "crystal-ball")
    with pytest.raises(ValidationError, match="VIDEO_GENERATION_MODEL"):
        Settings()


def test_database_url_wins_over_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PATH", "/elsewhere/my.db")
    assert Settings().database == "sqlite:////elsewhere/my.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/atelier")
    assert Settings().database == "postgresql://db/atelier"


def test_prefect_stays_in_the_data_directory(tmp_path: Path) -> None:
    environment = prefect_environment(Settings())
    assert environment["PREFECT_HOME"] == str(tmp_path / "var" / "prefect")
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    assert get_settings() is get_settings()
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("values", "enforced"),
    [
        ({}, False),
        ({"API_AUTH_KEY": " "}, False),
        ({"AUTH_REQUIRED": "false"}, False),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "x", "AUTH_BOOTSTRAP_USERNAME": "rosa"}, False),
        ({"AUTH_REQUIRED": "yes"}, True),
        ({"API_AUTH_KEY": "a"}, True),
        ({"API_AUTH_KEY": "a", "AUTH_REQUIRED": "0", "PUBLIC_BASE_URL": "http://localhost:1"}, True),
        ({"API_AUTH_KEY": ","}, True),
    ],
)
def test_two_settings_alone_turn_authentication_on(
    values: dict[str, str], enforced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert Settings().authentication_enforced is enforced


def test_keys_are_a_trimmed_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_AUTH_KEY", " a key , b,, ")
    assert Settings().static_keys == ("a key", "b")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_AUTH_KEY", "SECRET_KEY", "AUTH_BOOTSTRAP_PASSWORD"):
        monkeypatch.setenv(name, "hush-hush")
    assert "hush" not in repr(Settings())
    monkeypatch.setenv("AUTH_EXEMPT", "captures, everything")
    with pytest.raises(ValidationError, match="everything cannot be opened") as caught:
        Settings()
    assert "hush" not in str(caught.value)


def test_surfaces_are_exempt_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_EXEMPT", "layers, captures")
    assert Settings().exempt_surfaces == {"captures", "layers"}
