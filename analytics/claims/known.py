"""What was known at each session's cut-off, out of the published marts: the spine and the features of conditions.

Every column `<name>_<unit>` of marts.market_known_daily that has a `<name>_obs_date` is a feature under its own name.
What other marts say is declared in features.yml, with the column that says since when a row stands; of it a session
sees the greatest period that stood by its cut-off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from analytics.claims.functions import Known
from ingest.errors import ConfigError
from ingest.yaml_files import read_mapping

if TYPE_CHECKING:
    import duckdb

_DECLARED: Final = Path(__file__).with_name("features.yml")
MARKET: Final = "market_known_daily"
_ON_THE_DAY: Final = 0
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Spine:
    """The sessions whose cut-off has passed, in order: session_date and cutoff_at."""

    sessions: pl.DataFrame

    def __len__(self) -> int:
        return self.sessions.height

    @property
    def dates(self) -> pl.Series:
        return self.sessions["session_date"]


def read_spine(con: duckdb.DuckDBPyConnection) -> Spine:
    """Return the sessions of marts.market_known_daily."""
    return Spine(con.execute(f"select session_date, cutoff_at from marts.{MARKET} order by session_date").pl())


@cache
def declared_features() -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of features.yml by name."""
    return read_mapping(_DECLARED, "features of claims")


@cache
def by_member() -> frozenset[str]:
    """Return the features that each member of a panel has its own of, under `<feature>@<member>`."""
    return frozenset(name for name, entry in declared_features().items() if "by" in entry)


def available(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the features that the marts of `con` can give, each with the mart it comes from."""
    columns: dict[str, list[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts' "
        "and database_name = current_database()"
    ).fetchall():
        columns.setdefault(table, []).append(column)
    found = dict.fromkeys((*_with_date(columns.get(MARKET, [])), *_derived(columns.get(MARKET, []))), MARKET)
    found |= dict.fromkeys(_CALENDAR, "sessions")
    for name, entry in declared_features().items():
        if _needed(entry) <= set(columns.get(entry["mart"], ())):
            found[name] = entry["mart"]
    return found


def _with_date(columns: Iterable[str]) -> dict[str, str]:
    """Return the features of the market's table, each with the column of its period."""
    dates = {name.removesuffix("_obs_date"): name for name in columns if name.endswith("_obs_date")}
    found = {}
    for name in columns:
        stem = name.rpartition("_")[0]
        while stem and stem not in dates:
            stem = stem.rpartition("_")[0]
        if stem and not name.endswith(("_date", "_at")):
            found[name] = dates[stem]
    return found


def _derived(columns: Iterable[str]) -> list[str]:
    """Return the columns of the market's table that are made of several inputs: they have no one date."""
    return [name for name in columns if "_known_" in name and not name.endswith(("_known_at", "_days"))]


def read_features(con: duckdb.DuckDBPyConnection, spine: Spine, names: Iterable[str]) -> dict[str, Known]:
    """Return the features of these names; ConfigError for one that the marts cannot give."""
    wanted, there = sorted(set(names)), available(con)
    if missing := [name for name in wanted if name not in there]:
        raise ConfigError(f"no feature {', '.join(missing)} in the marts")
    found = _of_market(con, spine, [name for name in wanted if there[name] == MARKET])
    found |= {name: _CALENDAR[name](spine) for name in wanted if name in _CALENDAR}
    found |= _of_marts(con, spine, [name for name in wanted if name in declared_features()])
    return found


def _needed(entry: Mapping[str, Any]) -> set[str]:
    """Return the columns of the mart without which a declared feature cannot be read."""
    if "needs" in entry:
        return set(entry["needs"])
    return {entry[key] for key in ("column", "period", "clock", "by") if key in entry}


def _of_market(con: duckdb.DuckDBPyConnection, spine: Spine, names: list[str]) -> dict[str, Known]:
    if not names:
        return {}
    columns = [row[0] for row in con.execute(f"describe marts.{MARKET}").fetchall()]
    dates = _with_date(columns)
    listed = ", ".join(dict.fromkeys(f'"{column}"' for name in names for column in (name, dates.get(name, name))))
    frame = con.execute(f"select {listed} from marts.{MARKET} order by session_date").pl()
    return {
        name: Known(frame[name], frame[dates[name]], spine.dates) if name in dates else Known(frame[name])
        for name in names
    }


def _of_marts(con: duckdb.DuckDBPyConnection, spine: Spine, names: list[str]) -> dict[str, Known]:
    """Read the declared features, those of the same rows of a mart in one query."""
    entries = {name: declared_features()[name] for name in names}
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, entry in entries.items():
        rows = entry.get("rows", f"select * from marts.{entry['mart']}")
        key = (rows, entry["period"], entry["clock"], entry.get("where", "true"), entry.get("by", ""))
        groups.setdefault(key, []).append(name)
    found = {}
    for (rows_sql, period, clock, where, by), members in groups.items():
        columns = ", ".join(f'{entries[name]["column"]} as "{name}"' for name in members)
        if by:
            columns += f", {by} as member"
        rows = con.execute(
            f"select {period} as period, {clock} as clock, {columns} from ({rows_sql}) "
            f"where ({where}) and {period} is not null and {clock} is not null"
        ).pl()
        parts = rows.partition_by("member", as_dict=True).items() if by else [((None,), rows)]
        for (member,), part in parts:
            for name in members:
                values = part.select("period", "clock", pl.col(name).alias("value"))
                if values["value"].dtype == pl.String:  # a state that is unknown is no state
                    values = values.with_columns(pl.when(pl.col("value") != _UNKNOWN).then(pl.col("value")))
                key_name = name if member is None else f"{name}@{member}"
                found[key_name] = as_known(spine, values, entries[name].get("oldest_days", _ON_THE_DAY))
    return found


def as_known(spine: Spine, rows: pl.DataFrame, oldest_days: int) -> Known:
    """Return of `rows` (period, clock, value) what each session sees: the greatest period whose clock had come.

    A period that began more than `oldest_days` days before the session is too old, and its value NULL.
    """
    dates = spine.dates.to_physical().cast(pl.Int64).to_numpy()
    cutoffs = spine.sessions["cutoff_at"].cast(pl.Datetime("us")).to_physical().to_numpy()
    rows = rows.with_columns(rows["clock"].cast(pl.Datetime("us")), rows["period"].cast(pl.Date))
    periods = rows["period"].to_physical().cast(pl.Int64).to_numpy()
    clocks = rows["clock"].to_physical().to_numpy()
    places = np.maximum(np.searchsorted(cutoffs, clocks, "left"), np.searchsorted(dates, periods, "left"))
    order = np.lexsort((clocks, periods, places))
    order = order[places[order] < len(dates)]
    is_newest = periods[order] >= np.maximum.accumulate(periods[order]) if len(order) else np.zeros(0, dtype=bool)
    order = order[is_newest]
    seen = np.searchsorted(places[order], np.arange(len(dates)), "right") - 1
    place = pl.col("place")
    taken = pl.when(place >= 0).then(place)
    found = pl.DataFrame({"own": spine.dates, "place": np.append(order, -1)[seen]}).select(
        "own", period=pl.lit(rows["period"]).gather(taken), value=pl.lit(rows["value"]).gather(taken)
    )
    is_recent = (pl.col("own") - pl.col("period")).dt.total_days() <= oldest_days
    return Known(found.select(pl.when(is_recent).then("value"))["value"], found["period"], spine.dates)


def _month(spine: Spine) -> Known:
    return Known(spine.dates.dt.month().cast(pl.Float64), spine.dates, spine.dates)


def _next_month(spine: Spine) -> Known:
    """The month of the next session: its date is that of the cut-off, and the calendar is known ahead."""
    return Known(spine.sessions["cutoff_at"].dt.month().cast(pl.Float64), spine.dates, spine.dates)


def _third_friday(spine: Spine) -> Known:
    """1 on the session of a monthly expiry: the third Friday, or the Thursday before where that is a holiday."""
    dates = spine.dates
    first = pl.col("session_date").dt.month_start()
    third = first + pl.duration(days=(12 - first.dt.weekday()) % 7 + 14)
    is_last = (pl.col("session_date") <= third) & (pl.col("cutoff_at").cast(pl.Date) > third)
    return Known(spine.sessions.select(is_last.cast(pl.Float64).alias("value"))["value"], dates, dates)


_CALENDAR: Final = {"session_month": _month, "next_session_month": _next_month, "is_expiry_session": _third_friday}
