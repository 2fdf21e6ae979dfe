"""What FRED shows of a series: weekdays and months without a value, histories that roll, vintages by day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from ingest.catalog.frequency import MONTHS
from ingest.catalog.models import Provider, Series
from simulator.render.view import View

CENTRAL = ZoneInfo("America/Chicago")
STILL_CURRENT = date(9999, 12, 31)
WITHOUT_VINTAGES = frozenset({"SP500"})
"""Series FRED keeps no vintages of."""

_ICE_ROLLS_FROM = date(2026, 4, 1)
_TEN_YEARS = frozenset({"SP500"})


def today(view: View) -> date:
    """Return FRED's day: US Central."""
    return view.now.astimezone(CENTRAL).date()


def first_shown(view: View, series: Series, provider: Provider) -> date | None:
    """Return the start of a rolling history: ICE since April 2026 (three years), S&P always (ten); else None."""
    day = today(view)
    years = 10 if provider.code in _TEN_YEARS else series.rolling_history_years
    if years is None or (years != 10 and day < _ICE_ROLLS_FROM):
        return None
    start: date = (np.datetime64(day, "M") - 12 * years).astype("datetime64[D]").astype(date)
    return start + timedelta(days=min(day.day, 28) - 1)


def shown(view: View, series: Series, provider: Provider) -> pl.DataFrame:
    """Return (period_date, value), value NULL on weekdays (months) of a daily (monthly) history that have none."""
    frame = _rolled(view, series, provider, view.published(series, "fred"))
    if series.frequency == "weekly" or frame.is_empty():
        return frame
    held = frame["period_date"].to_numpy()
    periods = np.union1d(held, _periods(series, frame)["period_date"].to_numpy())
    values = np.full(len(periods), np.nan)
    values[np.searchsorted(periods, held)] = frame["value"].to_numpy()
    return pl.DataFrame({"period_date": periods, "value": pl.Series(values, nan_to_null=True)})


def vintages(view: View, series: Series, provider: Provider) -> pl.DataFrame:
    """Return period_date, value (NULL: shown as a gap), realtime_start and realtime_end, by period and vintage."""
    make = partial(_vintages, view, series, provider)
    return view.remember(f"vintages {series.id}", [series.id], "fred", make, extra=first_shown(view, series, provider))


def _vintages(view: View, series: Series, provider: Provider) -> pl.DataFrame:
    prints = _rolled(view, series, provider, view.market.vintages(series.id, "fred", view.now))
    local = pl.col("known_at").dt.replace_time_zone("UTC").dt.convert_time_zone(str(CENTRAL)).dt.date()
    prints = view.in_unit(prints, series, "fred").select("period_date", "value", local.alias("realtime_start"))
    prints = prints.unique(["period_date", "realtime_start"], keep="last", maintain_order=True)
    if series.frequency != "weekly" and prints.height:
        gaps = _periods(series, prints).join(prints, on="period_date", how="anti")
        first = prints.unique("period_date", keep="first", maintain_order=True)
        gaps = gaps.join_asof(first.select("period_date", "realtime_start"), on="period_date", strategy="forward")
        gaps = gaps.select("period_date", pl.lit(None, dtype=pl.Float64).alias("value"), "realtime_start")
        prints = pl.concat([prints, gaps]).sort("period_date", "realtime_start")
    ends = (pl.col("realtime_start").shift(-1).over("period_date") - pl.duration(days=1)).fill_null(STILL_CURRENT)
    return prints.with_columns(ends.alias("realtime_end"))


def last_updated(view: View, series: Series) -> str:
    """Return the moment of the newest print as FRED writes it: Central time with a two-digit offset."""
    moment = view.market.last_print(series.id, "fred", view.now) or datetime(2012, 1, 1)  # noqa: DTZ001
    local = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(CENTRAL)
    return local.strftime("%Y-%m-%d %H:%M:%S") + local.strftime("%z")[:3]


def _rolled(view: View, series: Series, provider: Provider, frame: pl.DataFrame) -> pl.DataFrame:
    start = first_shown(view, series, provider)
    return frame if start is None else frame.filter(pl.col("period_date") >= start)


def _periods(series: Series, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the periods that the history should have: weekdays, or first days of months, quarters, years."""
    first, last = frame["period_date"].to_numpy()[[0, -1]]
    if months := MONTHS.get(series.frequency):
        periods = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1, months).astype(
            "datetime64[D]"
        )
    else:
        days = np.arange(first, last + np.timedelta64(1, "D")).astype("datetime64[D]")
        periods = days[np.is_busday(days)]
    return pl.DataFrame({"period_date": pl.Series(periods).cast(pl.Date)})
