"""Whose Form 13F is kept where the user names nobody: `default_managers()` reads and validates managers_13f.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping

MANAGERS_FILE: Final = Path(__file__).with_name("managers_13f.yml")


class Manager(BaseModel):
    """A filer of Form 13F."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cik: str = Field(pattern=r"^\d{10}$")
    name: str


def default_managers(path: Path = MANAGERS_FILE) -> tuple[Manager, ...]:
    """Return the managers that the catalog names; ConfigError names the entry that cannot be used."""
    entries = read_mapping(path, "managers of 13F").get("managers")
    if not isinstance(entries, list):
        raise ConfigError(f"managers of 13F {path.name}: expected the section managers")
    place = f"managers of 13F {path.name}: entry"
    return tuple(checked(Manager, entry, f"{place} {number}") for number, entry in enumerate(entries, start=1))
