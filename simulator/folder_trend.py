"""What a folder of real payloads has of sectors, of other assets, and of Cboe's correlation indices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from simulator.market import first_prints

_PACK: Final = "packs/p5_trend"
_NO_FUNDS: Final = ("btc", "opex_2019_2027_computed", "us_shutdowns_seed")
_SERIES: Final = {
    "bitcoin": (f"{_PACK}/btc.csv", "Close", "%Y-%m-%d"),
    "cor1m_close": ("cboe/reshaped/COR1M_History_2026-03-27.csv", "CLOSE", "%m/%d/%Y"),
    "dspx_close": ("cboe/reshaped/DSPX_History_2026-03-27.csv", "DSPX", "%m/%d/%Y"),
}
"""The file of each series, its column and how its days are written."""


def trend_series(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield bitcoin, implied correlation and implied dispersion; nothing of a file that is not there."""
    for series_id, (name, column, pattern) in _SERIES.items():
        if not (folder / name).is_file():
            continue
        frame = pl.read_csv(folder / name, infer_schema_length=0)
        days = frame[frame.columns[0]].str.to_date(pattern)
        yield first_prints(series_id, days, frame[column].cast(pl.Float64).round(6).to_numpy())


def trend_funds(folder: Path, held: Collection[str]) -> list[Path]:
    """Return the price files of funds that are not `held` from another file."""
    found = sorted((folder / _PACK).glob("*.csv"))
    return [path for path in found if path.stem not in _NO_FUNDS and path.stem.upper() not in held]


def dividends_in(paths: Collection[Path]) -> pl.DataFrame:
    """Return permid, session_date, dividend_usd of the files that have a column of dividends."""
    paid = [pl.DataFrame(schema={"permid": pl.String, "session_date": pl.Date, "dividend_usd": pl.Float64})]
    for path in paths:
        frame = pl.read_csv(path, infer_schema_length=0)
        if "Dividends" in frame.columns:
            rows = frame.select(
                pl.lit(path.stem.upper()).alias("permid"),
                pl.col("Date").str.to_date("%Y-%m-%d").alias("session_date"),
                pl.col("Dividends").cast(pl.Float64).alias("dividend_usd"),
            )
            paid.append(rows.filter(pl.col("dividend_usd") > 0))
    return pl.concat(paid)
