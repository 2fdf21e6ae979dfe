"""Dividends larger than reason: above the price, or a misplaced decimal point that the price knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from ingest.rules.arrived import Arrived
from ingest.rules.evidence import CLOSES
from ingest.rules.findings import Findings
from ingest.rules.price_blocks import closes_of
from ingest.rules.price_moves import with_basis

DIVIDEND_CHECK: Final = "dividend_fits_its_price"

_LARGE: Final = 0.10  # of the price: a payment that must show in it
_SHOWN: Final = 0.5  # of the payment the price lost, or more: the market moves too
# so many times the stock's usual payment, and so much of the price: asked the same
_UNUSUAL: Final = ((8.0, 0.05), (50.0, 0.015))
_FEWEST_BEFORE: Final = 3


@dataclass(frozen=True, slots=True)
class DividendSense:
    """Refuses dividends that the closes (column `close` of the datasets `prices`) contradict.

    `dividend`: the column of the payment; `splits`: the name of the datasets of splits.
    """

    dividend: str
    prices: str
    close: str
    splits: str

    def look(self, arrived: Arrived, found: Findings) -> None:
        """Look through what came; what is held of prices and dividends helps to judge."""
        tables = [
            closes_of(one, rows, self.close).drop("position")
            for one in arrived.named(self.prices)
            for rows in (one.rows, one.held)
        ]
        closes = pl.concat([pl.DataFrame(schema=CLOSES), *tables])
        closes = closes.unique(["ticker", "session_date"], keep="first", maintain_order=True)
        names = (arrived.group, arrived.dataset.period, self.dividend)
        paid, known = (
            rows.rename(dict(zip(names, ("ticker", "session_date", "dividend_usd"), strict=True)))
            for rows in (arrived.sound, arrived.held)
        )
        for position, why in senseless_dividends(paid, closes, arrived.splits(self.splits), known).items():
            found.refuse(arrived.dataset, DIVIDEND_CHECK, [position], why)


def senseless_dividends(
    dividends: pl.DataFrame, closes: pl.DataFrame, splits: pl.DataFrame, known: pl.DataFrame
) -> dict[int, str]:
    """Return why dividends are refused, by their position.

    `dividends`: position, ticker, session_date (ex-date), dividend_usd as traded; `closes`: ticker, session_date,
    close_usd as traded, around them; `known`: dividends of the same stocks held. Without a close before the ex-date
    nothing can be said.
    """
    order = ["ticker", "session_date"]
    paid = with_basis(dividends.filter(pl.col("dividend_usd") > 0).sort(order), splits)
    priced = closes.select(*order, "close_usd").filter(pl.col("close_usd") > 0).unique(order).sort(order)
    if paid.is_empty() or priced.is_empty():
        return {}
    levels = with_basis(priced, splits).select(*order, level=pl.col("close_usd") * pl.col("basis"))
    before = levels.rename({"level": "level_before", "session_date": "before_date"})
    asked = paid.with_columns(day_before=pl.col("session_date").dt.offset_by("-1d"))
    joined = (
        asked.join_asof(
            before, left_on="day_before", right_on="before_date", by="ticker", tolerance="15d", check_sortedness=False
        )
        .join_asof(
            levels.rename({"level": "level_after", "session_date": "after_date"}),
            left_on="session_date",
            right_on="after_date",
            by="ticker",
            strategy="forward",
            tolerance="15d",
            check_sortedness=False,
        )
        .join(_usual(dividends, known, splits), on="ticker", how="left")
    )
    amount = pl.col("dividend_usd") * pl.col("basis")
    share = amount / pl.col("level_before")
    is_shown = (1 - pl.col("level_after") / pl.col("level_before") >= _SHOWN * share).fill_null(value=False)
    times = amount / pl.col("usual")
    has_past = pl.col("usual_count") > _FEWEST_BEFORE
    is_unusual = pl.any_horizontal(
        *(has_past & (times >= more) & (share > part) for more, part in _UNUSUAL), share > _LARGE
    )
    found = joined.filter(
        pl.col("level_before").is_not_null(), (share >= 1) | (is_unusual.fill_null(value=False) & ~is_shown)
    ).with_columns(before_usd=pl.col("level_before") / pl.col("basis"), share=share)
    return {row["position"]: _told(row) for row in found.iter_rows(named=True)}


def _usual(dividends: pl.DataFrame, known: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return each stock's middle payment on one split basis, and of how many."""
    order = ["ticker", "session_date"]
    every = pl.concat([dividends.select(*order, "dividend_usd"), known.select(*order, "dividend_usd")])
    every = with_basis(every.filter(pl.col("dividend_usd") > 0).unique(order, keep="first").sort(order), splits)
    return every.group_by("ticker").agg(usual=(pl.col("dividend_usd") * pl.col("basis")).median(), usual_count=pl.len())


def _told(row: dict[str, object]) -> str:
    before, share, amount = row["before_usd"], row["share"], row["dividend_usd"]
    assert isinstance(before, float)
    assert isinstance(share, float)
    if share >= 1:
        return f"a dividend of {amount} on a stock at {before:.6g} the session before"
    return f"a dividend of {amount}, {share:.1%} of the close of {before:.6g} before, that the price does not show"
