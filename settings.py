"""The one settings tree, and the only reader of the environment.

Names, defaults and meanings are documented in docs/settings.md, which a test holds in step with this file. Blank
equals unset. Nothing here is read at import time: call ``get_settings()``.
"""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import AliasChoices, Field
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

    host: str = Field("127.0.0.1", alias="HOST")
    """Address to listen on. Any but a loopback one needs authentication, or AUTH_REQUIRED=false by name."""

    api_port: int = Field(8000, ge=1, le=65535, alias="API_PORT")
    """First port of the API."""

    port: int = Field(4000, ge=1, le=65535, alias="PORT")
    """Second port, which existing clients have built in; both serve every route. Equal to API_PORT = one port."""

    prefect_port: int = Field(4200, ge=1, le=65535, alias="PREFECT_PORT")
    """Port of the Prefect server and its UI; always on loopback, because that UI has no authentication."""

    public_base_url: str | None = Field(None, alias="PUBLIC_BASE_URL")
    """Address under which others reach this server; unset = http://localhost:PORT."""

    allowed_hosts: str = Field("", alias="ALLOWED_HOSTS")
    """Further names accepted in the Host header, separated by commas."""

    cors_origins: str = Field("", validation_alias=AliasChoices("CORS_ORIGINS", "CORS_ALLOW_ORIGINS"))
    """Further origins that may call from a browser, separated by commas; * for all, then without credentials."""

    auth_required: bool | None = Field(None, alias="AUTH_REQUIRED")
    """``false``, by name, allows a HOST other than loopback without authentication."""

    max_upload_mb: int = Field(100, ge=1, le=10_000, alias="MAX_UPLOAD_MB")
    """Largest accepted upload, in megabytes."""

    asset_url_allow_private: bool = Field(False, alias="ASSET_URL_ALLOW_PRIVATE")
    """Lets callers import from private addresses; for development and tests only."""

    planner_timeout_seconds: float = Field(20, gt=0, le=30, alias="PLANNER_TIMEOUT_SECONDS")
    """How long planning may take; creating a job waits for its plan at most five seconds longer."""

    worker_children: int = Field(0, ge=0, le=256, alias="WORKER_CHILDREN")
    """Most runs that a worker carries out at once, each in a process of its own; 0 = cores + 2."""

    worker_child_memory_mb: int = Field(0, ge=0, alias="WORKER_CHILD_MEMORY_MB")
    """A run whose process grows beyond this, in MiB, is stopped; 0 = three quarters of the machine's memory."""

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
    def base_url(self) -> str:
        """The public address of this server, without a trailing slash."""
        return (self.public_base_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def ports(self) -> tuple[int, ...]:
        """The API's ports, each once."""
        return tuple(dict.fromkeys((self.api_port, self.port)))

    @property
    def prefect_url(self) -> str:
        """The API address of the Prefect server in use: the one that was named, or ours."""
        return self.prefect_api_url or f"http://127.0.0.1:{self.prefect_port}/api"

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


def service_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for the parts of the service: ours, and what makes Prefect work as one of them."""
    return {
        **os.environ,
        **prefect_environment(settings),
        "ATELIER_HOME": str(settings.data_dir),
        "PREFECT_API_URL": settings.prefect_url,
        "OPENBLAS_NUM_THREADS": "1",  # the process that children are forked from must have no threads
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.data_dir / "prefect" / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PYTHONSAFEPATH": "1",  # a folder named `models` in the working directory must not be imported for ours
    }


@lru_cache
def get_settings() -> Settings:
    """Return the process's settings, read once."""
    return Settings()
