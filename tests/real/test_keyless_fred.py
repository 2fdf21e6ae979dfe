"""FRED's keyless CSVs as they were really served, old and new header, and the unit change of WTREGEN."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from ingest.archive import sha256_of
from ingest.batch import Window
from ingest.catalog import load_catalog
from ingest.gate import gate
from ingest.payload import Payload
from ingest.sources.fred import fred
from tests.unit.series_batches import Judged, series_batch

CATALOG = load_catalog()
NOW = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
HELD = {"series_id": pl.String, "rows_count": pl.Int64, "first_period": pl.Date, "last_period": pl.Date}


def judged(path: Path) -> tuple[pl.DataFrame, Judged]:
    body = path.read_bytes()
    code = body.split(b"\n", 1)[0].decode().strip().split(",")[1]
    series = next(series for series, provider in CATALOG.of_source("fred") if provider.code == code)
    payload = Payload(
        source="fred",
        name=code,
        url=f"{fred.KEYLESS}?id={code}",
        body=body,
        sha256=sha256_of(body),
        fetched_at=NOW,
        meta={"kind": "csv", "series": series.id},
    )
    rows = fred.parse(payload, CATALOG.of_source("fred"))
    fetched = rows.with_columns(pl.lit(datetime(2026, 7, 31, 22, 30), dtype=pl.Datetime("us")).alias("fetched_at"))
    batch = series_batch("fred", fetched, [Window(series.id, None)], (), (), NOW)
    return rows, Judged.of(gate(batch, CATALOG, pl.DataFrame(schema=HELD), NOW))


@pytest.mark.parametrize(
    ("name", "count", "newest"),
    [
        ("WALCL.csv", 1233, date(2026, 7, 29)),
        ("RRPONTSYD.csv", 6126, date(2026, 7, 31)),
        ("DGS10.csv", 16848, date(2026, 7, 30)),
        ("T10Y2Y.csv", 13089, date(2026, 7, 31)),
        ("BAA10Y.csv", 10586, date(2026, 7, 30)),
        ("DTWEXBGS.csv", 5365, date(2026, 7, 24)),
        ("2023_old_header/WALCL.csv", 261, date(2023, 7, 12)),
    ],
)
def test_a_real_file_is_read_whole_and_nothing_of_it_is_refused(real_data: Path, name: str, count: int, newest: date):
    rows, result = judged(real_data / "fredgraph_csv" / name)
    assert (rows.height, rows["period_date"].max()) == (count, newest)
    assert result.held_back is None
    assert result.refused.is_empty()
    # "." and blanks of holidays are gaps, not zeros
    assert rows.filter(pl.col("value") == 0).is_empty() or name in ("RRPONTSYD.csv", "T10Y2Y.csv")


@pytest.mark.parametrize("name", ["WTREGEN_old_DATE_header_billions.csv", "2023_old_header/WTREGEN.csv"])
def test_a_file_in_billions_is_refused_whole(real_data: Path, name: str):
    rows, result = judged(real_data / "fredgraph_csv" / name)
    assert result.accepted.is_empty()
    assert result.refused.height == rows.height
    assert "the unit is probably no longer Millions of U.S. Dollars" in result.refused["reason"][0]
