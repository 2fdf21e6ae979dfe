"""What is held and helps the gate to judge a batch: newest vintages, as published."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import duckdb
import polars as pl

from ingest.batch import Batch, observations_of
from ingest.catalog import Catalog
from ingest.dataset import Dataset, dataset, serving
from ingest.rules.declared import rules_of
from ingest.rules.evidence import CLOSES, SERIES, Evidence
from ingest.rules.price_moves import large_moves
from ingest.rules.spikes import has_level
from warehouse.latest import latest_of
from warehouse.records import shown

_BEFORE: Final = timedelta(days=40)
"""So far before the first period of a batch what is held tells where a group's values were."""


def evidence(con: duckdb.DuckDBPyConnection, batch: Batch, catalog: Catalog) -> Evidence:
    """Return what is held and helps to judge a batch: see ingest.rules.evidence.Evidence."""
    tables = {table_id: dataset(table_id) for table_id in batch.tables}
    needs = {
        role: (table_id, name) for table_id, table in tables.items() for role, name in rules_of(table).needs.items()
    }
    held = {table_id: _held(con, table, batch.tables[table_id]) for table_id, table in tables.items()}
    none = Evidence()
    splits = _splits(con, needs["splits"][1]) if "splits" in needs else none.splits
    closes, preferred = none.closes, none.preferred
    if "closes" in needs:
        table_id, name = needs["closes"]
        came = _as(CLOSES, tables[table_id], batch.tables[table_id])
        alike = list(serving(name))
        others = [table for table in alike if table.source != batch.source]
        before = alike[: [table.id for table in alike].index(table_id)]
        closes = _closes(con, others, large_moves(came, splits))
        preferred = _closes(con, before, came).unique(["ticker", "session_date"], keep="first", maintain_order=True)
    second = _others(con, batch, catalog) if "others" in needs else none.others
    return Evidence(held, splits, closes, preferred, second)


def tables_of_evidence(table_ids: Iterable[str], source: str, catalog: Catalog) -> set[str]:
    """Return the raw tables that `evidence` may read for a batch of these tables, whatever the batch has in it.

    A batch's snapshot tables are judged beside their own files alone.
    """
    own = {table_id: dataset(table_id) for table_id in table_ids}
    in_rows = (table for table in own.values() if not table.is_in_daily_files)
    needs = {role: name for table in in_rows for role, name in rules_of(table).needs.items()}
    alike = [table.id for role in ("splits", "closes") if role in needs for table in serving(needs[role])]
    others = (
        observations_of(provider.source)
        for series, _ in (catalog.of_source(source) if "others" in needs else ())
        if has_level(series)
        for provider in series.published_by
    )
    return {*own, *alike, *others}


def _held(con: duckdb.DuckDBPyConnection, table: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Return keys, attributes and values of the newest vintages of the batch's groups; of a dataset without any, all.

    Of what comes regularly, or as snapshots, from shortly before the batch's first period on. Nothing of a dataset that
    has no histories and that no rule searches.
    """
    columns = (*table.keys, *table.attributes, *table.values)
    group = table.history
    first = rows[table.period].min() if rows.height else None
    if not isinstance(first, date) or (group is None and not rules_of(table).searches):
        return pl.DataFrame(schema={column.name: column.dtype for column in columns})
    is_recent = table.is_regular or table.is_snapshot
    since = first - _BEFORE if is_recent and first - date.min > _BEFORE else date.min
    if group is None:
        named, of_group = pl.lit("", dtype=pl.String), "''"
    else:
        named, of_group = pl.col(group), f"t.{group}"
    with shown(con, "batch_groups", rows.select(named.alias("group_name")).unique().drop_nulls()):
        return con.execute(
            f"select {', '.join(column.name for column in columns)} from {latest_of(table.id)} t"
            f" semi join batch_groups g on {of_group} = g.group_name where {table.period} >= $since",
            {"since": since},
        ).pl()


def _splits(con: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """Return the splits of any provider."""
    parts = " union all ".join(_newest(table, "split_ratio") for table in serving(name))
    return con.execute(f"select ticker, session_date, split_ratio from ({parts}) where split_ratio > 0").pl()


def _closes(con: duckdb.DuckDBPyConnection, tables: list[Dataset], wanted: pl.DataFrame) -> pl.DataFrame:
    """Return ticker, session_date, close_usd of the wanted sessions, of each provider, the first one's first."""
    if not tables or wanted.is_empty():
        return Evidence().closes
    parts = " union all ".join(
        f"select *, {rank} as provider_rank from {_newest(table, 'close_usd')}" for rank, table in enumerate(tables)
    )
    with shown(con, "wanted_closes", wanted.select("ticker", "session_date")):
        return con.execute(
            f"select ticker, session_date, close_usd from ({parts}) p"
            " semi join wanted_closes d using (ticker, session_date) where close_usd is not null"
            " order by ticker, session_date, provider_rank"
        ).pl()


def _newest(table: Dataset, value: str) -> str:
    """SQL of the newest vintage of each ticker and session, by the names that the rules know them by."""
    return f"(select {table.group} as ticker, {table.period} as session_date, {value} from {latest_of(table.id)})"


def _as(schema: dict[str, pl.DataType], table: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with group and period under the names of the schema."""
    ticker, day, *values = schema
    return rows.select(pl.col(str(table.group)).alias(ticker), pl.col(table.period).alias(day), *values)


def _others(con: duckdb.DuckDBPyConnection, batch: Batch, catalog: Catalog) -> pl.DataFrame:
    """Return the values of the batch's exchange rates and indices as other sources print them."""
    came = set(batch.rows["series_id"].unique())
    doubted: dict[str, list[str]] = {}
    for series in catalog.series:
        if series.id in came and has_level(series):
            for provider in series.published_by:
                if provider.source != batch.source:
                    doubted.setdefault(provider.source, []).append(series.id)
    found = [
        con.execute(
            f"""
            select {", ".join(SERIES)} from {latest_of(f"{source}.observations")}
            where list_contains($ids, series_id) and value is not null
            """,
            {"ids": ids},
        ).pl()
        for source, ids in doubted.items()
    ]
    return pl.concat([Evidence().others, *found])
