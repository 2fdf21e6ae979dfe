"""Large price moves that were real: `load_confirmed_moves()` reads confirmed_moves.yml."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import yaml

from ingest.errors import ConfigError

CONFIRMED_MOVES_FILE = Path(__file__).with_name("confirmed_moves.yml")


@cache
def load_confirmed_moves(path: Path = CONFIRMED_MOVES_FILE) -> pl.DataFrame:
    """Return ticker and session_date of each listed move; ConfigError names the entry that cannot be used."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML: {error}") from error
    for entry in entries or []:
        if not isinstance(entry, dict) or not isinstance(entry.get("session_date"), date) or "ticker" not in entry:
            raise ConfigError(f"{path.name}: expected ticker and session_date, saw {entry!r}")
    rows = [(str(entry["ticker"]), entry["session_date"]) for entry in entries or []]
    return pl.DataFrame(rows, schema={"ticker": pl.String, "session_date": pl.Date}, orient="row")
