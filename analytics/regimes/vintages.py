"""Vintages of series, the sessions and the limits, read out of the build file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from analytics.regimes.spine import Limits, Spine

if TYPE_CHECKING:
    import duckdb

VINTAGES_SCHEMA: Final = {
    "series_id": pl.String,
    "provider": pl.String,
    "provider_rank": pl.Int64,
    "period_date": pl.Date,
    "value": pl.Float64,
    "known_at": pl.Datetime("us"),
    "known_basis": pl.String,
    "loaded_at": pl.Datetime("us"),
    "payload_sha256": pl.String,
}
NEWEST_LAST: Final = ("known_at", "loaded_at", "payload_sha256")
"""The order of vintages: as warehouse/latest.py resolves two of one moment, so does the replay."""

DISPUTED: Final = "is_disputed"
"""A column that vintages may have: TRUE where the value is NULL because publishers differ (marts.disagreements)."""


def read_spine(con: duckdb.DuckDBPyConnection) -> Spine:
    """Return the sessions of the calendar."""
    return Spine.of(
        con.execute("select session_date, cutoff_at, close_cutoff_at from calendar.sessions order by 1").pl()
    )


def read_limits(con: duckdb.DuckDBPyConnection) -> dict[str, Limits]:
    """Return the staleness limits of the catalog, by series."""
    by_series: dict[str, dict[str, int]] = {}
    for series_id, provider, days in con.execute(
        "select series_id, provider, stale_limit_days from catalog.providers"
    ).fetchall():
        by_series.setdefault(series_id, {})[provider] = days
    return {
        series_id: Limits(frequency, by_series.get(series_id, {}), long_holiday)
        for series_id, frequency, long_holiday in con.execute(
            "select series_id, frequency, stale_limit_long_holiday_days from catalog.series"
        ).fetchall()
    }


class Observed(NamedTuple):
    """What a replay is made of: vintages (VINTAGES_SCHEMA, perhaps with DISPUTED), sessions, limits by series."""

    vintages: pl.DataFrame
    spine: Spine
    limits: Mapping[str, Limits]


def read_observed(
    con: duckdb.DuckDBPyConnection, series_ids: Sequence[str], known_by: datetime | None = None
) -> Observed:
    """Return what a build file has of `series_ids`; with `known_by` (naive UTC) the vintages known then."""
    return Observed(read_vintages(con, series_ids, known_by), read_spine(con), read_limits(con))


def read_vintages(
    con: duckdb.DuckDBPyConnection, series_ids: Sequence[str], known_by: datetime | None = None
) -> pl.DataFrame:
    """Return the vintages of `series_ids` in the unit of the marts, those in dispute without a value.

    With `known_by` (naive UTC) those known then.
    """
    columns = ", ".join((*VINTAGES_SCHEMA, DISPUTED))
    return con.execute(
        f"""
        select {columns} from intermediate.int_agreed
        where list_contains($series_ids, series_id) and ($known_by is null or known_at <= $known_by)
        """,
        {"series_ids": list(series_ids), "known_by": known_by},
    ).pl()
