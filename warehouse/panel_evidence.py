"""What is held and helps the gate to judge a desk's batch: newest vintages, as frames. architecture.md section 2."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import duckdb
import polars as pl

from ingest.batch import Batch
from ingest.dataset import TABLES, Dataset, dataset
from ingest.rules.evidence import Evidence
from ingest.rules.price_moves import large_moves
from warehouse.latest import latest_of
from warehouse.records import shown

_BEFORE: Final = timedelta(days=40)
"""So far before the first period of a batch what is held tells where a group's values were."""

_WHOLE_HISTORY: Final = frozenset({"splits", "dividends"})


def price_evidence(con: duckdb.DuckDBPyConnection, batch: Batch) -> Evidence:
    """Return what is held and helps to judge a batch: see ingest.rules.evidence.Evidence."""
    held = {table_id: _held(con, dataset(table_id), rows) for table_id, rows in batch.tables.items()}
    prices = [rows for name, rows in batch.tables.items() if dataset(name).name == "prices"]
    if not any(dataset(name).name in ("prices", "fund_days") for name in batch.tables):
        return Evidence(Evidence.none().splits, Evidence.none().closes, held=held)
    parts = " union all ".join(_newest(table.id, "split_ratio") for table in TABLES if table.name == "splits")
    splits = con.execute(f"select ticker, session_date, split_ratio from ({parts}) where split_ratio > 0").pl()
    if not prices or prices[0].is_empty():
        return Evidence(splits, Evidence.none().closes, held=held)
    others = [table for table in TABLES if table.name == "prices" and table.source != batch.source]
    moves = large_moves(prices[0], splits)
    own = [table.id for table in TABLES if table.name == "prices"].index(f"{batch.source}.prices")
    before = [table for table in TABLES if table.name == "prices"][:own]
    preferred = _closes(con, before, prices[0].select("ticker", "session_date"))
    first = preferred.unique(["ticker", "session_date"], keep="first", maintain_order=True)
    return Evidence(splits, _closes(con, others, moves), first, held)


def _closes(con: duckdb.DuckDBPyConnection, tables: list[Dataset], wanted: pl.DataFrame) -> pl.DataFrame:
    """Return ticker, session_date, close_usd of the wanted sessions, of each provider, the first one's first."""
    if not tables or wanted.is_empty():
        return Evidence.none().closes
    parts = " union all ".join(
        f"select *, {rank} as provider_rank from {_newest(table.id, 'close_usd')}" for rank, table in enumerate(tables)
    )
    with shown(con, "wanted_closes", wanted.select("ticker", "session_date")):
        return con.execute(
            f"select ticker, session_date, close_usd from ({parts}) p"
            " semi join wanted_closes d using (ticker, session_date) where close_usd is not null"
            " order by ticker, session_date, provider_rank"
        ).pl()


def _held(con: duckdb.DuckDBPyConnection, table: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Return keys and values of the newest vintages of the batch's groups, from shortly before its first period on."""
    columns = [column.name for column in (*table.keys, *table.values)]
    group = table.history
    first = rows[table.period].min() if rows.height else None
    schema = {column.name: column.dtype for column in (*table.keys, *table.values)}
    if group is None or not isinstance(first, date):
        return pl.DataFrame(schema=schema)
    since = date.min if table.name in _WHOLE_HISTORY or first - date.min < _BEFORE else first - _BEFORE
    with shown(con, "batch_groups", rows.select(pl.col(group).alias("group_name")).unique().drop_nulls()):
        return con.execute(
            f"select {', '.join(columns)} from {latest_of(table.id)} t"
            f" semi join batch_groups g on t.{group} = g.group_name where {table.period} >= $since",
            {"since": since},
        ).pl()


def _newest(table_id: str, value: str) -> str:
    """SQL of the newest vintage of each ticker and session."""
    return f"(select ticker, session_date, {value} from {latest_of(table_id)})"
