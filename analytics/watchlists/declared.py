"""What watchlists.yml declares: lists, their items, and the rule that makes a state of a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.yaml_files import checked, read_mapping

DECLARATIONS: Final = Path(__file__).with_name("watchlists.yml")

TRUE: Final = "true"
UNKNOWN: Final = "unknown"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

_NUMBER: Final = r"(-?\d+(?:\.\d+)?)"
_COMPARED: Final = re.compile(rf"(<=|>=|<|>) {_NUMBER}")
_WITHIN: Final = re.compile(rf"{_NUMBER} to {_NUMBER}")
_BETWEEN: Final = re.compile(rf"{_NUMBER} < x < {_NUMBER}")
_DECIMALS: Final = 6


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Declared):
    """One thing to watch; the head of watchlists.yml says what the fields mean."""

    title: str
    unit: Literal["pct", "bp", "index", "ratio", "zscore", "count", "usd_mn"]
    input: str | None = Field(default=None, pattern=r"^[a-z_]+\.[a-z0-9_]+$")
    times: float = 1.0
    known: Name | None = None
    select: str | None = None
    values: Mapping[str, str] = Field(default_factory=dict, alias="with")
    needs: Mapping[Name, tuple[Name, ...]] = Field(default_factory=dict)
    period: Literal["daily", "monthly", "quarterly"] = "daily"
    stale_days: int | None = Field(default=None, ge=1)
    absent: str = "missing"
    holds: str | None = None
    column: Name | None = None
    leg: Name | None = None
    says: str | None = None
    warns: tuple[str, ...] = (TRUE,)

    @model_validator(mode="after")
    def _one_of_each(self) -> Item:
        if sum(source is not None for source in (self.input, self.known, self.select)) != 1:
            raise ValueError("expected one of input, known and select")
        if sum(rule is not None for rule in (self.holds, self.column, self.leg)) != (0 if self.gives_state else 1):
            raise ValueError("expected one of holds, column and leg, or a select with a column state")
        if bool(self.select) != bool(self.needs) or bool(self.select) != (self.stale_days is not None):
            raise ValueError("a select says what it needs and when it is stale, nothing else does")
        if self.holds is not None:
            condition(self.holds)
        elif self.says is None:
            raise ValueError("expected says: nothing else tells the threshold")
        return self

    @property
    def gives_state(self) -> bool:
        """Whether its select has a column state."""
        return self.select is not None and self.holds is None

    @property
    def threshold(self) -> str:
        """When the state is true, or what decides it, for people."""
        return self.says or self.holds or ""

    @property
    def query(self) -> str:
        """The select with its values filled in."""
        assert self.select is not None
        return self.select.format(**self.values) if self.values else self.select


class Summary(_Declared):
    """What a list says as a whole: a column of marts.regime_daily, or how many of some items have to warn."""

    column: Name | None = None
    items: tuple[Name, ...] = ()
    at_least: int | None = Field(default=None, ge=1)


class Watchlist(_Declared):
    """A list with its items in their order."""

    title: str
    summary: Summary = Summary()
    items: Mapping[Name, Item] = Field(min_length=1)

    @model_validator(mode="after")
    def _counts_its_own(self) -> Watchlist:
        strangers = set(self.summary.items) - set(self.items)
        if strangers or bool(self.summary.items) != (self.summary.at_least is not None):
            raise ValueError(f"summary: expected items of the list and how many of them, got {sorted(strangers)}")
        return self


@cache
def watchlists() -> Mapping[str, Watchlist]:
    """Return the lists in their order; ConfigError names what is wrong with the file."""
    return read_watchlists(read_mapping(DECLARATIONS, "watchlists")["watchlists"])


def read_watchlists(entries: Mapping[str, Any]) -> dict[str, Watchlist]:
    """Return lists as mappings of YAML say them."""
    return {name: checked(Watchlist, entry, f"{DECLARATIONS.name}: {name}") for name, entry in entries.items()}


def items() -> Iterator[tuple[str, str, Item]]:
    """Yield list, name and item of every item."""
    for name, watchlist in watchlists().items():
        for item_name, item in watchlist.items.items():
            yield name, item_name, item


def condition(holds: str, value: str = "value") -> str:
    """Return the SQL of a comparison, NULL where the value is; ValueError where `holds` says none.

    Values are rounded first: the difference of two printed figures is not above its threshold by the last binary digit.
    """
    rounded = f"round({value}, {_DECIMALS})"
    if found := _COMPARED.fullmatch(holds):
        return f"{rounded} {found[1]} {found[2]}"
    if found := _WITHIN.fullmatch(holds):
        return f"{rounded} between {found[1]} and {found[2]}"
    if found := _BETWEEN.fullmatch(holds):
        return f"{rounded} > {found[1]} and {rounded} < {found[2]}"
    raise ValueError(f'expected a comparison like ">= 5", "15 to 25" or "-2 < x < 2", got {holds!r}')
