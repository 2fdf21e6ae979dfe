"""What the simulated market expects of the Fed: a step at each meeting, as two-year yields are off the rate."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.settings import PROJECT_ROOT
from simulator.render.view import View

_MEETINGS_A_YEAR: Final = 8
_LARGEST_STEP: Final = 0.40
_CALENDAR: Final = PROJECT_ROOT / "dbt_project/seeds/fomc_meetings.csv"

Days = npt.NDArray[np.datetime64]
Rates = npt.NDArray[np.float64]


@cache
def meetings() -> Days:
    """Return the decision days of the calendar, without meetings that were called off."""
    rows = pl.read_csv(_CALENDAR, try_parse_dates=True)
    rows = rows.filter(pl.col("is_scheduled") & pl.col("called_off_date").is_null())
    return rows["meeting_date"].sort().to_numpy().astype("datetime64[D]")


def expected(view: View) -> pl.DataFrame:
    """Return session_date, rate (effective, percent) and step (percent a meeting) of each day that can be read."""
    return view.remember("expected", ["effr", "us_2y_yield"], "fred", lambda: _expected(view))


def _expected(view: View) -> pl.DataFrame:
    rate = view.values("effr", "fred").drop_nulls().rename({"value": "rate"})
    yields = view.values("us_2y_yield", "fred").drop_nulls().rename({"value": "two_years"})
    step = (pl.col("two_years") - pl.col("rate")) / _MEETINGS_A_YEAR
    joined = rate.sort("period_date").join_asof(yields.sort("period_date"), on="period_date").drop_nulls()
    return joined.select(
        pl.col("period_date").alias("session_date"), "rate", step.clip(-_LARGEST_STEP, _LARGEST_STEP).alias("step")
    )


def month_averages(paths: pl.DataFrame, month: date) -> Rates:
    """Return for each day of `paths` the average rate of a month that it expects."""
    first = np.datetime64(month, "M")
    days = np.arange(first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]"))
    seen = paths["session_date"].to_numpy().astype("datetime64[D]")
    passed = np.searchsorted(meetings(), days, side="left")[None, :]
    over = np.searchsorted(meetings(), seen, side="right")[:, None]
    steps = np.maximum(passed - over, 0).mean(axis=1)
    averages: Rates = np.maximum(paths["rate"].to_numpy() + paths["step"].to_numpy() * steps, 0.02)
    return averages
