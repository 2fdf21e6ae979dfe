"""The whole industry of exchange-traded funds, as the Investment Company Institute estimates it week by week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from ingest.dataset import dataset
from simulator.economy.grid import FIRST_DAY, Days, Grid, Path
from simulator.panel import PANEL_SCHEMA

CATEGORIES: Final = (
    "total",
    "equity",
    "domestic_equity",
    "world_equity",
    "hybrid",
    "bond",
    "taxable_bond",
    "municipal_bond",
    "commodity",
)
_SHARE_OF_INDUSTRY: Final = 0.4
"""How much of the industry's issuance the funds that are summed are."""
_PARTS: Final = {  # category: the funds that show it, and the week's noise in millions
    "domestic_equity": (
        ("us_equity_broad", "us_equity_sector", "value", "growth", "small_cap", "leveraged_long", "inverse"),
        450.0,
    ),
    "world_equity": (("intl_equity",), 250.0),
    "hybrid": ((), 60.0),
    "taxable_bond": (("gov_bond", "aggregate_bond", "ig_credit", "hy_credit", "short_duration"), 300.0),
    "municipal_bond": ((), 180.0),
    "commodity": (("gold", "commodity", "crypto"), 120.0),
}


def weekly_flows(grid: Grid, fund_days: pl.DataFrame, category_of: Mapping[str, str]) -> pl.DataFrame:
    """Return rows of the frame `weekly_flows`: first estimates, and the revision that comes with the week after.

    Only the funds of `category_of` are summed. Every fund has orders of its own here, where in truth funds of a kind
    go together: large ones that nobody can see would decide the sign of the industry.
    """
    ends = week_ends(grid)
    reported = fund_days["report_date"].max()
    assert isinstance(reported, date)
    ends = ends[ends < np.datetime64(reported)]  # share counts are a session late: the last week may not be whole
    if not len(ends):
        return pl.DataFrame(schema=dict(PANEL_SCHEMA["weekly_flows"]))
    noise = grid.stream("industry").standard_normal((len(ends), len(_PARTS), 2))
    orders = (
        fund_days.filter(pl.col("flow_usd").is_not_null() & pl.col("ticker").is_in(list(category_of)))
        .with_columns(pl.col("ticker").replace_strict(category_of, return_dtype=pl.String).alias("category"))
        .group_by("trade_date", "category")
        .agg(pl.col("flow_usd").sum() / 1e6)
    )
    first, revised = {}, {}
    for at, (category, (shown_by, spread)) in enumerate(_PARTS.items()):
        own = orders.filter(pl.col("category").is_in(shown_by))
        panel = _summed(own["trade_date"].to_numpy().astype("datetime64[D]"), own["flow_usd"].to_numpy(), ends)
        first[category] = np.round(panel / _SHARE_OF_INDUSTRY + spread * noise[:, at, 0] + (0.4 * spread))
        revised[category] = np.round(first[category] + np.where(noise[:, at, 1] > 0.8, 0.1 * spread, 0.0))
    released = dataset("ici.weekly_flows").own_release.released_at(pl.Series("week_end_date", ends))
    later = released.shift(-1)
    rows = pl.concat([_rows(ends, _whole(first), released), _rows(ends, _whole(revised), later).drop_nulls("known_at")])
    order = ["week_end_date", "category", "known_at"]
    rows = rows.sort(order)
    is_news = pl.col("flow_usd_mn") != pl.col("flow_usd_mn").shift(1).over("week_end_date", "category")
    return rows.filter(is_news.fill_null(value=True))


def week_ends(grid: Grid) -> Days:
    """Return the last days of the periods: Wednesdays; before Thanksgiving the Tuesday, and eight days follow."""
    wednesdays = grid.days[(grid.weekday == 2) & (grid.days >= np.datetime64(FIRST_DAY))]
    thanksgivings = {
        _fourth_thursday(year) - timedelta(days=1)
        for year in range(FIRST_DAY.year, grid.calendar_days[-1].astype(date).year + 1)
    }
    early = np.isin(wednesdays, np.array(sorted(thanksgivings), dtype="datetime64[D]"))
    ends: Days = wednesdays - early.astype("timedelta64[D]")
    return ends


def _fourth_thursday(year: int) -> date:
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


def _summed(days: Days, values: Path, ends: Days) -> Path:
    """Return sums over the periods that end on `ends`; what comes before the first period is left out."""
    at = np.searchsorted(ends, days)
    inside = (at < len(ends)) & (days > ends[0] - 7)
    sums: Path = np.bincount(at[inside], weights=values[inside], minlength=len(ends)).astype(float)
    return sums


def _whole(parts: dict[str, Path]) -> dict[str, Path]:
    equity = parts["domestic_equity"] + parts["world_equity"]
    bond = parts["taxable_bond"] + parts["municipal_bond"]
    total = equity + parts["hybrid"] + bond + parts["commodity"]
    return {**parts, "equity": equity, "bond": bond, "total": total}


def _rows(ends: Days, values: dict[str, Path], known_at: pl.Series) -> pl.DataFrame:
    frames = [
        pl.DataFrame({"week_end_date": pl.Series(ends), "flow_usd_mn": values[name], "known_at": known_at}).select(
            "week_end_date", pl.lit(name).alias("category"), "flow_usd_mn", "known_at"
        )
        for name in CATEGORIES
    ]
    return pl.concat(frames)
