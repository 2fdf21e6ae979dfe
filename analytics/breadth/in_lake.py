"""Breadth features in the lake: the panel of prices goes there, an engine computes over it, the result goes there too.

Two tables: `breadth.prices`, the panel, and `breadth.features`, which the view of that name in the build file shows.
Both have whole files only. A full computation replaces all of them, one for each bucket. What a day adds lies in one
file for all buckets, the tail, which is written anew each time; after a quarter it is left as it is and another begins.
A change before the tail computes all anew.

DuckDB writes one database in a transaction: the lake first, the build file after it. Killed between the two, the build
file still says what it was computed from, and the next run computes and registers the same again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from analytics.breadth.bucketed import FEATURES, ORDER, PANEL, feature_columns, features_kernel, panel_query
from analytics.breadth.features import STANDARD
from analytics.breadth.lake_state import FEATURES_TABLE, LakeState, held_state
from analytics.breadth.panel import prices_of, prices_of_some
from analytics.engines import BucketFile, Fingerprint, run_buckets
from analytics.engines.buckets import BUCKET, BUCKETS, buckets_of
from analytics.engines.engine import kind_of
from analytics.engines.fingerprint import Columns, fingerprints_by, typed
from analytics.engines.on_lake import LakeReader, LakeRun
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.commit import committing
from warehouse.lake.errors import lake_errors
from warehouse.records import shown
from warehouse.sql import text

PRICES_TABLE: Final = "breadth.prices"

_STOCKS_AT_ONCE: Final = 1_000
"""So many stocks of the panel are in memory at once."""

_ROWS_AT_ONCE: Final = 4_000_000
_TAIL_SESSIONS: Final = 63
_TAIL_TASKS: Final = 4
"""A day is little work: some buckets go together."""


class LakeMoved(Exception):  # nobody's mistake: what the build file remembers of the lake is not there
    """The tail of the lake is not as the build file remembers it: all is to be computed."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What the features are of: stays of stocks (as prices_of takes them), sessions, and from which session on."""

    membership: pl.DataFrame
    sessions: pl.DataFrame
    first: date | None

    @property
    def from_seq(self) -> int | None:
        """The number of the first session to compute, None for all."""
        if self.first is None:
            return None
        found = self.sessions.filter(pl.col("session_date") >= self.first)["session_seq"].min()
        assert found is None or isinstance(found, int)
        return found

    @property
    def buckets(self) -> pl.DataFrame:
        """The bucket of each stock."""
        return buckets_of(self.membership["permid"], "permid")


def compute_in_lake(con: duckdb.DuckDBPyConnection, panel: Panel, run: LakeRun) -> LakeState:
    """Bring both tables of the lake up to the raw tables and return their state, which the caller keeps.

    The lake is attached to `con`, and no transaction is open. EngineUnusable, LakeUnusable: the features are what they
    were. LakeMoved: compute all.
    """
    with lake_errors(run.lake):
        return _whole(con, panel, run) if panel.first is None else _tail(con, panel, run, held_state(con))


def blocks(
    con: duckdb.DuckDBPyConnection, sessions: pl.DataFrame, rows: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the features of some sessions at a time, as count_sessions reads them, and those sessions.

    `rows`: how many there are of all sessions, about.
    """
    at_once = max(1, sessions.height * _ROWS_AT_ONCE // max(rows, 1))
    names = {**FEATURES, "session_seq": "session_seq", "volume_shares": "volume_raw"}
    columns = ", ".join(f"{name} as {as_}" for name, as_ in names.items())
    for start in range(0, sessions.height, at_once):
        some = sessions.slice(start, at_once)
        found = con.execute(
            f"select {columns} from lake.{FEATURES_TABLE} where session_seq between ? and ?",
            [some["session_seq"].min(), some["session_seq"].max()],
        ).pl()
        yield found.sort(ORDER), some


# ---- all of it -----------------------------------------------------------------------------------------------------


def _whole(con: duckdb.DuckDBPyConnection, panel: Panel, run: LakeRun) -> LakeState:
    buckets = panel.buckets
    files: dict[str, str] = {}
    for some in _groups(buckets):
        prices = prices_of_some(con, panel.membership, some, panel.sessions)
        placed = prices.join(some, on="permid").sort(BUCKET, *ORDER)
        for (bucket,), rows in placed.partition_by(BUCKET, as_dict=True, maintain_order=True).items():
            name = _name(bucket)
            files[name] = _stage(con, rows, PANEL, f"{run.folder}/prices-{name}")
    snapshot = _put(con, PRICES_TABLE, PANEL, list(files.values()), f"prices of {panel.membership.height} stays", None)
    queries = {name: _rows_of(int(name), int(name), None) for name in files}
    made = _run(run, snapshot, queries, None) if queries else []
    found = [one.file for one in made if one.file is not None]
    snapshot = _put(con, FEATURES_TABLE, feature_columns(), found, "breadth features", None)
    last = con.execute(f"select max(session_date) from lake.{FEATURES_TABLE}").fetchone()
    assert last is not None
    return LakeState(
        snapshot,
        date.min if last[0] is None else last[0] + timedelta(days=1),
        {int(one.bucket): one.fingerprint for one in made},
        {int(one.bucket): kind_of(run.lake.engine) for one in made},
        sum(one.rows for one in made),
    )


def _groups(buckets: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut the stocks into groups of whole buckets."""
    groups = max(1, min(BUCKETS, -(-buckets.height // _STOCKS_AT_ONCE)))
    edges = [BUCKETS * at // groups for at in range(groups + 1)]
    for start, end in pairwise(edges):
        yield buckets.filter(pl.col(BUCKET).is_between(start, end - 1))


# ---- the end of it -------------------------------------------------------------------------------------------------


def _tail(con: duckdb.DuckDBPyConnection, panel: Panel, run: LakeRun, held: LakeState | None) -> LakeState:
    first, from_seq = panel.first, panel.from_seq
    assert held is not None
    assert first is not None
    assert from_seq is not None
    prices = prices_of(con, panel.membership, panel.sessions, from_seq - STANDARD.lookback)
    new = prices.filter(pl.col("session_seq") >= from_seq).join(panel.buckets, on="permid").sort(BUCKET, *ORDER)
    if new.is_empty():
        return held.with_rows(0)
    kept = f"session_date >= date '{held.tail_from}' and session_date < date '{first}'"
    whole = f"session_date >= date '{held.tail_from}'"
    with shown(con, "new_rows", new):
        file = _join(con, PRICES_TABLE, PANEL, kept, "new_rows", f"{run.folder}/prices-tail")
    snapshot = _put(con, PRICES_TABLE, PANEL, [file], f"prices from {first} on", whole)
    step = BUCKETS // _TAIL_TASKS
    queries = {_name(start): _rows_of(start, start + step - 1, from_seq) for start in range(0, BUCKETS, step)}
    made = _run(run, snapshot, queries, from_seq)
    listed = ", ".join(text(one.file) for one in made if one.file is not None)
    rows = f"read_parquet([{listed}])"
    file = _join(con, FEATURES_TABLE, feature_columns(), kept, rows, f"{run.folder}/features-tail")
    fingerprints = _moved(con, held, first, rows)
    snapshot = _put(con, FEATURES_TABLE, feature_columns(), [file], f"breadth features from {first} on", whole)
    engines = {**held.engines, **dict.fromkeys(new[BUCKET].unique().to_list(), kind_of(run.lake.engine))}
    return LakeState(snapshot, _next_tail(panel, new, held.tail_from), fingerprints, engines, new.height)


def _moved(con: duckdb.DuckDBPyConnection, held: LakeState, first: date, rows: str) -> dict[int, Fingerprint]:
    """Return the fingerprints of all rows once `rows` are in the place of those from `first` on."""
    before = f"(from lake.{FEATURES_TABLE} at (version => {held.snapshot}) where session_date >= date '{first}')"
    try:
        gone = _by_bucket(con, before)
    except duckdb.Error as error:
        raise LakeMoved(f"snapshot {held.snapshot} is no longer there") from error
    come = _by_bucket(con, rows)
    nothing = Fingerprint()
    return {
        bucket: held.fingerprints.get(bucket, nothing) - gone.get(bucket, nothing) + come.get(bucket, nothing)
        for bucket in held.fingerprints.keys() | come.keys()
    }


def _next_tail(panel: Panel, new: pl.DataFrame, tail_from: date) -> date:
    """Return where the tail of the next day begins: where this one does, until it is long."""
    last = new["session_date"].max()
    assert isinstance(last, date)
    sessions = panel.sessions.filter(pl.col("session_date").is_between(tail_from, last))
    return last + timedelta(days=1) if sessions.height >= _TAIL_SESSIONS else tail_from


# ---- both ----------------------------------------------------------------------------------------------------------


def _run(run: LakeRun, snapshot: int, queries: Mapping[str, str], from_seq: int | None) -> list[BucketFile]:
    return run_buckets(
        run.lake.engine,
        features_kernel(from_seq),
        LakeReader(run.lake, snapshot),
        queries,
        order=ORDER,
        columns=feature_columns(),
        folder=run.folder,
        progress=run.progress,
    )


def _rows_of(first: int, last: int, from_seq: int | None) -> str:
    return panel_query(f"(from lake.{PRICES_TABLE} where {BUCKET} between {first} and {last})", from_seq)


def _name(bucket: object) -> str:
    return f"{bucket:02}"


def _by_bucket(con: duckdb.DuckDBPyConnection, rows: str) -> dict[int, Fingerprint]:
    return {int(key): value for key, value in fingerprints_by(con, feature_columns(), rows, BUCKET).items()}


def _stage(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, columns: Columns, stem: str) -> str:
    with shown(con, "staged_rows", rows):
        return _copy(con, f"select {typed(columns)} from staged_rows", stem)


def _join(con: duckdb.DuckDBPyConnection, table: str, columns: Columns, kept: str, rows: str, stem: str) -> str:
    """Write what stays of the tail of a table and `rows` into one file."""
    order = f"{BUCKET}, permid, session_date"
    parts = (f"select {typed(columns)} from {source}" for source in (f"lake.{table} where {kept}", rows))
    return _copy(con, f"select * from ({' union all '.join(parts)}) order by {order}", stem)


def _copy(con: duckdb.DuckDBPyConnection, query: str, stem: str) -> str:
    file = f"{stem}-{uuid.uuid4().hex[:12]}.parquet"
    if "://" not in file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"copy ({query}) to {text(file)} (format parquet, compression zstd, row_group_size 131072)")
    return file


def _put(
    con: duckdb.DuckDBPyConnection, table: str, columns: Columns, files: list[str], comment: str, instead_of: str | None
) -> int:
    """Put files in the place of a table's, or of those whose rows all meet a condition; return the snapshot."""
    names = ", ".join(f"{name} {kind}" for name, kind in columns)
    with committing(con, comment) as commit:
        con.execute("create schema if not exists lake.breadth")
        if instead_of is None:
            con.execute(f"create or replace table lake.{table} ({names})")
        else:
            con.execute(f"delete from lake.{table} where {instead_of}")
        commit.is_empty = False
        commit.add(table, files)
        plain = table.rpartition(".")[2]
        cut = f"select 1 from ducklake_list_files('lake', '{plain}', schema => 'breadth') where delete_file is not null"
        if con.execute(f"{cut} limit 1").fetchone():
            raise LakeMoved(f"{instead_of} cuts through a file of {table}")
    return newest_snapshot(con)
