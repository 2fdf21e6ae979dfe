"""The funds whose flows we follow: `load_funds()` reads and validates funds.yml."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingest.errors import ConfigError
from ingest.registry import publishers, users_own
from ingest.yaml_files import read_yaml

FUNDS_FILE = Path(__file__).with_name("funds.yml")

FundCategory = Literal[
    "us_equity_broad",
    "us_equity_sector",
    "intl_equity",
    "value",
    "growth",
    "small_cap",
    "gov_bond",
    "aggregate_bond",
    "ig_credit",
    "hy_credit",
    "short_duration",
    "commodity",
    "gold",
    "crypto",
    "leveraged_long",
    "inverse",
]


class Fund(BaseModel):
    """One exchange-traded fund. Every fund can also be fed by a user file; `source` user_file means only so."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    ticker: str = Field(pattern=r"^[A-Z]{1,5}$")
    issuer: str
    source: str
    provider_code: str | None = Field(default=None, alias="code", description="The issuer's own code in its addresses.")
    category: FundCategory
    subcategory: str = Field(pattern=r"^[a-z0-9_]+$")
    leverage: float = Field(default=1.0, description="Daily multiple of the index, signed: -3 for a 3x inverse fund.")
    benchmark_ticker: str | None = Field(default=None, alias="benchmark", description="Unlevered fund of its index.")
    share_lag_sessions: Literal[0, 1] = Field(default=1, alias="lag")
    takes_holdings: bool = Field(default=False, alias="holdings", description="The daily holdings file is taken too.")
    active_from: date | None = Field(default=None, description="First day; NULL: the first row of its history.")
    active_to: date | None = Field(default=None, description="Last day of a closed fund; its history stays.")
    title: str

    @property
    def is_inverse(self) -> bool:
        """Whether the fund gains when its index falls."""
        return self.leverage < 0

    @model_validator(mode="after")
    def _consistent(self) -> Fund:
        if (self.provider_code is None) != (self.source == users_own()):
            raise ValueError("a fund has a code exactly when an issuer's files feed it")
        expected = "inverse" if self.leverage < 0 else "leveraged_long" if self.leverage > 1 else None
        if expected != (self.category if self.category in ("inverse", "leveraged_long") else None):
            raise ValueError(f"category {self.category} does not go with leverage {self.leverage:g}")
        if self.active_from and self.active_to and self.active_from > self.active_to:
            raise ValueError(f"active_from {self.active_from} is after active_to {self.active_to}")
        return self


@cache
def load_funds(path: Path = FUNDS_FILE) -> tuple[Fund, ...]:
    """Return the funds in the order of the file; ConfigError names the fund and the field that cannot be used."""
    document = read_yaml(path, "funds")
    issuers = document.get("issuers") if isinstance(document, dict) else None
    if not isinstance(issuers, dict):
        raise ConfigError(f"funds {path.name}: expected the section issuers")
    funds = tuple(fund for issuer, section in issuers.items() for fund in _funds(path, str(issuer), section))
    _check_whole(path, funds)
    return funds


def funds_of(source: str, funds: tuple[Fund, ...] | None = None) -> tuple[Fund, ...]:
    """Return the funds that `source` can feed: those of the issuer, and for user files all of them."""
    known = load_funds() if funds is None else funds
    return tuple(fund for fund in known if source in (fund.source, users_own()))


def _feeds_funds(source: object) -> bool:
    """Say whether a publisher is declared with a table of fund days."""
    publisher = publishers().get(str(source))
    return publisher is not None and any(
        table.serves is not None and table.serves.concept == "fund_days" for table in publisher.tables.values()
    )


def _funds(path: Path, issuer: str, section: Any) -> list[Fund]:
    if isinstance(section, dict) and not _feeds_funds(section.get("source")):
        raise ConfigError(f"funds {path.name}: issuer {issuer}: source: {section.get('source')!r} serves no fund_days")
    entries = section.get("funds") if isinstance(section, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"funds {path.name}: issuer {issuer}: expected source and a list of funds")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(Fund.model_validate({"issuer": issuer, "source": section.get("source"), **entry}))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "entry"
            name = entry.get("ticker") or f"{number} of {issuer}"
            raise ConfigError(f"funds {path.name}: fund {name}: {field}: {first['msg']}") from None
    return found


def _check_whole(path: Path, funds: tuple[Fund, ...]) -> None:
    """Hold the entries against each other: unique tickers and codes, benchmarks that are funds of the list."""
    tickers: set[str] = set()
    codes: set[tuple[str, str]] = set()
    for fund in funds:
        if fund.ticker in tickers:
            raise ConfigError(f"funds {path.name}: fund {fund.ticker}: ticker: stands twice")
        tickers.add(fund.ticker)
        if fund.provider_code is not None:
            key = (fund.source, fund.provider_code)
            if key in codes:
                raise ConfigError(f"funds {path.name}: fund {fund.ticker}: code: {key} is another fund's already")
            codes.add(key)
    for fund in funds:
        if fund.benchmark_ticker is not None and fund.benchmark_ticker not in tickers:
            raise ConfigError(f"funds {path.name}: fund {fund.ticker}: benchmark: no fund {fund.benchmark_ticker}")
