"""Regimes of a build from which every raw row that became known after a moment was deleted."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.breadth.tables import update_breadth
from analytics.regimes.ledger import reconstruct
from ingest.connectors import SOURCES
from ingest.dataset import TABLES
from tests.models import model_sql

FEW, MANY = 2, 50
PLACES = [*range(FEW), *(pytest.param(place, marks=pytest.mark.slow) for place in range(FEW, MANY))]
"""Which of the sessions that are drawn at random; a few of them in CI."""

DATED_PANEL = [table.id for table in TABLES if table.id != "sp500_membership.intervals" and not table.is_in_daily_files]
"""Who is who stays: Yahoo serves a renamed stock's whole past under its new ticker, which only the list of today tells.
Members that join later are no members earlier, whatever the list says."""


def chosen_row(whole: pl.DataFrame, place: int) -> int:
    """Return a row of the last three quarters of `whole`, drawn once for ever."""
    return random.Random(2026).sample(range(whole.height // 4, whole.height), MANY)[place]


def regimes_without_what_came_later(build: Path, cutoff: datetime, copy: Path) -> pl.DataFrame:
    """Return the rows up to `cutoff`, computed in a copy of `build` in which nothing is held that came later."""
    shutil.copy(build, copy)
    try:
        with duckdb.connect(str(copy)) as con:
            for table in (*(f"{source}.observations" for source in SOURCES), *DATED_PANEL):
                con.execute(f"delete from {table} where known_at > ?", [cutoff])
            con.execute("delete from intermediate.int_observations_all where known_at > ?", [cutoff])
            con.execute("delete from marts.disagreements where known_at > ?", [cutoff])
            update_breadth(con, now=cutoff.replace(tzinfo=UTC))
            _build_panel_marts(con, cutoff)
            return reconstruct(con, cutoff)
    finally:
        copy.unlink()  # fifty of them are 16 GB, and pytest keeps what a test leaves


def _build_panel_marts(con: duckdb.DuckDBPyConnection, cutoff: datetime) -> None:
    """Build the marts of breadth and flows by the project's own models, as a run at `cutoff` would have."""
    last = (cutoff + timedelta(days=1)).date()
    con.execute("create table sessions_then as select * from calendar.sessions where session_date <= ?", [last])
    relations = {
        "sessions": "sessions_then",
        "int_agreed": "intermediate.int_agreed",
        "int_observations_latest": "latest_then",
        "daily_counts": "breadth.daily_counts",
        "market": "breadth.market",
        "prices_daily": "marts.prices_daily",
        "stg_fund_days": "staging.stg_fund_days",
        "stg_splits": "staging.stg_splits",
        "funds": "catalog.funds",
        "etf_flows_daily": "flows_then",
    }
    now = f"timestamp '{cutoff}'"
    for model, table in {
        "int_observations_latest": "latest_then",
        "breadth_daily": "marts.breadth_daily",
        "etf_flows_daily": "flows_then",
        "etf_category_flows_daily": "marts.etf_category_flows_daily",
    }.items():
        con.execute(f"create or replace table {table} as {model_sql(model, relations, now)}")
