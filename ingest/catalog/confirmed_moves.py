"""Large price moves that were real: `load_confirmed_moves()` reads confirmed_moves.yml."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from ingest.errors import ConfigError
from ingest.yaml_files import read_yaml

CONFIRMED_MOVES_FILE = Path(__file__).with_name("confirmed_moves.yml")


@cache
def load_confirmed_moves(path: Path = CONFIRMED_MOVES_FILE) -> pl.DataFrame:
    """Return ticker and session_date of each listed move; ConfigError names the entry that cannot be used."""
    entries = read_yaml(path, "confirmed moves")
    if not isinstance(entries, list):
        raise ConfigError(f"confirmed moves {path.name}: expected a list")
    for entry in entries:
        if not isinstance(entry, dict) or type(entry.get("session_date")) is not date or "ticker" not in entry:
            raise ConfigError(f"confirmed moves {path.name}: expected ticker and session_date, got {entry!r}")
    rows = [(str(entry["ticker"]), entry["session_date"]) for entry in entries]
    return pl.DataFrame(rows, schema={"ticker": pl.String, "session_date": pl.Date}, orient="row")
