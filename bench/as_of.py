"""As-of queries on ten years of every series, through the macros stored in a published file.

The alternative is what one writes without them: copy the rows known by then out of the raw tables of all sources, and
compute the mart's formula over the copy. Both return every row of the mart.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench import BenchRow, bench_folder, median_seconds
from bench.commands import environment, seconds, tidegauge
from ingest.home import Home
from simulator import StandIn, simulate
from warehouse.as_of_text import MOMENT, Relations, compiled_in

BUDGET_SECONDS = 0.3
_YEARS_BACK = (2, 5)
_MARTS = ("market_daily", "carry_daily", "net_liquidity_daily", "net_liquidity_weekly", "prices_daily", "observations")
_BY_HAND = ("carry_daily", "net_liquidity_daily", "net_liquidity_weekly")


def run() -> list[BenchRow]:
    """Build a home from the simulated market, then time each mart at a moment within its ten years."""
    with bench_folder() as folder:
        return _rows(_built(folder))


def _rows(home: Home) -> list[BenchRow]:
    with duckdb.connect(str(home.published), read_only=True) as con:
        found = con.execute("select built_at from meta.build").fetchone()
        assert found is not None
        moments = [found[0] - timedelta(days=365 * years) for years in _YEARS_BACK]
        ours = {mart: median_seconds(lambda mart=mart: _ask(con, mart, moments)) / len(moments) for mart in _MARTS}
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        columns = dict(
            con.execute(
                "select table_name, list(column_name) from duckdb_columns() where schema_name = 'marts' group by all"
            ).fetchall()
        )
        relations = Relations(compiled_in(con), columns)
        naive = {
            mart: median_seconds(lambda mart=mart: _by_hand(con, relations.select(mart), moments)) / len(moments)
            for mart in _BY_HAND
        }
    return [
        BenchRow(
            f"{mart}_as_of(ts), all rows",
            ours[mart],
            "recomputed from the raw tables" if mart in naive else None,
            naive.get(mart),
            BUDGET_SECONDS,
            "at 2 and 5 years back",
        )
        for mart in _MARTS
    ]


def _ask(con: duckdb.DuckDBPyConnection, mart: str, moments: list[datetime]) -> None:
    for moment in moments:
        con.execute(f"from marts.{mart}_as_of(?::timestamp)", [moment]).pl()


def _by_hand(con: duckdb.DuckDBPyConnection, select: str | None, moments: list[datetime]) -> None:
    """Stage every source's raw rows as they were known, then compute the same formula over them."""
    assert select is not None
    raw = "from intermediate.int_observations_all"  # a view over the staging views
    for moment in moments:
        then = f"timestamp '{moment}'"
        con.execute(f"create or replace temp table known as {raw} where known_at <= {then}")
        con.execute(select.replace('marts."observations"', "temp.known").replace(MOMENT, then)).pl()


def _built(folder: Path) -> Home:
    """Run the pipeline once against the stand-in upstream."""
    home = Home(folder / "home")
    now = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
    with StandIn(simulate(now.date()), now) as upstream:
        seconds(tidegauge("run"), environment(home.root, upstream.url, now))
    return home
