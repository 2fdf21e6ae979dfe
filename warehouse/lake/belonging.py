"""A lake belongs to one home, and a home that has one needs it: neither is ever read or written with another.

The home keeps `lake.json` with a number of its own and where its lake is; the lake has the number in its table
`tidegauge.home`. Both are made by the first run with TIDEGAUGE_LAKE.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Final

import duckdb

from ingest.errors import ConfigError
from ingest.home import Home
from warehouse.lake.errors import LakeLost, lake_errors
from warehouse.lake.setting import Lake
from warehouse.sql import text

TABLE: Final = "tidegauge.home"


def require_lake(home: Home, lake: Lake | None) -> None:
    """ConfigError where the home has a lake and the setting is missing: half of its tables would seem to be gone."""
    held = _held(home)
    if lake is None and held is not None:
        raise ConfigError(
            f"the big tables of {home.root} are in the lake {held['address']}: set TIDEGAUGE_LAKE; nothing was touched"
        )


def require_ours(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake) -> None:
    """LakeLost where the attached lake has nothing of a home that has put tables there, or is another home's."""
    kept = _held(home)
    if kept is None:
        return
    with lake_errors(lake):
        found = _marked(con)
    if found is None or found[0] != kept["home_id"]:
        whose = "has nothing of this home any more" if found is None else f"is the lake of another home ({found[1]})"
        raise LakeLost(f"{lake.address} {whose}: {LakeLost.remedy}")


def has_lake(home: Home) -> bool:
    """Say whether a home has put tables into a lake."""
    return _path(home).exists()


def require_marked(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """LakeLost where the attached lake has no home: whatever was in it is gone."""
    with lake_errors(lake):
        if _marked(con) is None:
            raise LakeLost(f"{lake.address} has nothing that this release was made from: {LakeLost.remedy}")


def claim(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake) -> None:
    """Make the attached lake that of this home, or prove that it is; ConfigError where it is another's.

    A lake that was lost may be replaced by an empty one.
    """
    number = (_held(home) or {}).get("home_id")
    with lake_errors(lake):
        found = _marked(con)
        if found is not None and found[0] != number:
            raise ConfigError(
                f"{lake.address} is the lake of another home ({found[1]}): nothing was touched. "
                "Give TIDEGAUGE_LAKE a database and a place for data of its own."
            )
        if number is None:
            number = str(uuid.uuid4())
        _keep(home, number, lake)
        if found is None:
            con.execute("create schema if not exists lake.tidegauge")
            con.execute(f"create or replace table lake.{TABLE} (home_id varchar, home varchar)")
            con.execute(f"insert into lake.{TABLE} values ({text(number)}, {text(str(home.root))})")


def _marked(con: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
    known = "select 1 from duckdb_tables() where database_name = 'lake' and schema_name = 'tidegauge'"
    if con.execute(known).fetchone() is None:
        return None
    return con.execute(f"select home_id, home from lake.{TABLE}").fetchone()


def _path(home: Home) -> Path:
    return home.root / "lake.json"


def _held(home: Home) -> dict[str, str] | None:
    path = _path(home)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(found[name]) for name in ("home_id", "address")}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not what was written there: {error}") from None


def _keep(home: Home, number: str, lake: Lake) -> None:
    kept = {"home_id": number, "address": lake.address}
    if _held(home) != kept:
        _path(home).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
