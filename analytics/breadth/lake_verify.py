"""Whether the features in the lake are what this process computes from the raw tables, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb
import polars as pl

from analytics.breadth.bucketed import ORDER, feature_columns, features_kernel, panel_query
from analytics.breadth.lake_state import FEATURES_TABLE, held_state
from analytics.breadth.panel import prices_of_some
from analytics.breadth.tables import current_membership, inputs_changed
from analytics.engines import Fingerprint
from analytics.engines.buckets import BUCKET, buckets_of
from analytics.engines.fingerprint import fingerprint_of
from warehouse.records import shown


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bucket: what is recorded of it, what the lake has, what was computed here now, and which engine computed it."""

    bucket: int
    recorded: Fingerprint
    held: Fingerprint
    computed: Fingerprint
    engine: str

    @property
    def is_equal(self) -> bool:
        """Whether all three agree."""
        return self.recorded == self.held == self.computed

    def __str__(self) -> str:
        if self.is_equal:
            return f"bucket {self.bucket:02}: {self.recorded.rows:,} rows equal"
        said = f"recorded {self.recorded}; in the lake {self.held}; computed here {self.computed}"
        return f"bucket {self.bucket:02}, computed by {self.engine}: {said}"


def buckets_in_lake(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Return the buckets that have features, none without a lake."""
    state = held_state(con)
    return [] if state is None else sorted(state.fingerprints)


def verified(con: duckdb.DuckDBPyConnection, buckets: Iterable[int], *, wide: bool) -> Iterator[Verdict]:
    """Compute buckets here, from the raw tables, and yield what that says. The lake is attached to `con`.

    Nothing is said where raw tables have grown since the features were computed: they are to be computed first.
    """
    state = held_state(con)
    if state is None or inputs_changed(con, wide=wide):
        return
    sessions = con.execute("select session_date, session_seq, close_at from calendar.sessions order by 1").pl()
    membership = current_membership(con, wide=wide)
    placed = buckets_of(membership["permid"], "permid")
    for bucket in buckets:
        stocks = placed.filter(pl.col(BUCKET) == bucket)
        rows = prices_of_some(con, membership, stocks, sessions)
        computed = _computed(con, rows.join(stocks, on="permid"))
        where = f"(from lake.{FEATURES_TABLE} at (version => {state.snapshot}) where {BUCKET} = {int(bucket)})"
        held = fingerprint_of(con, feature_columns(), where)
        yield Verdict(bucket, state.fingerprints[bucket], held, computed, state.engines[bucket])


def _computed(con: duckdb.DuckDBPyConnection, panel: pl.DataFrame) -> Fingerprint:
    with shown(con, "panel_rows", panel):
        rows = con.execute(panel_query("panel_rows", None)).pl()
    with shown(con, "feature_rows", features_kernel()(rows.sort(ORDER))):
        return fingerprint_of(con, feature_columns(), "feature_rows")
