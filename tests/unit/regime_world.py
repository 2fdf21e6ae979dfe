"""The simulated economy as a build file in memory: its observations with their moments, and a made-up panel.

No server, no landing, no dbt: what the rules of knowledge are about is here in two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

import duckdb
import numpy as np
import polars as pl

from analytics.regimes.computing import CutoffName, Folder
from analytics.regimes.inputs import SERIES, InputReader, Panel, PanelRows, read_panel
from analytics.regimes.knowledge import Replay
from analytics.regimes.spine import Spine
from analytics.regimes.types import DayInputs
from analytics.regimes.vintages import VINTAGES_SCHEMA, read_limits, read_spine
from ingest.catalog import load_catalog
from ingest.clock import NEW_YORK
from simulator import simulate
from tests.unit.databases import empty_build

END = date(2020, 6, 30)
NOW = datetime(2020, 6, 30, 18, 30, tzinfo=NEW_YORK)


@cache
def vintages() -> pl.DataFrame:
    """Every print of the series that rules read, by every provider that is no user."""
    market, parts = simulate(END, members=20), []
    for series_id in SERIES:
        series = load_catalog().by_id(series_id)
        for rank, provider in enumerate(series.providers, start=1):
            if provider.source == "user_file":
                continue
            parts.append(
                market.vintages(series_id, provider.source, NOW).with_columns(
                    series_id=pl.lit(series_id),
                    provider=pl.lit(provider.source, dtype=pl.String),
                    provider_rank=pl.lit(rank, dtype=pl.Int64),
                    known_basis=pl.lit("release_rule"),
                    loaded_at=pl.col("known_at"),
                    payload_sha256=pl.lit("one"),
                )
            )
    return pl.concat([part.select(*VINTAGES_SCHEMA) for part in parts])


@cache
def reference() -> tuple[Spine, dict]:
    con = world(pl.DataFrame(schema=VINTAGES_SCHEMA))
    return read_spine(con), read_limits(con)


def world(rows: pl.DataFrame | None = None) -> duckdb.DuckDBPyConnection:
    """Return a build file with these observations (all of them), and the ledger, empty."""
    con = empty_build(NOW)
    con.execute(
        """
        create schema intermediate;
        create schema marts;
        create table intermediate.int_observations (series_id varchar, provider varchar, provider_rank bigint,
            period_date date, value double, known_at timestamp, known_basis varchar, loaded_at timestamp,
            payload_sha256 varchar, is_disputed boolean default false);
        create view intermediate.int_agreed as from intermediate.int_observations;
        """
    )
    add(con, vintages() if rows is None else rows)
    spine = read_spine(con)
    show(con, "marts.breadth_daily", breadth(spine))
    show(con, "marts.etf_category_flows_daily", flows(spine))
    return con


def add(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> None:
    con.register("rows", rows)
    con.execute("insert into intermediate.int_observations by name select * from rows")
    con.unregister("rows")


def show(con: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    con.register("frame", frame)
    con.execute(f"create or replace table {table} as from frame")
    con.unregister("frame")


def breadth(spine: Spine) -> pl.DataFrame:
    """Breadth that swings from 20 to 80 %, known at 18:00 of the day."""
    days = [day for day in spine.dates if date(2012, 1, 3) <= day <= END]
    at = np.arange(len(days))
    return pl.DataFrame({"session_date": days}).with_columns(
        universe=pl.lit("SPX"),
        above_200dma_pct=pl.Series(50 + 30 * np.sin(at / 40)).round(4),
        coverage_ratio=pl.lit(0.99),
        is_covered=pl.lit(True),
        is_adl_divergence=pl.lit(False),
        is_zweig_thrust=pl.lit(False),
        reason_text=pl.lit(None, dtype=pl.String),
        known_at=pl.col("session_date").cast(pl.Datetime("us")) + pl.duration(hours=23),
        settled_at=pl.col("session_date").cast(pl.Datetime("us")) + pl.duration(hours=23),
    )


def flows(spine: Spine) -> pl.DataFrame:
    """Flows known at 08:00 of the second morning after their session; which are heartbeats is told a week later."""
    days = [day for day in spine.dates if date(2012, 1, 3) <= day <= END]
    following = spine.dates[spine.dates.index(days[0]) + 2 : spine.dates.index(days[-1]) + 3]
    return pl.DataFrame({"session_date": days, "on": following}).select(
        "session_date",
        pl.lit("all_us_equity").alias("category"),
        pl.Series("flow_5d_zscore", 1.5 * np.sin(np.arange(len(days)) / 9)).round(4),
        pl.Series("flow_5d_usd_mn", 900 * np.sin(np.arange(len(days)) / 9)).round(4),
        pl.lit(0.95).alias("coverage_ratio"),
        (pl.col("on").cast(pl.Datetime("us")) + pl.duration(hours=13)).alias("known_at"),
        (pl.col("on").cast(pl.Datetime("us")) + pl.duration(hours=13)).alias("flow_settled_at"),
        (pl.col("on").cast(pl.Datetime("us")) + pl.duration(days=7)).alias("settled_at"),
    )


EMPTY = PanelRows.of(pl.DataFrame(schema={"session_date": pl.Date, "settled_at": pl.Datetime, "known_at": pl.Datetime}))


@dataclass(frozen=True)
class Row:
    series_id: str
    period: str
    value: float | None
    known_at: str
    provider: str = ""
    basis: str = "release_rule"


def of_rows(*rows: Row) -> pl.DataFrame:
    """Return vintages as typed by hand; the first provider of the catalog unless one is named."""
    found = []
    for place, row in enumerate(rows):
        names = [provider.source for provider in load_catalog().by_id(row.series_id).providers]
        provider = row.provider or names[0]
        found.append(
            (
                row.series_id,
                provider,
                names.index(provider) + 1,
                date.fromisoformat(row.period),
                row.value,
                datetime.fromisoformat(row.known_at),
                row.basis,
                datetime(2030, 1, 1) + timedelta(seconds=place),
                f"{place:04}",
            )
        )
    return pl.DataFrame(found, schema=VINTAGES_SCHEMA, orient="row")


def read(rows: pl.DataFrame, day: str, cutoff: str | None = None, panel: Panel | None = None) -> DayInputs:
    """Return the inputs of a session at its next-morning cut-off, or at `cutoff` (UTC)."""
    spine, limits = reference()
    replay = Replay(rows, spine, limits)
    position = spine.dates.index(date.fromisoformat(day))
    moment = spine.cutoffs[position] if cutoff is None else datetime.fromisoformat(cutoff)
    replay.advance(moment)
    return InputReader(replay, panel or Panel(EMPTY, EMPTY)).read(position, moment)


def rows_between(
    rows: pl.DataFrame, panel: Panel, first: str, last: str, cutoff_name: CutoffName = "next_morning"
) -> pl.DataFrame:
    """Return the regime rows of the sessions from `first` to `last`, the fold beginning with `first`."""
    spine, limits = reference()
    folder = Folder(cutoff_name, Replay(rows, spine, limits), panel)
    places = range(spine.position(date.fromisoformat(first)), spine.position(date.fromisoformat(last)) + 1)
    return pl.DataFrame([folder.compute(place) for place in places], infer_schema_length=None)


def whole_panel() -> Panel:
    return read_panel(world(pl.DataFrame(schema=VINTAGES_SCHEMA)))
