"""Which futures of the CFTC's report are kept: `contracts()` reads reported_contracts.yml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping

CONTRACTS_FILE: Final = Path(__file__).with_name("reported_contracts.yml")


class Contract(BaseModel):
    """One contract market: the CFTC's code, our name of it, and what kind of thing is traded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[0-9A-Z]{6}$")
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    asset_class: Literal["equity_index", "volatility", "short_rate", "government_bond", "currency", "crypto"]
    title: str


@cache
def contracts(path: Path = CONTRACTS_FILE) -> Mapping[str, Contract]:
    """Return the contracts by code; ConfigError names the entry that cannot be used."""
    called = f"contracts {path.name}"
    entries = read_mapping(path, called).get("contracts")
    if not isinstance(entries, list):
        raise ConfigError(f"{called}: expected the section contracts")
    found: dict[str, Contract] = {}
    for number, entry in enumerate(entries, start=1):
        one = checked(Contract, entry, f"{called}: entry {number}")
        if one.code in found or any(one.id == other.id for other in found.values()):
            raise ConfigError(f"{called}: entry {number}: {one.code} {one.id} is there already")
        found[one.code] = one
    return found
