"""A made-up snapshot table: option chains of a few underlyings, kept as a Parquet file a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from ingest.catalog.release import ReleaseRule
from ingest.dataset import Column, Dataset

DAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 21, 30, tzinfo=UTC)
SEEN = datetime(2026, 11, 18, 21, 20)

CHAINS = Dataset(
    source="made_up",
    name="chains",
    keys=(
        Column("session_date", pl.Date(), "NYSE session"),
        Column("underlying", pl.String(), "Ticker of the underlying"),
        Column("contract", pl.String(), "OCC symbol"),
    ),
    values=(
        Column("bid_usd", pl.Float64(), "Best bid"),
        Column("ask_usd", pl.Float64(), "Best ask"),
        Column("open_interest", pl.Int64(), "Contracts open at the close before"),
    ),
    period="session_date",
    release=ReleaseRule(calendar="every_day", calendar_days=0, time=time(18, 0)),
    comment="Option chains. One row per session, contract and answer.",
    group="underlying",
    storage="daily_files",
    expect=(
        {"not_negative": ["bid_usd", "open_interest"]},
        {"range": "0 <= bid_usd <= ask_usd"},
        {"range": {"open_interest": [None, 1e9]}},
        {"sizes": {"ask_usd": [0.001, 1e5]}},
        {"since": date(2026, 1, 2)},
        {"rows_ratio": [0.5, 2.0], "days": 3},
    ),
)


def chain(
    underlyings: tuple[str, ...] = ("AAA", "BBB"),
    *,
    day: date = DAY,
    seen: datetime = SEEN,
    contracts: int = 10,
    payload: str = "p",
    bid: float = 1.0,
    **columns: Any,
) -> pl.DataFrame:
    """Return `contracts` rows of each underlying, each underlying in a payload of its own."""
    rows = [
        {
            "session_date": day,
            "underlying": underlying,
            "contract": f"{underlying}{number:04}",
            "bid_usd": bid,
            "ask_usd": bid + 0.1 + number,
            "open_interest": number,
            "stated_at": None,
            "payload_sha256": f"{payload}-{underlying}",
            "fetched_at": seen,
        }
        for underlying in underlyings
        for number in range(contracts)
    ]
    frame = pl.DataFrame(rows, schema={**CHAINS.rows_schema, "fetched_at": pl.Datetime("us")})
    return frame.with_columns(**columns) if columns else frame
