"""Reference tables from the catalog and the calendars: replaced whole, and only when they differ."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from ingest.catalog import Catalog
from ingest.catalog.calendars import nyse_sessions, working_days
from ingest.catalog.exchange_sessions import FIRST_YEAR, last_known_year
from ingest.catalog.frequency import MONTHS, is_period
from ingest.catalog.funds import load_funds
from ingest.catalog.models import Provider, Series
from ingest.clock import naive_utc
from warehouse.sql import one

DUE_BACK_DAYS = timedelta(days=60)
DUE_BACK = {"monthly": timedelta(days=100), "quarterly": timedelta(days=400), "annual": timedelta(days=1100)}
"""A month dated on its 1st is printed up to 54 days after that; the one before it must be in sight until then. Quarters
and years are printed up to 200 days after their end."""
DUE_AHEAD = timedelta(days=15)
DAYS_FROM = date(1900, 1, 1)
"""Before any period that a source prints: what is not among a calendar's days does not count as a period."""

_WEDNESDAY, _FRIDAY = 2, 4
_WEEK_ENDS = {"wednesday": _WEDNESDAY, "friday": _FRIDAY, "saturday": 5}
_RELEASES_SCHEMA = {
    "series_id": pl.String(),
    "provider": pl.String(),
    "period_date": pl.Date(),
    "release_at": pl.Datetime("us"),
}


def replace_reference(con: duckdb.DuckDBPyConnection, catalog: Catalog, now: datetime) -> list[str]:
    """Bring catalog.* and calendar.* up to `now` (aware), in one transaction; return the tables that changed."""
    tables = {
        "catalog.series": _series(catalog),
        "catalog.providers": _providers(catalog),
        "catalog.tolerances": _tolerances(catalog),
        "catalog.units": _units(catalog),
        "catalog.funds": _funds(),
        "calendar.days": _days(catalog),
        "calendar.sessions": _sessions(now),
        "calendar.releases": due_releases(catalog, now),
    }
    con.begin()
    try:
        changed = [table for table, frame in tables.items() if _replace(con, table, frame)]
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return changed


def _replace(con: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> bool:
    """Replace the rows of `table` by `frame` if they are not the same; say whether they were replaced."""
    columns = ", ".join(frame.columns)
    held = con.execute(f"select {columns} from {table}").pl()
    if held.equals(frame):  # as on most days, in the order in which they were put there
        return False
    con.register("reference_frame", frame)
    try:
        differing = frame.height if held.is_empty() else _differing(con, table, columns)
        if differing:
            con.execute(f"delete from {table}")
            con.execute(f"insert into {table} ({columns}) from reference_frame")
        return bool(differing)
    finally:
        con.unregister("reference_frame")


def _differing(con: duckdb.DuckDBPyConnection, table: str, columns: str) -> int:
    """Return how many rows `table` or the frame of reference has that the other has not, in whatever order."""
    counted = f"""
        select
            (select count(*) from (select {columns} from {table} except all from reference_frame))
            + (select count(*) from (from reference_frame except all select {columns} from {table}))
        """
    return int(one(con, counted))


def _series(catalog: Catalog) -> pl.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "series_id": series.id,
            "title": series.title,
            "register_id": series.register_id,
            "publisher": series.publisher,
            "frequency": series.frequency,
            "calendar": series.calendar,
            "unit": series.unit,
            "stale_limit_days": series.stale_limit_days,
            "stale_limit_long_holiday_days": series.stale_limit_long_holiday_days,
            "plausible_min": series.plausible.min,
            "plausible_max": series.plausible.max,
            "plausible_max_step": series.plausible.max_step,
            "licence": series.licence,
            "is_revised": series.is_revised,
            "rolling_history_years": series.rolling_history_years,
            "end_date": series.ends,
        }
        for series in catalog.series
    ]
    nullable = {
        "register_id": pl.String,
        "calendar": pl.String,
        "stale_limit_long_holiday_days": pl.Int64,
        "rolling_history_years": pl.Int64,
        "end_date": pl.Date,
    }
    return pl.DataFrame(rows, schema_overrides=nullable, infer_schema_length=None)


def _providers(catalog: Catalog) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "series_id": series.id,
                "provider": provider.source,
                "provider_rank": rank,
                "code": provider.code,
                "unit_published": provider.unit,
                "stale_limit_days": provider.stale_limit_days or series.stale_limit_days,
            }
            for series in catalog.series
            for rank, provider in enumerate(series.providers, start=1)
        ]
    )


def _tolerances(catalog: Catalog) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "series_id": series.id,
                "agree_within": series.agree_within,
                "agree_within_ratio": series.agree_within_ratio,
            }
            for series in catalog.series
            if series.agree_within is not None or series.agree_within_ratio is not None
        ],
        schema={"series_id": pl.String, "agree_within": pl.Float64, "agree_within_ratio": pl.Float64},
    )


def _units(catalog: Catalog) -> pl.DataFrame:
    return pl.DataFrame(
        [{"unit_published": unit.published, "unit": unit.mart, "factor": unit.factor} for unit in catalog.units]
    )


def _funds() -> pl.DataFrame:
    columns = {
        "ticker": pl.String,
        "title": pl.String,
        "issuer": pl.String,
        "source": pl.String,
        "provider_code": pl.String,
        "category": pl.String,
        "subcategory": pl.String,
        "leverage": pl.Float64,
        "is_inverse": pl.Boolean,
        "benchmark_ticker": pl.String,
        "share_lag_sessions": pl.Int64,
        "takes_holdings": pl.Boolean,
        "active_from": pl.Date,
        "active_to": pl.Date,
    }
    return pl.DataFrame(
        [[getattr(fund, name) for name in columns] for fund in load_funds()], schema=columns, orient="row"
    )


def _days(catalog: Catalog) -> pl.DataFrame:
    """Return the days of each calendar that a series keeps: calendar, day."""
    names = sorted({series.calendar for series in catalog.series if series.calendar is not None})
    last = date(last_known_year(), 12, 31)
    return pl.concat(
        pl.DataFrame({"day": working_days(name, DAYS_FROM, last)}, schema={"day": pl.Date}).select(
            pl.lit(name).alias("calendar"), "day"
        )
        for name in names
    )


def _sessions(now: datetime) -> pl.DataFrame:
    last = naive_utc(now).date() + DUE_AHEAD
    # The last session that the exchange's calendar knows has no next one, hence no cut-off yet.
    return nyse_sessions(date(FIRST_YEAR, 1, 1), last).filter(pl.col("cutoff_at").is_not_null())


def due_releases(catalog: Catalog, now: datetime) -> pl.DataFrame:
    """Return what each provider is due to print around `now`: series_id, provider, period_date, release_at (UTC).

    Discontinued series and user files owe nothing.
    """
    today = naive_utc(now).date()
    frames = [
        _due(
            series,
            provider,
            today - DUE_BACK.get("quarterly" if series.months else series.frequency, DUE_BACK_DAYS),
            today + DUE_AHEAD,
        )
        for series, provider in _printing(catalog)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_RELEASES_SCHEMA)


def _printing(catalog: Catalog) -> Iterator[tuple[Series, Provider]]:
    for series in catalog.series:
        if series.ends is None:
            yield from ((series, provider) for provider in series.published_by)


def _due(series: Series, provider: Provider, first: date, last: date) -> pl.DataFrame:
    periods = pl.Series("period_date", _periods(series, provider, first, last), dtype=pl.Date)
    return pl.DataFrame({"period_date": periods, "release_at": provider.release.released_at(periods)}).select(
        pl.lit(series.id).alias("series_id"),
        pl.lit(provider.source).alias("provider"),
        "period_date",
        "release_at",
    )


def _periods(series: Series, provider: Provider, first: date, last: date) -> list[date]:
    """Return the dates that the provider prints as periods between `first` and `last`."""
    days = [first + timedelta(days=back) for back in range((last - first).days + 1)]
    if series.frequency == "weekly":
        # The H.4.1 prints Wednesdays some working days later; indices that print on a weekday end their week on Friday.
        end_of_week = _WEDNESDAY if provider.release.weekday is None else _FRIDAY
        if series.week_ends is not None:
            end_of_week = _WEEK_ENDS[series.week_ends]
        return [day for day in days if day.weekday() == end_of_week]
    if series.frequency in MONTHS:
        return [day for day in days if is_period(series.frequency, day, series.months)]
    assert series.calendar is not None  # a daily series has one
    own = working_days(series.calendar, first, last)
    if provider.release.business_days is None:
        return own
    return sorted(set(own) & set(working_days(provider.release.calendar, first, last)))
