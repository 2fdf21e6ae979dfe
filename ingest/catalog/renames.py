"""Changes of ticker that left the stock as it was: `load_renames()` reads and validates renames.yml."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.errors import ConfigError
from ingest.yaml_files import read_yaml

RENAMES_FILE = Path(__file__).with_name("renames.yml")

_TICKER = r"^[A-Z]{1,5}(-[A-Z])?$"


class Rename(BaseModel):
    """One change of ticker: `new` from `day` on. Spelling is Yahoo's."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    old: str = Field(pattern=_TICKER)
    new: str = Field(pattern=_TICKER)
    day: date = Field(alias="date")


@cache
def load_renames(path: Path = RENAMES_FILE) -> tuple[Rename, ...]:
    """Return the renames, oldest first; ConfigError names the entry that cannot be used."""
    document = read_yaml(path, "renames")
    entries = document.get("renames") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ConfigError(f"renames {path.name}: expected the list renames")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(Rename.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "entry"
            raise ConfigError(f"renames {path.name}: entry {number}: {where}: {first['msg']}") from None
    return tuple(sorted(found, key=lambda rename: rename.day))
