"""Symbols whose prices are collected for their own sake: `load_watched()` reads and validates watched.yml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.catalog.funds import FundCategory, load_funds
from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping

WATCHED_FILE = Path(__file__).with_name("watched.yml")


class Watched(BaseModel):
    """A stock or fund that is neither a member of the index for certain nor a fund whose flows are followed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ticker: str = Field(pattern=r"^[A-Z]{1,5}$")
    kind: Literal["fund", "stock"] = "fund"
    category: FundCategory
    subcategory: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str


@cache
def load_watched(path: Path = WATCHED_FILE) -> tuple[Watched, ...]:
    """Return the symbols in the order of the file; ConfigError names the one that cannot be used."""
    entries = read_mapping(path, "watched symbols").get("symbols")
    if not isinstance(entries, list):
        raise ConfigError(f"watched symbols {path.name}: expected the section symbols")
    found = tuple(
        checked(Watched, entry, f"watched symbols {path.name}: entry {number}")
        for number, entry in enumerate(entries, start=1)
    )
    taken = {fund.ticker for fund in load_funds()}
    for one in found:
        if one.ticker in taken:
            raise ConfigError(f"watched symbols {path.name}: {one.ticker}: is there already, here or in funds.yml")
        taken.add(one.ticker)
    return found
