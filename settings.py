"""The one settings tree, and the only reader of the environment.

Names, defaults and meanings are documented in docs/settings.md, which a test holds in step with this file. Blank
equals unset. Nothing here is read at import time: call ``get_settings()``.
"""

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.providers import VideoModel


class Settings(BaseSettings):
    """Values from the environment, then from ``.env`` in the working directory, then the defaults below."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    home: Path = Field(Path("var"), alias="ATELIER_HOME")
    """Data directory: database, objects, logs, Prefect's home, scratch space. Nothing is written outside it."""

    database_url: str | None = Field(None, alias="DATABASE_URL")
    """SQLAlchemy URL; unset = an SQLite file in the data directory."""

    database_path: Path | None = Field(None, alias="DATABASE_PATH")
    """SQLite file; DATABASE_URL wins over it."""

    storage_url: str = Field("file://", alias="STORAGE_URL")
    """Where bytes live; ``file://`` alone means ``objects/`` in the data directory."""

    ffmpeg: str | None = Field(None, alias="FFMPEG")
    """Path of an ffmpeg program; unset = the one that came with the Python dependencies."""

    video_generation_model: VideoModel = Field("auto", alias="VIDEO_GENERATION_MODEL")
    """Which engine renders clips when the request does not say."""

    prefect_api_url: str | None = Field(None, alias="PREFECT_API_URL")
    """A running Prefect server; unset = `atelier run` starts a private one for its own length."""

    @property
    def data_dir(self) -> Path:
        """The data directory as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database in use."""
        if self.database_url:
            return self.database_url
        path = self.database_path or Path("scenes.db")
        return f"sqlite:///{self.data_dir / path.expanduser()}"

    @property
    def scratch_dir(self) -> Path:
        """Private working files; safe to delete whenever nothing runs."""
        return self.data_dir / "scratch"


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that keep Prefect's files in the data directory and its telemetry off.

    Prefect reads them when it is first imported, so they must be set before that.
    """
    return {
        "PREFECT_HOME": str(settings.data_dir / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


@lru_cache
def get_settings() -> Settings:
    """Return the process's settings, read once."""
    return Settings()
