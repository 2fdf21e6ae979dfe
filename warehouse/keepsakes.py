"""What no archive holds, kept in every release: how runs and checks went, and what was said of regimes at the time.

Publication writes it, and a rebuild takes it back where the build file is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from ingest.home import Home
from warehouse.declared_tables import DeclaredTable
from warehouse.lived import KEPT_ON_REBUILD, LEDGER
from warehouse.published_table import ACCEPTANCES, BUILD, CHECKS, DEFINITIONS, LAKE_FINGERPRINTS, REGIME_LEDGER, RUNS
from warehouse.releases import Release, build_of, is_sound, releases
from warehouse.sql import one, text

CARRIED_OVER: Final = {"ops.runs": RUNS, "ops.checks": CHECKS, "claim.definitions": DEFINITIONS}
"""Tables of the build file that a rebuild keeps whole, each with its copy in a release."""


ACCEPTED: Final = "ops.accepted"
"""What a person let in: a rebuild takes it over before it replays."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What came back out of a release. `built_at` (naive UTC): what was recorded later is not in it."""

    build_id: str
    built_at: datetime
    runs: int
    regime_rows: int


def keepsake_queries() -> Iterator[tuple[str, str]]:
    """Yield the path in a release and the select, over an open build file, of each table that is kept."""
    for table, copy in (*CARRIED_OVER.items(), (ACCEPTED, ACCEPTANCES)):
        yield copy.path, f"select {', '.join(name for name, *_ in copy.columns)} from {table}"
    columns = ", ".join(name for name, *_ in REGIME_LEDGER.columns if name != "row_json")
    yield (
        REGIME_LEDGER.path,
        f"select {columns}, to_json(days)::varchar as row_json from {LEDGER} as days "
        f"where {KEPT_ON_REBUILD} order by session_date, cutoff_name, model_version",
    )
    names = ", ".join(name for name, *_ in LAKE_FINGERPRINTS.columns)
    yield LAKE_FINGERPRINTS.path, f"select {names} from breadth.lake_fingerprints order by bucket_seq"


def newest_keeper(home: Home) -> Release | None:
    """Return the newest sound release of which keepsakes can be taken; None when there is none."""
    return next((release for release in releases(home) if is_sound(release) and _keeps(release)), None)


def recover(con: duckdb.DuckDBPyConnection, release: Release) -> Recovered:
    """Take the keepsakes of `release` into the build file `con`, which has none of them yet."""
    build = build_of(release.path)
    assert build is not None
    with _attached(con, release.path):
        for table, copy in CARRIED_OVER.items():
            if not _has(con, copy):  # the release is older than the table
                continue
            con.execute(f"insert into {table} by name select * from kept.{copy.path}")
        # A release is written before its run can be said to have published it; that it is here says so.
        con.execute(
            f"""
            insert into ops.runs
            select run_id, min(started_at), any_value(built_at), 'published', null, any_value(built_at)
            from kept.{RUNS.path} join kept.{BUILD.path} using (run_id)
            group by run_id having not bool_or(state = 'published')
            """
        )
        con.execute(f"insert into {LEDGER} by name select unnest(row) from ({_rows(con)})")
        runs = int(one(con, f"select count(distinct run_id) from kept.{RUNS.path}"))
        rows = int(one(con, f"select count(*) from kept.{REGIME_LEDGER.path}"))
    return Recovered(release.build_id, build.built_at, runs, rows)


def take_decisions(con: duckdb.DuckDBPyConnection, release: Path) -> None:
    """Take what a person let in, and the claims as they were first registered, out of a release into a new file."""
    with _attached(con, release):
        for table, copy in ((ACCEPTED, ACCEPTANCES), ("claim.definitions", DEFINITIONS)):
            if _has(con, copy):
                con.execute(f"insert into {table} by name select * from kept.{copy.path}")


def _has(con: duckdb.DuckDBPyConnection, table: DeclaredTable) -> bool:
    where = "where database_name = 'kept' and schema_name = ? and table_name = ?"
    return con.execute(f"select 1 from duckdb_tables() {where}", [table.schema, table.name]).fetchone() is not None


def _rows(con: duckdb.DuckDBPyConnection) -> str:
    """Return the select of the kept ledger rows as structs; a column that a row lacks is NULL."""
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() where database_name = current_database() "
        "and schema_name || '.' || table_name = ? order by column_index",
        [LEDGER],
    ).fetchall()
    structure = "{" + ", ".join(f'"{name}": "{kind}"' for name, kind in columns) + "}"
    return f"select json_transform(row_json, {text(structure)}) as row from kept.{REGIME_LEDGER.path}"


def _keeps(release: Release) -> bool:
    """Say whether a release holds keepsakes: those of older versions do not."""
    with duckdb.connect(str(release.path), read_only=True) as con:
        held = one(
            con,
            "select count(*) from duckdb_tables() where schema_name = 'meta' and table_name in (?, ?, ?)",
            *(table.name for table in (RUNS, CHECKS, REGIME_LEDGER)),
        )
    return bool(held == 3)


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    con.execute(f"attach {text(str(path))} as kept (read_only)")
    try:
        yield
    finally:
        con.execute("detach kept")
