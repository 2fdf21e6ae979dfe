"""Publishing marts of about 100 MB: a new file with comments, macros, fingerprint, checksum, fsync and switch.

The alternatives copy the same schemas and do no more: COPY FROM DATABASE into a DuckDB file, and EXPORT DATABASE to
Parquet.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench import BenchRow, bench_folder, median_seconds
from ingest.home import Home
from warehouse.connection import connect, migrate
from warehouse.publish import publish

BUDGET_SECONDS = 3.0
_ROWS = 160_000
_COLUMNS = 64
_NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def run(rows: int = _ROWS) -> list[BenchRow]:
    """Time ours and both alternatives in one go."""
    with bench_folder() as folder:
        return _rows(folder, rows)


def _rows(folder: Path, rows: int) -> list[BenchRow]:
    home = Home(folder / "home").ensure()
    _build(home, rows)
    plain = folder / "plain.duckdb"
    with duckdb.connect(str(plain)) as con:  # the marts alone: raw tables are not what is compared
        con.execute(f"attach '{home.warehouse}' as build_file (read_only)")
        con.execute("create schema marts; create table marts.wide_daily as from build_file.marts.wide_daily")
    number = 0

    def publish_once() -> None:
        nonlocal number
        number += 1
        published = publish(
            home,
            run_id="bench",
            now=_NOW + timedelta(minutes=number),
            origin="SIMULATED",
            code_version=f"bench {number}",  # another version: otherwise the second time nothing is published
            keep=2,
        )
        assert published.state == "published"

    ours = median_seconds(publish_once)
    copied, exported = folder / "copied.duckdb", folder / "exported"

    def copy() -> None:
        with duckdb.connect(str(plain)) as con:
            con.execute(f"attach '{copied}' as target (storage_version 'v1.0.0')")
            con.execute("copy from database plain to target")
            con.execute("detach target")

    def export() -> None:
        with duckdb.connect(str(plain), read_only=True) as con:
            con.execute(f"export database '{exported}' (format parquet)")

    copy_seconds = median_seconds(copy, before=lambda: copied.unlink(missing_ok=True))
    export_seconds = median_seconds(export, before=lambda: shutil.rmtree(exported, ignore_errors=True))
    size = home.published.stat().st_size / 1e6
    note = f"{size:.0f} MB published; checked, checksummed, flushed and switched"
    return [
        BenchRow("publish", ours, "COPY FROM DATABASE", copy_seconds, BUDGET_SECONDS, note),
        BenchRow(
            "publish", ours, "EXPORT DATABASE (Parquet)", export_seconds, BUDGET_SECONDS, "no switch, no checksum"
        ),
    ]


def _build(home: Home, rows: int) -> None:
    con = connect(home)
    migrate(con)
    values = ", ".join(f"random() * 1000 as c{number}_index" for number in range(_COLUMNS))
    con.execute("create schema marts; create schema meta")
    con.execute(
        f"create table marts.wide_daily as select date '1990-01-01' + (i % 9000)::int as session_date, {values} "
        f"from range({rows}) t(i)"
    )
    con.execute("comment on table marts.wide_daily is 'Wide. Many rows per session.'")
    con.execute("create table meta.freshness as select 'a' as series_id, 'b' as provider, 'fresh' as state")
    con.close()
