"""Contexts and payloads of panel sources for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from ingest.catalog.funds import load_funds
from ingest.clock import clock_at
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.settings import Settings
from tests.unit.fakes import NOON


def panel_context(
    source: str,
    http: Any,
    *,
    funds: Sequence[str] = (),
    tickers: Sequence[str] = (),
    since: Mapping[str, date | None] | None = None,
    now: datetime = NOON,
    **settings: Any,
) -> FetchContext:
    """Return a context that asks for `funds` of the catalog and `tickers`; nothing is held but what `since` names."""
    ours = {fund.ticker: fund for fund in load_funds()}
    return FetchContext(
        source=source,
        settings=Settings(_env_file=None, **settings),
        clock=clock_at(now),
        http=http,
        progress=lambda what, done, of: None,
        funds=[ours[ticker] for ticker in funds],
        tickers=tickers,
        since=since or {},
    )


def whole(tables: Mapping[str, pl.DataFrame], table_id: str) -> pl.DataFrame:
    """Return the rows of the one table, whose columns must be those that were agreed."""
    assert set(tables) == {table_id}
    rows = tables[table_id]
    assert dict(rows.schema) == dict(dataset(table_id).rows_schema)
    return rows
