"""Landing one million observations, of which one in a hundred is new and one in a hundred changed.

Ours keeps every vintage, says when each became known and finds what was withdrawn. The alternatives do less: a DuckDB
upsert into a table with a primary key overwrites, a merge in pandas appends what differs from a table without vintages.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from bench import BenchRow, bench_folder, median_seconds
from ingest.batch import Batch, GateResult, Window
from ingest.catalog import Catalog, load_catalog
from ingest.clock import naive_utc
from ingest.home import Home
from warehouse.connection import connect, migrate
from warehouse.landing import land

ROWS = 1_000_000
BUDGET_SECONDS = 2.0
_FIRST = datetime(2026, 11, 19, 22, tzinfo=UTC)
_SECOND = _FIRST + timedelta(days=1)


def run(rows: int = ROWS) -> list[BenchRow]:
    """Time ours and both alternatives in one go."""
    with bench_folder() as folder:
        return _rows(folder, rows)


def _rows(folder: Path, rows: int) -> list[BenchRow]:
    catalog = _changing(load_catalog())
    first = _frame(catalog, rows, _FIRST, step=0)
    second = _frame(catalog, rows, _SECOND, step=1)
    home = Home(folder / "home").ensure()
    con = connect(home)
    migrate(con)
    load_seconds = median_seconds(lambda: _land(con, catalog, first, _FIRST), repeats=1)
    con.close()
    kept = folder / "kept.duckdb"
    shutil.copyfile(home.warehouse, kept)

    opened: list[duckdb.DuckDBPyConnection] = []

    def reset() -> None:
        while opened:
            opened.pop().close()
        shutil.copyfile(kept, home.warehouse)
        opened.append(connect(home))

    ours = median_seconds(lambda: _land(opened[0], catalog, second, _SECOND), before=reset)
    opened.pop().close()
    upsert = _upsert(folder / "upsert.duckdb", first, second)
    merge = _pandas_merge(folder / "merge.duckdb", first, second)
    note = f"{rows:,} rows, 1 % new, 1 % changed; the first load of them takes {load_seconds:.2f} s"
    return [
        BenchRow("land", ours, "DuckDB upsert (primary key)", upsert, BUDGET_SECONDS, note),
        BenchRow(
            "land", ours, "pandas merge, then insert", merge, BUDGET_SECONDS, "reads the table, appends what differs"
        ),
    ]


def _changing(catalog: Catalog) -> Catalog:
    """Return the catalog with every series free to change: what is measured is landing, not holding back."""
    series = [series.model_copy(update={"revisions": "routine"}) for series in catalog.series]
    return catalog.model_copy(update={"series": tuple(series)})


def _frame(catalog: Catalog, rows: int, fetched: datetime, *, step: int) -> pl.DataFrame:
    """Return `rows` observations of the FRED series; with step 1 one in 100 is new and one in 100 changed."""
    pairs = catalog.of_source("fred")
    each = rows // len(pairs) + 1
    newest = date(2026, 11, 18)
    moved = each // 100 * step
    periods = pl.date_range(newest - timedelta(days=each + moved - 1), newest, eager=True)[moved or None :]
    shifted = periods.dt.offset_by(f"-{0 if step else each // 100}d")
    frames = []
    for number, (series, provider) in enumerate(pairs):
        values = shifted.dt.epoch("d").cast(pl.Float64) + number
        changed = pl.int_range(0, len(shifted), eager=True) % 100 == 50
        frames.append(
            pl.DataFrame(
                {
                    "series_id": series.id,
                    "code": provider.code,
                    "period_date": shifted,
                    "value": pl.Series(values + changed.cast(pl.Float64) * step * 0.5),
                    "unit": provider.unit,
                    "stated_at": None,
                    "payload_sha256": f"{number:064x}",
                    "fetched_at": naive_utc(fetched),
                },
                schema_overrides={"stated_at": pl.Datetime("us"), "fetched_at": pl.Datetime("us")},
            )
        )
    return pl.concat(frames).head(rows)


def _land(con: duckdb.DuckDBPyConnection, catalog: Catalog, frame: pl.DataFrame, moment: datetime) -> None:
    windows = [Window(series_id, None) for series_id in frame["series_id"].unique().sort()]
    batch = Batch("fred", {"fred.observations": frame}, windows, (), (), moment)
    refused = frame.clear().with_columns(pl.lit("").alias("reason"))
    land(
        con,
        batch,
        GateResult({"fred.observations": frame}, {"fred.observations": refused}, (), None),
        catalog,
        f"bench {moment:%d}",
        moment,
    )


def _upsert(path: Path, first: pl.DataFrame, second: pl.DataFrame) -> float:
    def reset() -> None:
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as con:
            con.register("first", first)
            con.execute("create table observations as from first")
            con.execute("alter table observations add primary key (series_id, period_date)")

    def upsert() -> None:
        with duckdb.connect(str(path)) as con:
            con.register("second", second)
            con.execute("insert or replace into observations from second")

    return median_seconds(upsert, before=reset)


def _pandas_merge(path: Path, first: pl.DataFrame, second: pl.DataFrame) -> float:
    came = second.to_pandas()
    key = ["series_id", "period_date"]

    def reset() -> None:
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as con:
            con.register("first", first)
            con.execute("create table observations as from first")

    def merge() -> None:
        with duckdb.connect(str(path)) as con:
            held = con.execute("select series_id, period_date, value from observations").df()
            held["period_date"] = held["period_date"].astype(came["period_date"].dtype)
            both = came.merge(held, on=key, how="left", suffixes=("", "_held"), indicator=True)
            same = (both["value"] == both["value_held"]) | (both["value"].isna() & both["value_held"].isna())
            fresh = both[(both["_merge"] == "left_only") | ~same][list(came.columns)]
            con.register("fresh", fresh)
            con.execute("insert into observations from fresh")

    return median_seconds(merge, before=reset)
