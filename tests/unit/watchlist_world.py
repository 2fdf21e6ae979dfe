"""A build file of the marts that watchlists read, empty but for its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import duckdb

from analytics.watchlists.declared import items, watchlists


def cutoff(day: date) -> datetime:
    return datetime(day.year, day.month, day.day + 1, 14, 15)


def kind(column: str) -> str:
    if column.endswith("_date"):
        return "date"
    if column.endswith("_at"):
        return "timestamp"
    if column.startswith("is_"):
        return "boolean"
    return (
        "varchar"
        if column in ("ticker", "category", "item", "source", "index_id", "underlying", "fund_ticker", "series_id")
        else "double"
    )


@contextmanager
def watchlist_world(days: Sequence[date]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the marts that items name, empty, and sessions whose regime row knows nothing."""
    columns = {
        *(item.column for _, _, item in items() if item.column),
        *(f"{item.input.partition('.')[0]}_reason" for _, _, item in items() if item.input),
        *(one.summary.column for one in watchlists().values() if one.summary.column),
    }
    typed = ", ".join(f"{name} {'boolean' if name.startswith('is_') else 'varchar'}" for name in sorted(columns))
    needs: dict[str, set[str]] = {}
    for _, _, item in items():
        for mart, read in item.needs.items():
            needs.setdefault(mart, set()).update(read)
    with duckdb.connect() as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.regime_daily (session_date date, cutoff_at timestamp, inputs_json varchar,"
            f" sentiment_legs_json varchar, {typed})"
        )
        con.execute(
            "create table marts.market_known_daily (session_date date, fms_cash_pct double, fms_cash_obs_date date,"
            " fms_cash_known_at timestamp)"
        )
        for mart, read in needs.items():
            con.execute(f"create table marts.{mart} ({', '.join(f'{name} {kind(name)}' for name in sorted(read))})")
        for day in days:
            con.execute(
                "insert into marts.regime_daily (session_date, cutoff_at, inputs_json) values (?, ?, '{}')",
                [day, cutoff(day)],
            )
            con.execute("insert into marts.market_known_daily (session_date) values (?)", [day])
        yield con


def insert(con: duckdb.DuckDBPyConnection, mart: str, **row: Any) -> None:
    con.execute(f"insert into marts.{mart} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
