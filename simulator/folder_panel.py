"""The cross-section of a folder of real payloads: prices, membership, holdings files; what it lacks is not made up.

The recorded prices are adjusted for splits and dividends of before their recording, so that they have neither: the
chart shows them as they are, on one basis throughout. No share counts are held, and no names or sectors of members.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.catalog.funds import load_funds
from ingest.clock import NEW_YORK
from ingest.dataset import dataset
from simulator.folder_supply import supply_documents
from simulator.folder_trend import dividends_in, trend_funds
from simulator.panel import PANEL_SCHEMA, Document, Panel

_PANEL: Final = "prices/sp500_ohlcv_adj_2018_2025.parquet"
_LONGER: Final = "prices/sp500_native"
_FUNDS: Final = "prices/etf"
_NO_FUNDS: Final = ("USDJPY", "VIX")
_HOLDINGS: Final = {
    "IVV": ("etf_holdings/IVV_holdings_2024-12-06.csv", date(2024, 12, 6)),
    "SPY": ("etf_holdings/ssga_holdings-daily-us-en-spy_2024-05-10.xlsx", date(2024, 5, 10)),
}
_CELLS: Final = ("open", "high", "low", "close", "volume")


def folder_panel(folder: Path) -> Panel:
    """Return the panel that the files of `folder` describe; FileNotFoundError names a file that is missing."""
    stocks = _stocks(folder)
    files = _fund_files(folder)
    files += trend_funds(folder, {path.stem for path in files})
    funds = pl.concat([_bars(path, path.stem.upper()) for path in files])
    prices = _known(pl.concat([stocks, funds]))
    symbols = {path.stem.upper() for path in files}
    return Panel(
        issues=_issues(prices, symbols),
        tickers=_tickers(prices),
        prices=prices,
        dividends=dividends_in(files),
        membership=_membership(folder / "membership/sp500_ticker_start_end.csv"),
        changes=_changes(folder / "membership/sp500_changes_since_2019.csv"),
        funds=load_funds(),
        documents={**_documents(folder), **supply_documents(folder)},
    )


def _stocks(folder: Path) -> pl.DataFrame:
    """Return the panel, and what is before it of the stocks whose longer files are there."""
    panel = pl.read_parquet(folder / _PANEL).select(
        pl.col("ticker").alias("permid"),
        pl.col("date").alias("session_date"),
        *(pl.col(name).cast(pl.Float64) for name in _CELLS),
    )
    begins = panel["session_date"].min()
    longer = [
        _bars(path, path.stem, skip_rows_after_header=2, day="Price").filter(pl.col("session_date") < begins)
        for path in sorted((folder / _LONGER).glob("*.csv"))
    ]
    return pl.concat([panel, *longer])


def _fund_files(folder: Path) -> list[Path]:
    found = [path for path in sorted((folder / _FUNDS).glob("*.csv")) if path.stem not in _NO_FUNDS]
    if not found:
        raise FileNotFoundError(2, "no price files", str(folder / _FUNDS))
    return found


def _bars(path: Path, permid: str, *, skip_rows_after_header: int = 0, day: str = "Date") -> pl.DataFrame:
    """Read a CSV with one bar per line, columns by their names in capitals."""
    frame = pl.read_csv(path, infer_schema_length=0, skip_rows_after_header=skip_rows_after_header)
    return frame.select(
        pl.lit(permid).alias("permid"),
        pl.col(day).str.to_date("%Y-%m-%d").alias("session_date"),
        *(pl.col(name.capitalize()).cast(pl.Float64, strict=False).alias(name) for name in _CELLS),
    )


def _known(bars: pl.DataFrame) -> pl.DataFrame:
    """Return rows of the frame `prices`, each known from the evening of its session on."""
    days = bars.select("session_date").unique().sort("session_date")
    released = dataset("yahoo.prices").own_release.released_at(days["session_date"])
    names = {name: f"{name}_usd" for name in _CELLS[:4]} | {"volume": "volume_shares"}
    return (
        bars.join(days.with_columns(released.alias("known_at")), on="session_date")
        .rename(names)
        .select(*PANEL_SCHEMA["prices"])
        .sort("permid", "session_date")
    )


def _tickers(prices: pl.DataFrame) -> pl.DataFrame:
    first = prices.group_by("permid").agg(pl.col("session_date").min().alias("start_date")).sort("permid")
    return first.select(
        "permid", pl.col("permid").alias("ticker"), "start_date", pl.lit(None, pl.Date).alias("end_date")
    )


def _issues(prices: pl.DataFrame, funds: set[str]) -> pl.DataFrame:
    """Return the issues under their tickers: names and sectors are not in the folder, only what is no fund is said."""
    permids = prices["permid"].unique().sort()
    return pl.DataFrame(
        {
            "permid": permids,
            "company_name": permids,
            "sector": pl.Series([None if name in funds else "" for name in permids], dtype=pl.String),
            "exchange": pl.Series([""] * len(permids), dtype=pl.String),
            "shares_count": pl.Series([None] * len(permids), dtype=pl.Float64),
        }
    )


def _membership(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema_length=0)
    ticker = pl.col("ticker").str.replace(".", "-", literal=True)
    return table.select(
        ticker.alias("permid"),
        ticker,
        pl.col("start_date").str.to_date("%Y-%m-%d"),
        pl.col("end_date").str.to_date("%Y-%m-%d"),
    ).sort("ticker", "start_date")


def _changes(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema_length=0)
    return table.select(
        pl.col("date").str.to_date("%Y-%m-%d").alias("effective_date"),
        pl.col("add").alias("added"),
        pl.col("remove").alias("removed"),
    ).sort("effective_date", maintain_order=True)


def _documents(folder: Path) -> Mapping[str, Document]:
    """Return the recorded files, each from the morning after its date on."""
    found = {}
    for ticker, (name, as_of) in _HOLDINGS.items():
        morning = datetime.combine(working_days("nyse", as_of, date(as_of.year + 1, 1, 31))[1], time(8), NEW_YORK)
        found[ticker] = Document(morning.astimezone(UTC).replace(tzinfo=None), (folder / name).read_bytes())
    return found
