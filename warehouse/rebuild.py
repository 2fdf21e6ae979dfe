"""Rebuild: land what the archive holds into a fresh build file, compare it with the old one, swap the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from ingest.catalog import SOURCES, Catalog
from ingest.errors import AuditFailed
from ingest.home import Home
from ingest.kit import Batch, GateResult
from ingest.panel import PANEL_TABLES
from ingest.panel_kit import PanelBatch, PanelGateResult
from warehouse.connection import connect, home_errors, migrate
from warehouse.landing import held, land
from warehouse.panel_landing import land_panel
from warehouse.regimes.ledger import KEPT_ON_REBUILD
from warehouse.regimes.ledger import TABLE as LEDGER

_COMPARED = "series_id, period_date, value, known_at, known_basis"
_RAW = {f"{source}.observations": _COMPARED for source in SOURCES} | {
    table.id: ", ".join([*(c.name for c in (*table.keys, *table.values)), "known_at", "known_basis"])
    for table in PANEL_TABLES
}
"""Every raw table, with the columns that a rebuild must give again."""

_CARRIED_OVER = ("ops.runs", "ops.checks")
"""What no archive holds."""

Gate = Callable[[Batch, pl.DataFrame], GateResult]
"""Judges a batch against what is held (the frame of landing.held) at that point of the replay."""

SeriesGate = Callable[[duckdb.DuckDBPyConnection, Batch], GateResult]
"""Judges a batch against what the build file holds at that point of the replay, of other sources too."""

PanelGate = Callable[[duckdb.DuckDBPyConnection, PanelBatch], PanelGateResult]
"""Judges a panel batch against what the build file holds at that point of the replay."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """`rows_compared` is None when there was no old file to compare with."""

    batches: int
    rows: int
    rows_compared: int | None


def rebuild(
    home: Home,
    batches: Iterable[Batch],
    gate: Gate,
    catalog: Catalog,
    *,
    run_id: str,
    now: datetime,
    panels: Iterable[PanelBatch] = (),
    panel_gate: PanelGate | None = None,
    series_gate: SeriesGate | None = None,
) -> RebuildResult:
    """Replay `batches` and `panels` (in the order they were fetched) into a fresh file and swap it in.

    `series_gate` judges in place of `gate` where a batch is held against other sources.

    The caller holds WriterLock. AuditFailed when the rows differ from the old file's: then the old file stays and
    the fresh one is left beside it as warehouse_rebuilt.duckdb.
    """
    fresh = Home(home.root / "rebuild")
    rebuilt = home.warehouse.with_name("warehouse_rebuilt.duckdb")
    with home_errors(home):
        _remove(fresh.warehouse)
        con = connect(fresh)
        try:
            migrate(con)
            count = _replay(con, batches, gate, series_gate, catalog, run_id, now)
            count += _replay_panels(con, panels, panel_gate, run_id, now) if panel_gate else 0
            rows = sum(_rows(con, table) for table in _RAW)
            compared = _compare_and_carry_over(con, home) if home.warehouse.exists() else None
        except AuditFailed:
            con.close()
            fresh.warehouse.replace(rebuilt)
            raise
        finally:
            con.close()
        _wal_of(home.warehouse).unlink(missing_ok=True)  # DuckDB would replay it into the new file
        fresh.warehouse.replace(home.warehouse)
        fresh.build.rmdir()
        fresh.root.rmdir()
    return RebuildResult(count, rows, compared)


def _replay(
    con: duckdb.DuckDBPyConnection,
    batches: Iterable[Batch],
    gate: Gate,
    series_gate: SeriesGate | None,
    catalog: Catalog,
    run_id: str,
    now: datetime,
) -> int:
    count = 0
    for batch in batches:
        judged = series_gate(con, batch) if series_gate else gate(batch, held(con, batch.source))
        land(con, batch, judged, catalog, run_id, now)
        count += 1
    return count


def _replay_panels(
    con: duckdb.DuckDBPyConnection, panels: Iterable[PanelBatch], gate: PanelGate, run_id: str, now: datetime
) -> int:
    count = 0
    for batch in panels:
        land_panel(con, batch, gate(con, batch), run_id, now)
        count += 1
    return count


def _compare_and_carry_over(con: duckdb.DuckDBPyConnection, home: Home) -> int:
    """Return how many rows agree; AuditFailed names the first source that differs, with one row of it."""
    path = str(home.warehouse).replace("'", "''")
    con.execute(f"attach '{path}' as old_file")  # for writing: what a killed run left in the log goes into the file
    try:
        con.execute("checkpoint old_file")
        held = {
            f"{schema}.{table}"
            for schema, table in con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'old_file'"
            ).fetchall()
        }
        raw = [table for table in _RAW if table in held]  # an old file may be from before a table
        for table in raw:
            _compare(con, table)
        for table in _CARRIED_OVER:
            con.execute(f"insert into {table} from old_file.{table} except all from {table}")
        if LEDGER in held:
            con.execute(f"insert into {LEDGER} by name select * from old_file.{LEDGER} where {KEPT_ON_REBUILD}")
        return sum(_rows(con, table, "old_file.") for table in raw)
    finally:
        con.execute("detach old_file")


def _compare(con: duckdb.DuckDBPyConnection, table: str) -> None:
    ours, theirs = (f"select {_RAW[table]} from {prefix}{table}" for prefix in ("", "old_file."))
    for what, query in (
        ("the old file has a row that the archive does not give", f"{theirs} except all {ours}"),
        ("the archive gives a row that the old file does not have", f"{ours} except all {theirs}"),
    ):
        found = con.execute(f"select *, count(*) over () from ({query}) order by all limit 1").fetchone()
        if found is not None:
            *row, known_at, basis, count = found
            shown = " ".join(str(cell) for cell in row[:-1])
            raise AuditFailed(
                f"rebuild: {table}: {what}: {shown} = {row[-1]}, known {known_at} ({basis}); {count} such "
                "rows. The old file stays; the new one is warehouse_rebuilt.duckdb beside it."
            )


def _rows(con: duckdb.DuckDBPyConnection, table: str, prefix: str = "") -> int:
    found = con.execute(f"select count(*) from {prefix}{table}").fetchone()
    assert found is not None
    return int(found[0])


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _wal_of(path).unlink(missing_ok=True)


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
