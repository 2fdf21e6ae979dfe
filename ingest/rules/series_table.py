"""One row per series of a batch: what came, what was held, what is missing, how far behind it is. For the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from ingest.batch import Batch
from ingest.catalog import Catalog, Series
from ingest.catalog.calendars import busday_calendar, working_days
from ingest.catalog.models import Provider
from ingest.clock import NEW_YORK, naive_utc

SESSIONS_LOOKED_AT: Final = 60

_FEWEST_EXPECTED: Final = 3  # so few rows say nothing about what was lost
_WEEKDAYS_BACK: Final = 60


def series_table(batch: Batch, catalog: Catalog, previous: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return one row per series of the batch: what came, what was held, what is missing, how far behind it is."""
    has_value = pl.col("period_date").filter(pl.col("value").is_not_null())
    came = (
        batch.rows.group_by("series_id", maintain_order=True)
        .agg(
            has_value.n_unique().alias("came_count"),
            pl.col("period_date").min().alias("came_first"),
            pl.col("period_date").max().alias("came_last"),
            has_value.max().alias("came_last_value"),
        )
        .join(
            previous.select(
                "series_id",
                pl.col("rows_count").cast(pl.Int64),
                pl.col("first_period").cast(pl.Date),
                pl.col("last_period").cast(pl.Date),
            ),
            on="series_id",
            how="left",
            maintain_order="left",
        )
    )
    periods = dict(batch.rows.group_by("series_id").agg(pl.col("period_date").unique()).iter_rows())
    asked = {window.group for window in batch.windows}
    extra = []
    for row in came.iter_rows(named=True):
        series = catalog.by_id(row["series_id"])
        provider = series.provider(batch.source)
        extra.append(
            {
                "missing_sessions": _missing_sessions(series, periods[series.id], row),
                "kept_ratio": _kept_ratio(row) if series.id in asked else None,
                "behind_days": _behind_days(series, provider, row["came_last_value"], now),
                "stale_limit_days": _stale_limit(series, provider),
            }
        )
    schema = {
        "missing_sessions": pl.Int64,
        "kept_ratio": pl.Float64,
        "behind_days": pl.Int64,
        "stale_limit_days": pl.Int64,
    }
    return came.hstack(pl.DataFrame(extra, schema=schema))


def _missing_sessions(series: Series, periods: Sequence[date], row: Mapping[str, Any]) -> int | None:
    """Count NYSE sessions without a row, among the last 60 up to the newest period; None off the exchanges."""
    if series.calendar != "nyse":
        return None
    first = max(row["came_first"], row["came_last"] - timedelta(days=2 * SESSIONS_LOOKED_AT))
    sessions = working_days("nyse", first, row["came_last"])[-SESSIONS_LOOKED_AT:]
    return len(set(sessions) - set(periods))


def _kept_ratio(row: Mapping[str, Any]) -> float | None:
    """Return rows that came / rows held over the same days; None where nothing was held or nothing overlaps.

    Of what is held only the count and the ends are known: between them the periods count as evenly spread.
    """
    if not row["rows_count"]:
        return None
    first, last = row["first_period"], row["last_period"]
    # days that the answer no longer reaches back to are a shortened history, which landing records by itself
    overlap = (min(last, row["came_last"]) - max(first, row["came_first"])).days + 1
    expected = row["rows_count"] * overlap / ((last - first).days + 1)
    beyond = max((row["came_last"] - last).days, 0) + max((first - row["came_first"]).days, 0)
    span = (row["came_last"] - row["came_first"]).days + 1
    came = row["came_count"] * (span - beyond) / span
    return came / expected if expected >= _FEWEST_EXPECTED else None


def _behind_days(series: Series, provider: Provider, newest: date | None, now: datetime) -> int | None:
    """Return by how many days the newest period is behind the newest one that is due by `now`; None if none is due."""
    if newest is None or series.ends is not None or provider.source == "user_file":
        return None
    today = now.astimezone(NEW_YORK).date()
    if series.frequency == "daily":
        first = today - timedelta(days=_WEEKDAYS_BACK)
        days = _business_days(provider, first, today)
    elif series.frequency == "weekly":
        back = (today - newest).days // 7
        days = [newest + timedelta(days=7 * week) for week in range(max(back - 10, 0), back + 1)]
    else:
        days = [date(today.year - (today.month <= back), (today.month - back - 1) % 12 + 1, 1) for back in range(6)]
    if not days:
        return None
    released = provider.release.released_at(pl.Series("period_date", days, dtype=pl.Date))
    due = pl.Series("period_date", days, dtype=pl.Date).filter(released <= naive_utc(now)).max()
    return max((due - newest).days, 0) if isinstance(due, date) else None


def _business_days(provider: Provider, first: date, last: date) -> list[date]:
    """Return the days that a daily series has periods for: the publisher's, Monday to Friday for one without any."""
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    found: list[date] = days[np.is_busday(days, busdaycal=busday_calendar(provider.release.calendar))].tolist()
    return [day for day in found if day.weekday() < 5]


def _stale_limit(series: Series, provider: Provider) -> int:
    longest = series.stale_limit_long_holiday_days or 0  # the gate does not know holidays abroad; the marts do
    return max(provider.stale_limit_days or series.stale_limit_days, longest)
