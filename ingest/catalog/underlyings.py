"""Underlyings whose option chains are collected: `load_underlyings()` reads and validates underlyings.yml."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping

UNDERLYINGS_FILE: Final = Path(__file__).with_name("underlyings.yml")

Settlement = Literal["am", "pm"]

_ADJUSTED: Final = re.compile(r"\d$")
_TICKER: Final = re.compile(r"[A-Z]{1,5}")


class Underlying(BaseModel):
    """An index, fund or stock with listed options. `roots` are the first letters of its option symbols."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    underlying: str = Field(pattern=r"^[A-Z]{1,5}$")
    code: str = Field(pattern=r"^_?[A-Z]{1,5}$")
    kind: Literal["index", "fund", "stock"]
    title: str
    roots: dict[str, Settlement] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _indices_have_roots(self) -> Underlying:
        if (self.kind == "index") != bool(self.roots):
            raise ValueError("roots: said of an index, and of nothing else")
        return self

    def has_root(self, root: str) -> bool:
        """Say whether an option symbol may begin so: an adjusted series has a digit behind its root (NVDA1)."""
        return _ADJUSTED.sub("", root) in (self.roots or {self.underlying: "pm"})

    @property
    def am_roots(self) -> tuple[str, ...]:
        """The roots that settle at the opening prices of their last day."""
        return tuple(root for root, settlement in self.roots.items() if settlement == "am")


def underlying_of(name: str) -> Underlying | None:
    """Return the underlying of that name: a ticker that is not collected is a stock. None for what is no ticker."""
    found = next((one for one in load_underlyings() if one.underlying == name), None)
    if found is None and _TICKER.fullmatch(name):
        return Underlying(underlying=name, code=name, kind="stock", title=name)
    return found


def underlying_of_root(root: str) -> Underlying | None:
    """Return the underlying whose option symbols begin so."""
    found = next((one for one in load_underlyings() if one.has_root(root)), None)
    return found or underlying_of(_ADJUSTED.sub("", root))


@cache
def load_underlyings(path: Path = UNDERLYINGS_FILE) -> tuple[Underlying, ...]:
    """Return the underlyings in the order of the file; ConfigError names the one that cannot be used."""
    entries = read_mapping(path, "underlyings").get("underlyings")
    if not isinstance(entries, list):
        raise ConfigError(f"underlyings {path.name}: expected the section underlyings")
    found: dict[str, Underlying] = {}
    for number, entry in enumerate(entries, start=1):
        one = checked(Underlying, entry, f"underlyings {path.name}: entry {number}")
        if found.setdefault(one.underlying, one) is not one:
            raise ConfigError(f"underlyings {path.name}: {one.underlying} stands twice")
    return tuple(found.values())
