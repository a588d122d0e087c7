"""The one settings tree, and the only reader of the environment.

Names, defaults and meanings are documented in docs/settings.md, which a test holds in step with this file. Blank
equals unset. Nothing here is read at import time: call ``get_settings()``.
"""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.providers import VideoModel
from models.video_models import VideoFamily

EXEMPTIBLE = frozenset(("captures", "layers"))
"""Surfaces whose existing clients can send neither a key nor a cookie, so that AUTH_EXEMPT may open them."""


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

    replicate_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("REPLICATE_API_KEY", "REPLICATE_API_TOKEN")
    )
    """Replicate's key; without it the local engine renders."""

    replicate_base_url: str = Field("https://api.replicate.com", alias="REPLICATE_BASE_URL")
    """Where Replicate's API is."""

    replicate_webhook_url: str | None = Field(None, alias="REPLICATE_WEBHOOK_URL")
    """Full address that Replicate calls when a prediction has ended; unset = polling only."""

    replicate_webhook_secret: SecretStr | None = Field(None, alias="REPLICATE_WEBHOOK_SECRET")
    """``whsec_…``: calls that are not signed with it are refused; unset = they are only hints."""

    replicate_max_concurrency: int = Field(10, ge=1, le=1000, alias="REPLICATE_MAX_CONCURRENCY")
    """Most predictions at once with one key."""

    replicate_start_delay_ms: int = Field(1000, ge=0, le=60_000, alias="REPLICATE_START_DELAY_MS")
    """The scenes of a run start so far apart."""

    replicate_poll_initial_ms: int = Field(1000, ge=1, le=600_000, alias="REPLICATE_POLL_INITIAL_MS")
    """Wait before a prediction is first looked at; it doubles from look to look."""

    replicate_poll_max_ms: int = Field(15_000, ge=1, le=600_000, alias="REPLICATE_POLL_MAX_MS")
    """Longest wait between two looks."""

    replicate_timeout_seconds: float = Field(1800, gt=0, le=86_400, alias="REPLICATE_TIMEOUT_SECONDS")
    """A prediction that takes longer is cancelled, and its scene fails."""

    replicate_veo3_model: str = Field("google/veo-3.1", alias="REPLICATE_VEO3_MODEL")
    """What is sent to Replicate for Veo."""

    replicate_hilua_model: str = Field(
        "minimax/hailuo-02", validation_alias=AliasChoices("REPLICATE_HILUA_MODEL", "REPLICATE_HAILUO_MODEL")
    )
    """What is sent to Replicate for Hailuo."""

    cost_veo_per_second: float = Field(0.2, ge=0, alias="COST_VEO_PER_SECOND")
    """Price of a second of Veo, in USD."""

    cost_hailuo_per_second: float = Field(0.1, ge=0, alias="COST_HAILUO_PER_SECOND")
    """Price of a second of Hailuo, in USD."""

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

    api_auth_key: SecretStr | None = Field(None, alias="API_AUTH_KEY")
    """Keys that open every surface, separated by commas; setting any turns authentication on."""

    auth_required: bool | None = Field(None, alias="AUTH_REQUIRED")
    """``true`` turns authentication on; ``false``, by name, allows a HOST other than loopback without it."""

    auth_exempt: str = Field("", alias="AUTH_EXEMPT")
    """Surfaces that stay open, separated by commas: ``captures``, ``layers``."""

    auth_bootstrap_username: str | None = Field(None, alias="AUTH_BOOTSTRAP_USERNAME")
    """With AUTH_BOOTSTRAP_PASSWORD: a user who is created at start-up if missing."""

    auth_bootstrap_password: SecretStr | None = Field(None, alias="AUTH_BOOTSTRAP_PASSWORD")
    """That user's first password."""

    secret_key: SecretStr | None = Field(None, alias="SECRET_KEY")
    """What sessions are signed with; unset = generated once and kept in the data directory."""

    access_token_expire_minutes: int = Field(7200, ge=1, le=5_256_000, alias="ACCESS_TOKEN_EXPIRE_MINUTES")
    """How long a session lasts."""

    environment: str = Field("development", alias="ENVIRONMENT")
    """``production`` lets browsers send the session's cookie over HTTPS only."""

    max_upload_mb: int = Field(100, ge=1, le=10_000, alias="MAX_UPLOAD_MB")
    """Largest accepted upload, in megabytes."""

    asset_url_allow_private: bool = Field(False, alias="ASSET_URL_ALLOW_PRIVATE")
    """Lets callers import from private addresses; for development and tests only."""

    xai_api_key: SecretStr | None = Field(None, alias="XAI_API_KEY")
    """xAI's key; with it, xAI plans storyboards."""

    xai_base_url: str = Field("https://api.x.ai/v1", alias="XAI_BASE_URL")
    """Where xAI's chat completions are."""

    xai_model: str = Field("grok-4-1-fast-non-reasoning", alias="XAI_MODEL")
    """Which of xAI's models plans."""

    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    """OpenAI's key; with it, and without xAI's, OpenAI plans storyboards."""

    openai_base_url: str = Field("https://api.openai.com/v1", alias="OPENAI_BASE_URL")
    """Where OpenAI's chat completions are."""

    openai_model: str = Field("gpt-4o-mini", alias="OPENAI_MODEL")
    """Which of OpenAI's models plans."""

    planner_timeout_seconds: float = Field(20, gt=0, le=30, alias="PLANNER_TIMEOUT_SECONDS")
    """How long planning may take; creating a job waits for its plan at most five seconds longer."""

    worker_children: int = Field(0, ge=0, le=256, alias="WORKER_CHILDREN")
    """Most runs that a worker carries out at once, each in a process of its own; 0 = cores + 2."""

    worker_child_memory_mb: int = Field(0, ge=0, alias="WORKER_CHILD_MEMORY_MB")
    """A run whose process grows beyond this, in MiB, is stopped; 0 = three quarters of the machine's memory."""

    prefect_api_url: str | None = Field(None, alias="PREFECT_API_URL")
    """A running Prefect server; unset = `atelier run` starts a private one for its own length."""

    @field_validator("auth_exempt")
    @classmethod
    def _known_surfaces(cls, value: str) -> str:
        unknown = {word.strip() for word in value.split(",") if word.strip()} - EXEMPTIBLE
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))} cannot be opened; name any of {', '.join(sorted(EXEMPTIBLE))}"
            )
        return value

    @field_validator("api_auth_key", "auth_bootstrap_username", "auth_bootstrap_password", "secret_key")
    @classmethod
    def _blank_is_unset(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return value if text and text.strip() else None

    @property
    def authentication_enforced(self) -> bool:
        """Whether callers must say who they are; nothing but these two settings decides it."""
        return self.api_auth_key is not None or self.auth_required is True

    @property
    def static_keys(self) -> tuple[str, ...]:
        """The entries of API_AUTH_KEY."""
        text = self.api_auth_key.get_secret_value() if self.api_auth_key else ""
        return tuple(word.strip() for word in text.split(",") if word.strip())

    @property
    def exempt_surfaces(self) -> frozenset[str]:
        """The surfaces that AUTH_EXEMPT opens."""
        return frozenset(word.strip() for word in self.auth_exempt.split(",") if word.strip())

    @property
    def secure_cookies(self) -> bool:
        """Whether the session's cookie may travel over HTTPS only."""
        return self.environment.strip().lower() == "production"

    @field_validator("video_generation_model", mode="before")
    @classmethod
    def _lower(cls, name: object) -> object:
        """Models are named in any case of letters."""
        return name.strip().lower() if isinstance(name, str) else name

    @field_validator("replicate_api_key", "replicate_webhook_secret", mode="before")
    @classmethod
    def _trimmed(cls, secret: object) -> object:
        """A key that was pasted with a line end is still the key, and one of blanks is none."""
        return secret.strip() or None if isinstance(secret, str) else secret

    def rate_usd(self, family: VideoFamily) -> float:
        """Return the price of a second of a family's film."""
        rates: dict[VideoFamily, float] = {"veo": self.cost_veo_per_second, "hailuo": self.cost_hailuo_per_second}
        return rates.get(family, 0.0)

    def vendor_slug(self, family: VideoFamily) -> str:
        """Return what a vendor calls the model of a family."""
        return self.replicate_veo3_model if family == "veo" else self.replicate_hilua_model

    @property
    def xai_key(self) -> str:
        """xAI's key without spaces around it; blank for none."""
        return self.xai_api_key.get_secret_value().strip() if self.xai_api_key else ""

    @property
    def openai_key(self) -> str:
        """OpenAI's key without spaces around it; blank for none."""
        return self.openai_api_key.get_secret_value().strip() if self.openai_api_key else ""

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
