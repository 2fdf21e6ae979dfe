"""Landing of snapshot tables: one immutable Parquet file per day and answer, and its row in ops.snapshot_files.

Nothing is compared with what is held and nothing is rewritten: a later answer of the same day is another file. An
answer whose payloads are those of the newest file of its day (of any file where a day has several moments) says nothing
new and is left out.

The file is written first and its row inserted in the transaction of the batch. Killed between the two, the file is left
over and no one reads it; the next run, or a rebuild, writes the same name again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import duckdb
import polars as pl

from ingest.batch import GateResult
from ingest.dataset import TABLES, Dataset, dataset
from warehouse.records import LandingResult
from warehouse.snapshot_files import NOT_EXPIRED, REFUSED_FOLDER
from warehouse.snapshot_gaps import record_missed
from warehouse.snapshot_store import Root, SnapshotStore, WrittenFile, store_at
from warehouse.snapshot_views import refresh_views
from warehouse.sql import one

GRACE_DAYS: Final = 30
"""So long an expired file stays on disk: a release that is kept, or rolled back to, may still name it."""


@dataclass(frozen=True, slots=True)
class LandedSnapshot:
    """What landed of one table: rows of days new to us, rows of further answers of days held, rows refused."""

    rows_new: int
    rows_again: int
    rows_refused: int
    newest_period: date | None

    def added_to(self, result: LandingResult) -> LandingResult:
        """Return the result of a batch's other tables with these rows in it."""
        periods = [one for one in (result.newest_period, self.newest_period) if one is not None]
        return replace(
            result,
            rows_new=result.rows_new + self.rows_new,
            rows_changed=result.rows_changed + self.rows_again,
            rows_quarantined=result.rows_quarantined + self.rows_refused,
            newest_period=max(periods, default=None),
        )


def land_snapshot(
    con: duckdb.DuckDBPyConnection,
    root: Root,
    table: Dataset,
    accepted: pl.DataFrame,
    refused: pl.DataFrame,
    *,
    run_id: str,
    now: datetime,
) -> LandedSnapshot:
    """Land what the gate said of one table. `root` is where the files of the home are, `now` naive UTC.

    The caller holds WriterLock, has begun the transaction and commits it. Frames have the columns of
    Dataset.rows_schema and `fetched_at`, `refused` also `reason`. ValueError for a table that is kept in rows; OSError
    where a file cannot be written.
    """
    if not table.is_in_daily_files:
        raise ValueError(f"bug: {table.id} is kept in rows")
    store = store_at(root)
    landing = _Landing(con, store, table, run_id, now)
    store.remove_unfinished()
    new, again = landing.accept(accepted)
    count = landing.refuse(refused)
    record_missed(con, store, table, run_id=run_id, now=now)
    landing.expire()
    landing.remove_expired()
    refresh_views(con, store, table)
    newest = accepted[table.period].max() if accepted.height else None
    return LandedSnapshot(new, again, count, newest if isinstance(newest, date) else None)


def land_snapshots(
    con: duckdb.DuckDBPyConnection, root: Root | None, gated: GateResult, *, run_id: str, now: datetime
) -> tuple[GateResult, LandedSnapshot]:
    """Land the snapshot tables of a judged batch; return what is left for the landing of rows, and the sums.

    As land_snapshot does. Of a batch that was held back only the refused rows are written. `root` is needed where there
    are such tables; ValueError where it is missing.
    """
    names = [name for name in dict.fromkeys((*gated.accepted, *gated.refused)) if dataset(name).is_in_daily_files]
    if not names:
        return gated, LandedSnapshot(0, 0, 0, None)
    if root is None:
        raise ValueError(f"bug: no folder for the snapshot files of {', '.join(names)}")
    landed = [
        land_snapshot(con, root, dataset(name), gated.accepted[name], gated.refused[name], run_id=run_id, now=now)
        for name in names
    ]
    rest = replace(
        gated,
        accepted={name: rows for name, rows in gated.accepted.items() if name not in names},
        refused={name: rows for name, rows in gated.refused.items() if name not in names},
    )
    return rest, LandedSnapshot(
        sum(one.rows_new for one in landed),
        sum(one.rows_again for one in landed),
        sum(one.rows_refused for one in landed),
        max((one.newest_period for one in landed if one.newest_period is not None), default=None),
    )


def show_snapshots(con: duckdb.DuckDBPyConnection, root: Root) -> None:
    """Create the views of every snapshot table: before the first landing they are empty, and a home may have moved."""
    for table in TABLES:
        if table.is_in_daily_files:
            refresh_views(con, root, table)


def groups_of_newest_day(con: duckdb.DuckDBPyConnection, table: Dataset) -> dict[str, date]:
    """Return the newest day held, for each group that it has (or ""): other days are not read."""
    newest = one(con, "select max(period_date) from ops.snapshot_files where table_id = ?", table.id)
    if newest is None or table.group is None:
        return {} if newest is None else {"": newest}
    groups = con.execute(f"select distinct {table.group} from {table.id} where {table.period} = ?", [newest]).fetchall()
    return {group: newest for (group,) in groups}


def rows_by_day(con: duckdb.DuckDBPyConnection, table: Dataset) -> dict[date, int]:
    """Return how many rows are held of each day: of a day with several answers the largest of them."""
    return dict(
        con.execute(
            "select period_date, max(rows_count) from ops.snapshot_files"
            " where table_id = ? and part = 'accepted' group by all order by all",
            [table.id],
        ).fetchall()
    )


def answers_by_group(con: duckdb.DuckDBPyConnection, table: Dataset, within: int) -> dict[str, dict[date, int]]:
    """Return how many rows the largest answer of each group and day has, of the newest day and `within` days before."""
    found: dict[str, dict[date, int]] = {}
    newest = one(con, "select max(period_date) from ops.snapshot_files where table_id = ?", table.id)
    if newest is None:
        return found
    rows = con.execute(
        f"""
        select group_name, day, max(rows_count) from (
            select {table.group_sql} as group_name, {table.period} as day, payload_sha256, count(*) as rows_count
            from {table.id} where {table.period} >= ? group by all
        ) group by all
        """,
        [newest - timedelta(days=within)],
    ).fetchall()
    for group, day, count in rows:
        found.setdefault(group, {})[day] = count
    return found


class _Landing:
    def __init__(
        self, con: duckdb.DuckDBPyConnection, store: SnapshotStore, table: Dataset, run_id: str, now: datetime
    ) -> None:
        self.con = con
        self.store = store
        self.table = table
        self.run_id = run_id
        self.now = now

    @property
    def _folder(self) -> str:
        return f"{self.table.source}/{self.table.name}"

    def accept(self, rows: pl.DataFrame) -> tuple[int, int]:
        """Write the rows day by day; return how many are of days new to us and of days held."""
        days = sorted(rows[self.table.period].unique())
        new = again = 0
        for day in days:
            part = rows if len(days) == 1 else rows.filter(pl.col(self.table.period) == day)
            held = self._newest_of(day)
            if held is not None:
                part = part.filter(~pl.col("payload_sha256").is_in(held[1]))
            if part.is_empty():
                continue
            timed = self._timed(part, None if held is None else held[0])
            written = self.store.write(f"{self._folder}/{day}", timed)
            self._record("accepted", day, written, timed)
            new, again = (new + part.height, again) if held is None else (new, again + part.height)
        return new, again

    def refuse(self, rows: pl.DataFrame) -> int:
        """Write the refused rows into one file; those of a payload once. Return how many are new."""
        told = self.con.execute(
            "select distinct unnest(payloads) from ops.snapshot_files where table_id = ? and part = 'refused'",
            [self.table.id],
        ).fetchall()
        rows = rows.filter(~pl.col("payload_sha256").is_in([digest for (digest,) in told]))
        if rows.is_empty():
            return 0
        order = [*self.table.key_names, "reason", "payload_sha256", "fetched_at", *self.table.value_names]
        kept = rows.drop("stated_at").sort(order)
        written = self.store.write(f"{self._folder}/{REFUSED_FOLDER}", kept)
        self._record(
            "refused",
            None,
            written,
            kept.select("payload_sha256", known_at=pl.col("fetched_at"), known_basis=pl.lit("captured")),
        )
        return kept.height

    def expire(self) -> None:
        """Leave out of every view the days that are older than the newest by more than `keep_days`."""
        if self.table.keep_days is None:
            return
        self.con.execute(
            f"""
            insert into ops.snapshot_expired
            select file, $now::timestamp, $run_id from ops.snapshot_files
            where table_id = $table and {NOT_EXPIRED} and coalesce(period_date, known_at::date) < (
                select max(period_date) - $days::integer from ops.snapshot_files where table_id = $table
            )
            """,
            {"now": self.now, "run_id": self.run_id, "table": self.table.id, "days": self.table.keep_days},
        )

    def remove_expired(self) -> None:
        """Remove from disk what expired GRACE_DAYS ago, committed long before this transaction.

        Of a lake `tidegauge lake expire` does: its snapshots may still name them.
        """
        if self.store.lake is not None:
            return
        expired = self.con.execute(
            "select e.file from ops.snapshot_expired e join ops.snapshot_files f using (file)"
            " where f.table_id = ? and e.expired_at < ?",
            [self.table.id, self.now - timedelta(days=GRACE_DAYS)],
        ).fetchall()
        for (file,) in expired:
            self.store.remove(file)

    def _newest_of(self, day: date) -> tuple[datetime, list[str]] | None:
        """Return when the newest answer of a day was known and which payloads it came in; None before the first.

        Where a day has several moments, each may have come in an answer of its own: then the payloads of all of them.
        """
        files = self.con.execute(
            "select known_at, payloads from ops.snapshot_files where table_id = ? and part = 'accepted'"
            " and period_date = ? order by known_at desc, loaded_at desc, file desc",
            [self.table.id, day],
        ).fetchall()
        if not files:
            return None
        (known_at, newest), *_ = files
        return known_at, newest if self.table.moment is None else [one for _, payloads in files for one in payloads]

    def _timed(self, rows: pl.DataFrame, held_at: datetime | None) -> pl.DataFrame:
        """Return the rows in order of group, with since when each was known: of a group all at one moment.

        That is what the source itself states of the whole group, else when the last of its rows was fetched, and then
        never at or before the answer that it replaces.
        """
        is_stated = pl.col("stated_at").is_not_null().all()
        captured = pl.col("fetched_at").max()
        if held_at is not None:
            captured = pl.max_horizontal(captured, pl.lit(held_at + timedelta(microseconds=1)))
        known_at = pl.when(is_stated).then(pl.col("stated_at").max()).otherwise(captured)
        basis = pl.when(is_stated).then(pl.lit("vintage")).otherwise(pl.lit("captured"))
        is_plain = rows["stated_at"].null_count() == rows.height and rows["fetched_at"].n_unique() == 1
        if self.table.group is not None and not is_plain:  # else one moment for all
            known_at, basis = known_at.over(self.table.group), basis.over(self.table.group)
        columns = [name for name in self.table.rows_schema if name != "stated_at"]
        timed = rows.select(*columns, known_at.alias("known_at"), basis.alias("known_basis"))
        return _in_order(timed, self.table)

    def _record(self, part: str, day: date | None, written: WrittenFile, rows: pl.DataFrame) -> None:
        newest = rows.select(pl.col("known_at", "known_basis").sort_by("known_at").last()).row(0)
        payloads = rows["payload_sha256"].unique().sort().to_list()
        counts = (written.file, written.sha256, written.bytes_count, written.rows_count)
        self.con.execute(
            "insert into ops.snapshot_files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [self.table.id, part, day, *counts, payloads, *newest, self.now, self.run_id],
        )


def _in_order(rows: pl.DataFrame, table: Dataset) -> pl.DataFrame:
    """Return the rows sorted by group (else by the first key that is not the day), and in it as the answer had them.

    So a query of one group reads a part of each file. Sorting texts of 1.5 million rows is what would take longest of
    all landing: their ranks are sorted instead, and a publisher's own order within a group is kept.
    """
    names = [name for name in table.key_names if name != table.period]
    column = table.group or next(iter(names), None)
    if column is None or rows[column].is_sorted():
        return rows
    ranks = rows.select(pl.col(column).unique().sort()).with_row_index("_rank")
    ranked = rows.join(ranks, on=column, how="left", maintain_order="left")
    return ranked.sort("_rank", maintain_order=True).drop("_rank")
