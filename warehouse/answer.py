"""What one batch says of one table, laid out beside what is held, as relations that every step of landing reads.

landing_incoming   rows accepted, one per key and stated moment
landing_present    of several vintages of a key the newest: what the provider shows now
landing_shown      keys of every row that came, refused or not
landing_covering   group_name and covered_date of every accepted row that shows how far the answer reaches
landing_doubted    group_name of what the gate refused rows of
landing_windows    what was asked for: group_name, window_start, window_end, and both as dates (lower_, upper_date)
landing_bodies     the newest body of each group and when it came, whichever table its rows went to
landing_newest     the newest vintage held of each key that the answer may say something about
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

import duckdb
import polars as pl

from ingest.batch import Batch, GateResult
from ingest.clock import naive_utc
from ingest.dataset import Dataset, dataset
from warehouse.keyed import Keyed, listed
from warehouse.latest import newest
from warehouse.records import shown

MADE: Final = tuple(
    f"landing_{name}" for name in ("windows", "newest", "gone", "answers", "held", "differing", "releases", "vintages")
)
"""Temporary tables of one answer. They are dropped by name: to ask which are there takes ten milliseconds a table."""


class Answer:
    """The part of a batch that fills one table. `accepted` and `refused` change while landing decides."""

    def __init__(self, con: duckdb.DuckDBPyConnection, batch: Batch, gated: GateResult, table: Dataset) -> None:
        empty = pl.DataFrame(schema={**table.rows_schema, "fetched_at": pl.Datetime("us")})
        self.con = con
        self.batch = batch
        self.gated = gated
        self.table = table
        self.keyed = Keyed(table)
        self.accepted = gated.accepted.get(table.id, empty)
        refused = gated.refused.get(table.id, empty)
        self.refused = empty.with_columns(reason=pl.lit("")) if refused.is_empty() else refused
        self.fetched_at = naive_utc(batch.fetched_at)

    @property
    def has_stated(self) -> bool:
        """Say whether the provider dates any of the rows itself."""
        return self.accepted["stated_at"].null_count() < self.accepted.height

    def beside(self) -> Dataset:
        """Return the table whose rows show how far the answer reaches: splits come beside prices."""
        if self.table.is_regular:
            return self.table
        others = (dataset(name) for name in self.batch.tables)
        return next((one for one in others if one.is_regular and one.group == self.table.group), self.table)

    @contextmanager
    def laid_out(self) -> Iterator[None]:
        """Show the relations for a while; what is made of them on the way (MADE) is dropped at the end."""
        incoming = _one_per_key(self.table, self.accepted)
        present = incoming
        if self.has_stated:
            keys = list(self.table.key_names)
            present = incoming.sort("stated_at", nulls_last=False).unique(keys, keep="last", maintain_order=True)
        frames = {
            "landing_incoming": incoming,
            "landing_present": present,
            "landing_shown": pl.concat(
                [rows.select(self.table.key_names) for rows in (self.accepted, self.refused)]
            ).drop_nulls(),
            "landing_covering": self._groups_and_days(self.gated.accepted, [self.beside()]),
            "landing_doubted": self._groups_and_days(self.gated.refused, [self.table, self.beside()])
            .select("group_name")
            .unique(),
            "landing_asked": self._windows(),
            "landing_bodies": self._bodies(),
        }
        with ExitStack() as stack:
            for name, frame in frames.items():
                stack.enter_context(shown(self.con, name, frame))
            self._bound_windows()
            self._take_newest()
            yield
            # after an error the transaction is rolled back with them
            self.con.execute("; ".join(f"drop table if exists temp.{name}" for name in MADE))

    def refuse(self, reasons: Mapping[str, str], keys: pl.DataFrame | None = None) -> None:
        """Move rows of the groups in `reasons` from what is accepted to what is refused; with `keys` only those.

        What is held already needs no quarantine.
        """
        if not reasons:
            return
        columns = [*self.table.key_names, *self.table.value_names]
        known = self.con.execute(f"select {listed(columns)} from landing_newest").pl()
        rows = self.accepted.with_columns(
            reason=self.table.group_expression.replace_strict(reasons, default=None, return_dtype=pl.String)
        )
        if keys is not None:
            is_named = keys.select(self.table.key_names).with_columns(is_named=pl.lit(value=True))
            rows = rows.join(is_named, on=self.table.key_names, how="left", maintain_order="left").with_columns(
                reason=pl.when("is_named").then("reason")
            )
            rows = rows.drop("is_named")
        news = rows.filter(pl.col("reason").is_not_null()).join(known, on=columns, how="anti", nulls_equal=True)
        self.accepted = rows.filter(pl.col("reason").is_null()).drop("reason")
        self.refused = pl.concat([self.refused, news.select(self.refused.columns)])

    # -- the relations ---------------------------------------------------------------------------------------

    def _bound_windows(self) -> None:
        """A window without an end reaches up to the next one of its group: rows beyond belong to that one."""
        self.con.execute(
            """
            create temp table landing_windows as
            select *, coalesce(window_start, date '0001-01-01') as lower_date,
                coalesce(
                    window_end, (lead(window_start) over by_start - 1)::date, date '9999-12-31'
                ) as upper_date
            from landing_asked
            window by_start as (partition by group_name order by window_start nulls first)
            """
        )

    def _take_newest(self) -> None:
        group, period = self.table.group_sql, self.table.period
        asked = f"""(
            from {self.table.id}
            where {period} >= (
                    select coalesce(min(p), date '0001-01-01') from (
                        select {period} as p from landing_shown union all select lower_date from landing_windows
                    )
                )
                and {group} in (select {group} from landing_shown union select group_name from landing_windows)
        )"""
        columns = (*self.table.key_names, *self.keyed.attributes, *self.table.value_names)
        self.con.execute(
            f"create temp table landing_newest as select {listed(columns)}, known_at"
            f" {newest(asked, self.table.key_names)}"
        )

    def _groups_and_days(self, frames: Mapping[str, pl.DataFrame], tables: Iterable[Dataset]) -> pl.DataFrame:
        empty = pl.DataFrame(schema={"group_name": pl.String(), "covered_date": pl.Date()})
        found = {one.id: (one, frames[one.id]) for one in tables if one.id in frames}
        return pl.concat(
            [
                empty,
                *(
                    rows.select(group_name=one.group_expression, covered_date=pl.col(one.period))
                    for one, rows in found.values()
                    if rows.width
                ),
            ]
        )

    def _windows(self) -> pl.DataFrame:
        asked = [
            (window.group, window.start, window.end)
            for window in self.batch.windows
            if window.table_id == self.table.id or (self.table.is_series and not window.table_id)
        ]
        schema = {"group_name": pl.String(), "window_start": pl.Date(), "window_end": pl.Date()}
        return pl.DataFrame(asked, schema=schema, orient="row").unique()

    def _bodies(self) -> pl.DataFrame:
        frames = [
            rows.select("fetched_at", "payload_sha256", group_name=dataset(name).group_expression)
            for name, rows in self.batch.tables.items()
        ]
        return pl.concat(frames).group_by("group_name").agg(pl.all().sort_by("fetched_at", "payload_sha256").last())


def _one_per_key(table: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Keep one row per key and stated moment: that of the latest payload, whatever order they came in.

    Where the provider dates a key's values, undated rows of the same key say nothing more.
    """
    keys = list(table.key_names)
    moment = [*keys, "stated_at"]
    undated = rows["stated_at"].null_count()
    if rows.select(pl.struct(moment).is_duplicated().any()).item():
        order = [*moment, "fetched_at", "payload_sha256", *table.value_names]
        rows = rows.sort(order, nulls_last=False).unique(moment, keep="last", maintain_order=True)
    if 0 < undated < rows.height:
        dated = rows.filter(pl.col("stated_at").is_not_null())
        plain = rows.filter(pl.col("stated_at").is_null()).join(dated, on=keys, how="anti")
        rows = pl.concat([dated, plain])
    return rows
