"""Settings from the environment and `.env`, prefix TIDEGAUGE_. Keys are secrets: they never print."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest import secrets
from ingest.clock import NEW_YORK, Clock, clock_at
from ingest.errors import ConfigError

ENV_FILE: Final = ".env"
PROJECT_ROOT = Path(__file__).resolve().parent.parent

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})

Origin = Literal["LIVE", "SIMULATED", "REAL FOLDER"]


class Settings(BaseSettings):
    """Everything a run can be told from outside."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEGAUGE_", env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(default=Path("data/live"), description="Where all state lives.")
    now: datetime | None = Field(default=None, description="Places the run; New York time without a zone.")
    upstream: str | None = Field(default=None, description="Base URL of a stand-in; None: the publishers.")
    origin: Origin = Field(default="LIVE", description="What the figures are; shown wherever figures are shown.")
    fred_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("TIDEGAUGE_FRED_API_KEY", "FRED_API_KEY")
    )
    finra_client_id: SecretStr | None = Field(
        default=None, description="Your own key of FINRA's Query API; with its secret."
    )
    finra_client_secret: SecretStr | None = Field(default=None, description="The secret of that key.")
    postgres_dsn: SecretStr | None = Field(
        default=None, description="Address of the database for `tidegauge publish --to postgres`, password and all."
    )
    lake: SecretStr | None = Field(
        default=None, description="Address of the lake for tables that outgrow one file; see warehouse/lake/setting.py."
    )
    dagster_postgres_dsn: SecretStr | None = Field(
        default=None, description="Database in which several hosts share Dagster's runs and schedules; None: the home."
    )
    simulated_truth: Path | None = Field(
        default=None, description="The simulator's own account of its regimes (Parquet); heeded in SIMULATED runs only."
    )
    real_data: Path | None = Field(default=None, description="Folder of real payloads and history, for `make real`.")
    keep_releases: int = Field(default=5, ge=1)
    request_timeout_seconds: float = Field(default=60.0, gt=0, description="Total deadline of one request.")
    request_attempts: int = Field(default=4, ge=1, description="Tries per request on transport errors, 429 and 5xx.")
    retry_wait_seconds: float = Field(default=1.0, ge=0, description="First wait between tries; doubles, with jitter.")
    run_deadline_seconds: float = Field(
        default=2700.0, gt=0, description="How long one run asks publishers; what is left then is not asked."
    )
    wide_universe: bool = Field(
        default=False, description="Ask the prices of every listed common stock too, for breadth of USCOMMON."
    )
    accept_loss: bool = Field(
        default=False, description="Publish although a headline loses values that the release before shows."
    )
    full_build: bool = Field(
        default=False, description="Build every mart and test every claim, also those that nothing new feeds."
    )
    second_process: bool = Field(
        default=True, description="Parse, judge and test claims in a second process too, if a daily run has two cores."
    )
    user_agent: str | None = Field(default=None, description="Overrides the library's own User-Agent.")
    sec_requests_per_run: int = Field(
        default=600,
        ge=1,
        description="So many pages of filings a run; older days come with the next runs.",
    )
    sec_holdings_data_sets: int = Field(
        default=5,
        ge=1,
        description="So many of the newest quarterly data sets of Form 13F are kept, each of 60 to 100 MB.",
    )
    contact: str | None = Field(
        default=None, description="Mail address for publishers that want to know whom to write to; sent to those alone."
    )

    def model_post_init(self, _context: Any) -> None:
        """Guard every key that these settings hold; an address without a password is none, and is to be read."""
        held = ((name, getattr(self, name)) for name in type(self).model_fields)
        values = ((name, value.get_secret_value()) for name, value in held if isinstance(value, SecretStr))
        secrets.guard(*(value for name, value in values if not secrets.is_open_address(name, value)))

    @property
    def contact_agent(self) -> str | None:
        """The User-Agent for publishers that refuse clients without a contact; None where none is set."""
        return f"tidegauge {self.contact}" if self.contact else self.user_agent

    @property
    def is_upstream_local(self) -> bool:
        """Whether a stand-in on this machine is asked: it needs no pacing and no proxy."""
        return self.upstream is not None and urlsplit(self.upstream).hostname in LOCAL_HOSTS

    @field_validator("now")
    @classmethod
    def _now_has_a_zone(cls, value: datetime | None) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=NEW_YORK)

    @field_validator("contact")
    @classmethod
    def _contact_fits_a_header(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        if "@" not in value or not (value.isascii() and value.isprintable()):
            raise ValueError("expected an address like you@example.org, with a name before it or not")
        return value.strip()

    @field_validator(
        "fred_api_key",
        "finra_client_id",
        "finra_client_secret",
        "postgres_dsn",
        "dagster_postgres_dsn",
        "lake",
        mode="before",
    )
    @classmethod
    def _blank_key_is_no_key(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @property
    def clock(self) -> Clock:
        """Return the clock of this run."""
        return clock_at(self.now)


def load_settings() -> Settings:
    """Read the settings; ConfigError names the variable, never its value (it may be a key).

    Guards whatever environment and `.env` hold under the name of a key, used or not.
    """
    try:
        secrets.guard_configured(os.environ, Path(ENV_FILE))
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "TIDEGAUGE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"setting {name}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"{ENV_FILE} cannot be read: {reason}") from None
