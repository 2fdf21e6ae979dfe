"""One row per series of a batch: what came, what is held, what is missing, how far behind it is. For the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from ingest.catalog import Series
from ingest.catalog.calendars import busday_calendar, working_days
from ingest.catalog.frequency import periods_before
from ingest.catalog.models import Provider
from ingest.clock import NEW_YORK, naive_utc
from ingest.rules.arrived import Arrived

SESSIONS_LOOKED_AT: Final = 60

_FEWEST_EXPECTED: Final = 3  # so few rows say nothing about what was lost
_WEEKDAYS_BACK: Final = 60
_PERIODS_BACK: Final = 6  # months, quarters, years: no release takes longer


def series_table(arrived: Arrived) -> pl.DataFrame:
    """Return one row per series that came: newest periods, and the measures of series_rules.SERIES_TABLE."""
    periods = pl.col("period_date")
    has_value = periods.filter(pl.col("value").is_not_null())
    came = (
        arrived.rows.group_by("series_id", maintain_order=True)
        .agg(
            periods.min().alias("came_first"),
            periods.max().alias("came_last"),
            has_value.max().alias("came_last_value"),
            periods.unique().alias("periods"),
        )
        .join(
            arrived.held.group_by("series_id").agg(periods.max().alias("last_period")),
            on="series_id",
            how="left",
            maintain_order="left",
        )
    )
    kept = _kept_ratios(arrived)
    asked = {window.group for window in arrived.batch.windows}
    extra = []
    for row in came.iter_rows(named=True):
        series = arrived.catalog.by_id(row["series_id"])
        provider = series.provider(arrived.batch.source)
        extra.append(
            {
                "missing_sessions": _missing_sessions(series, row["periods"], row),
                "kept_ratio": kept.get(series.id) if series.id in asked else None,
                "behind_days": _behind_days(series, provider, row["came_last_value"], arrived.now),
                "stale_limit_days": _stale_limit(series, provider),
            }
        )
    schema = {
        "missing_sessions": pl.Int64,
        "kept_ratio": pl.Float64,
        "behind_days": pl.Int64,
        "stale_limit_days": pl.Int64,
    }
    behind_held = (pl.col("last_period") - pl.col("came_last")).dt.total_days().alias("ends_before_days")
    return came.drop("periods").hstack(pl.DataFrame(extra, schema=schema)).with_columns(behind_held)


def _kept_ratios(arrived: Arrived) -> dict[str, float]:
    """Return, per series, values that came / values held of the days that both reach over.

    Days that the answer no longer reaches back to are a shortened history, which landing records by itself.
    """
    period = pl.col("period_date")
    values = [
        rows.filter(pl.col("value").is_not_null()).select("series_id", "period_date").unique()
        for rows in (arrived.rows, arrived.held)
    ]
    ends = [
        rows.group_by("series_id").agg(period.min().alias("first"), period.max().alias("last"))
        for rows in (arrived.rows, arrived.held)
    ]
    both = ends[0].join(ends[1], on="series_id", suffix="_held")
    first, last = pl.max_horizontal("first", "first_held"), pl.min_horizontal("last", "last_held")
    came, held = (
        rows.join(both, on="series_id").filter(period >= first, period <= last).group_by("series_id").len(name)
        for rows, name in zip(values, ("came", "held"), strict=True)
    )
    counted = held.filter(pl.col("held") >= _FEWEST_EXPECTED).join(came, on="series_id", how="left")
    return dict(counted.select("series_id", pl.col("came").fill_null(0) / pl.col("held")).iter_rows())


def _missing_sessions(series: Series, periods: Sequence[date], row: Mapping[str, Any]) -> int | None:
    """Count NYSE sessions without a row, among the last 60 up to the newest period; None off the exchanges."""
    if series.calendar != "nyse":
        return None
    first = max(row["came_first"], row["came_last"] - timedelta(days=2 * SESSIONS_LOOKED_AT))
    sessions = working_days("nyse", first, row["came_last"])[-SESSIONS_LOOKED_AT:]
    return len(set(sessions) - set(periods))


def _behind_days(series: Series, provider: Provider, newest: date | None, now: datetime) -> int | None:
    """Return by how many days the newest period is behind the newest one that is due by `now`; None if none is due."""
    if newest is None or series.ends is not None or provider not in series.published_by:
        return None
    today = now.astimezone(NEW_YORK).date()
    if series.frequency == "daily":
        first = today - timedelta(days=_WEEKDAYS_BACK)
        days = _business_days(provider, first, today)
    elif series.frequency == "weekly":
        back = (today - newest).days // 7
        days = [newest + timedelta(days=7 * week) for week in range(max(back - 10, 0), back + 1)]
    else:
        days = periods_before(series.frequency, today, _PERIODS_BACK, series.months)
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
