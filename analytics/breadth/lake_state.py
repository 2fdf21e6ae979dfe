"""What the build file remembers of the features in the lake: their snapshot, their tail, their fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import duckdb

from analytics.breadth.bucketed import FEATURES
from analytics.engines import Fingerprint
from warehouse.own_tables import own_table
from warehouse.sql import insert_rows, text

FEATURES_TABLE: Final = "breadth.features"
_STATE: Final = "breadth.lake_state"
_FINGERPRINTS: Final = "breadth.lake_fingerprints"


@dataclass(frozen=True, slots=True)
class LakeState:
    """The state after a computation. `tail_from`: rows of that day and later are in files of their own.

    `fingerprints`, `engines`: by bucket, of all its rows and what computed the newest of them. `rows`: written last.
    """

    snapshot: int
    tail_from: date
    fingerprints: Mapping[int, Fingerprint]
    engines: Mapping[int, str]
    rows: int = 0

    def with_rows(self, rows: int) -> LakeState:
        """Return the same state after a computation that wrote so many rows."""
        return replace(self, rows=rows)


def held_state(con: duckdb.DuckDBPyConnection) -> LakeState | None:
    """Return what is remembered, None where nothing is or the attached lake does not have the features."""
    found = con.execute(f"select features_snapshot, tail_date from {_STATE}").fetchone()
    if found is None or not _has(con, "duckdb_tables()", "table_name", "lake"):
        return None
    rows = con.execute(
        f"select bucket_seq, bucket_rows_count, sum_hash, xor_hash, engine_name from {_FINGERPRINTS}"
    ).fetchall()
    fingerprints = {row[0]: Fingerprint(row[1], int(row[2], 16), int(row[3], 16)) for row in rows}
    snapshot, tail_from = found
    return LakeState(snapshot, tail_from, fingerprints, {row[0]: row[4] for row in rows})


def keep_state(con: duckdb.DuckDBPyConnection, state: LakeState) -> None:
    """Remember a state, in the caller's transaction, and show the features of the lake as those of the build file."""
    table = own_table(FEATURES_TABLE)
    if _has(con, "duckdb_tables()", "table_name"):
        con.execute(f"drop table {FEATURES_TABLE}")
    con.execute(f"create or replace view {FEATURES_TABLE} as select {', '.join(FEATURES)} from lake.{FEATURES_TABLE}")
    con.execute(f"comment on view {FEATURES_TABLE} is {text(table.comment or '')}")
    con.execute(f"delete from {_STATE}; delete from {_FINGERPRINTS}")
    con.execute(f"insert into {_STATE} values (?, ?)", [state.snapshot, state.tail_from])
    rows = [
        [bucket, one.rows, f"{one.sum_hash:016x}", f"{one.xor_hash:016x}", state.engines[bucket]]
        for bucket, one in sorted(state.fingerprints.items())
    ]
    insert_rows(con, _FINGERPRINTS, rows)


def _has(con: duckdb.DuckDBPyConnection, listed: str, name: str, database: str | None = None) -> bool:
    schema, table = FEATURES_TABLE.split(".")
    where = f"database_name = coalesce(?, current_database()) and schema_name = ? and {name} = ?"
    return con.execute(f"select 1 from {listed} where {where}", [database, schema, table]).fetchone() is not None
