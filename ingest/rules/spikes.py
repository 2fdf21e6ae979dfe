"""Exchange rates and indices that leave their level and come back: a typo, unless a second provider shows it too."""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.catalog.models import Series

SPIKE_CHECK: Final = "spikes_are_confirmed"

_AROUND: Final = 11  # periods whose middle value is where the series is
# So many times the share where nobody else can be asked: stock markets fall and recover, rates of exchange do not.
_ALONE: Final = {"rate": 1.5}
_ALONE_OTHERWISE: Final = 3.0
_SECOND_WITHIN: Final = "4d"


def has_level(series: Series) -> bool:
    """Say whether one-day spikes of a series are doubted: rates of exchange, and indices that one publisher prints."""
    is_index = series.unit in ("index", "rate")
    return series.plausible.spike_pct is not None or (
        is_index and len(series.published_by) == 1 and not series.is_revised
    )


def spikes(values: pl.DataFrame, others: pl.DataFrame, series: Series) -> dict[int, str]:
    """Return why values of one series are doubted, by their position.

    `values`: position, period_date, value, one row per period, values held of before included; `others`: period_date,
    value of other providers. Both in the unit of the mart.
    """
    own = values.drop_nulls("value").sort("period_date")
    if own.height < 3:
        return {}
    before, after = pl.col("value").shift(1), pl.col("value").shift(-1)
    measured = own.with_columns(
        before=before,
        after=after,
        middle=pl.col("value").rolling_median(_AROUND, center=True, min_samples=3),
    ).join_asof(_beside(others), on="period_date", strategy="backward", tolerance=_SECOND_WITHIN)
    share = (series.plausible.spike_pct or 0.0) / 100
    return _against_second(measured, share) | _alone(measured, series, share)


def _beside(others: pl.DataFrame) -> pl.DataFrame:
    """Return the other provider's value of a day, and those of the days around it: dates may be off by one."""
    one = others.drop_nulls().sort("period_date").unique("period_date", keep="first", maintain_order=True)
    return one.select(
        "period_date",
        second=pl.col("value"),
        second_before=pl.col("value").shift(1),
        second_after=pl.col("value").shift(-1),
    )


def _distance(second: str) -> pl.Expr:
    return (pl.col("value") / pl.col(second) - 1).abs()


def _against_second(measured: pl.DataFrame, share: float) -> dict[int, str]:
    """Return values off their own level that the second provider of that day does not show."""
    if not share:
        return {}
    found = measured.filter(
        (pl.col("value") / pl.col("middle") - 1).abs() > share,
        pl.min_horizontal(_distance("second"), _distance("second_before"), _distance("second_after")) > share,
    )
    return {
        place: f"value {value:g} off its level ({middle:g} around it) and off the second provider's {second:g}"
        for place, value, middle, second in found.select("position", "value", "middle", "second").rows()
    }


def _alone(measured: pl.DataFrame, series: Series, share: float) -> dict[int, str]:
    """Return values that nobody else has and that come back wholly on the next period."""
    limit = pl.lit(series.plausible.max_step)
    if share:
        times = _ALONE.get(series.unit, _ALONE_OTHERWISE)
        limit = pl.min_horizontal(limit, times * share * pl.col("before").abs())
    up, down = pl.col("value") - pl.col("before"), pl.col("value") - pl.col("after")
    found = measured.filter(
        pl.col("second").is_null(),
        up.abs() > limit,
        down.abs() > limit,
        up * down > 0,
        (pl.col("after") - pl.col("before")).abs() * 4 < pl.min_horizontal(up.abs(), down.abs()),
    )
    return {
        place: f"value {value:g} between {before:g} and {after:g}, and no second provider shows it"
        for place, value, before, after in found.select("position", "value", "before", "after").rows()
    }
