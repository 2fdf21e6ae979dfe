"""A period on which publishers differ is an observation without a value: no older one stands in for it in any rule."""

from __future__ import annotations

import polars as pl
import pytest

from analytics.regimes.vintages import DISPUTED
from tests.unit.regime_world import Row, of_rows, read

BEFORE, DAY, AFTER = "2020-03-12", "2020-03-13", "2020-03-16"


def disputed(series_id: str, values: dict[str, float | None]) -> pl.DataFrame:
    """Return prints of sessions, known at 18:00 UTC of the day; None: in dispute."""
    frame = of_rows(*[Row(series_id, day, value, f"{day} 18:00") for day, value in values.items()])
    return frame.with_columns(pl.col("value").is_null().alias(DISPUTED))


@pytest.mark.parametrize(
    ("series_id", "dimension", "name"),
    [
        ("vix_close", "volatility", "vix_index"),
        ("move", "rates_volatility", "move_index"),
        ("us_10y_yield", "rates_volatility", "proxy_rate_volatility_bp"),
        ("usdjpy", "carry", "usdjpy_return_10d_ratio"),
        ("hy_oas", "credit", "hy_oas_bp"),
        ("hy_oas", "credit", "hy_oas_change_21d_bp"),
        ("put_call_total_ratio", "options_sentiment", "put_call_total_ratio"),
    ],
)
def test_the_newest_period_in_dispute_is_unknown_at_once(series_id: str, dimension: str, name: str):
    rows = disputed(series_id, {BEFORE: 21.77, DAY: None, AFTER: 17.36})
    group = getattr(read(rows, DAY), dimension)
    found = getattr(group, name)
    assert (found.value, str(found.obs_date), found.reason) == (None, DAY, "disputed")
    assert getattr(getattr(read(rows, AFTER), dimension), name).reason != "disputed"


def test_a_leg_in_dispute_leaves_no_carry():
    rows = pl.concat(
        [disputed("us_2y_yield", {BEFORE: 0.5, DAY: None}), disputed("jgb_2y_yield", {BEFORE: -0.2, DAY: -0.2})]
    )
    assert read(rows, BEFORE).carry.carry_2y_bp.value == pytest.approx(70.0)
    assert (read(rows, DAY).carry.carry_2y_bp.value, read(rows, DAY).carry.carry_2y_bp.reason) == (None, "disputed")


def test_it_ends_with_the_dispute():
    rows = pl.concat(
        [disputed("vix_close", {DAY: None}), of_rows(Row("vix_close", DAY, 57.83, f"{DAY} 21:00")).with_columns(
            pl.lit(False).alias(DISPUTED))]
    )  # fmt: skip
    assert read(rows, DAY, f"{DAY} 20:00").volatility.vix_index.reason == "disputed"
    assert read(rows, DAY).volatility.vix_index.value == 57.83
