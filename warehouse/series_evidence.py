"""What is held and helps the gate to judge a batch of series: newest vintages, as published."""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from ingest.batch import Batch
from ingest.catalog import Catalog
from ingest.rules.evidence import SeriesEvidence
from ingest.rules.spikes import has_level
from warehouse.latest import latest_of

_COLUMNS: Final = "series_id, period_date, value, unit"


def series_evidence(con: duckdb.DuckDBPyConnection, batch: Batch, catalog: Catalog) -> SeriesEvidence:
    """Return what is held of the batch's series: from the same source, and of exchange rates and indices elsewhere."""
    came = set(batch.rows["series_id"].unique())
    if not came:
        return SeriesEvidence()
    doubted: dict[str, list[str]] = {}
    for series in catalog.series:
        if series.id in came and has_level(series):
            for provider in series.providers:
                if provider.source not in (batch.source, "user_file"):
                    doubted.setdefault(provider.source, []).append(series.id)
    others = [_newest(con, source, ids) for source, ids in doubted.items()]
    return SeriesEvidence(
        held=_newest(con, batch.source, sorted(came)),
        others=pl.concat(others) if others else SeriesEvidence().others,
    )


def _newest(con: duckdb.DuckDBPyConnection, source: str, series_ids: list[str]) -> pl.DataFrame:
    """Return the newest vintage of each period, withdrawn ones left out."""
    return con.execute(
        f"""
        select {_COLUMNS} from {latest_of(f"{source}.observations")}
        where list_contains($ids, series_id) and value is not null
        """,
        {"ids": series_ids},
    ).pl()
