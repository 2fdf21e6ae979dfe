"""What is recorded beside the rows: answers, refusals, histories that were shortened, snapshots that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import polars as pl

from ingest.catalog.calendars import working_days
from warehouse.answer import Answer
from warehouse.keyed import Keyed
from warehouse.records import Shrinkage, shown
from warehouse.sql import insert_rows

ROLLED_BY: Final = 45
"""A source that drops its oldest day every day is recorded again only when its start moved by more days than this."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who lands: the connector, its run and the moment (naive UTC)."""

    source: str
    run_id: str
    now: datetime


def record_answers(answer: Answer, stamp: Stamp) -> None:
    """Append to ops.answers what was asked, with what came inside it; refused rows count as come: they were shown."""
    keyed = answer.keyed
    answer.con.execute(
        f"""
        create temp table landing_answers as
        with came as (select {keyed.group("s")} as group_name, s.{keyed.period} as period from landing_shown s)
        select w.group_name, coalesce(any_value(b.fetched_at), $fetched_at) as fetched_at, w.window_start,
            w.window_end, min(c.period) as first_period, max(c.period) as last_period,
            count(c.period) as rows_count
        from landing_windows w
        left join landing_bodies b using (group_name)
        left join came c on c.group_name = w.group_name and c.period between w.lower_date and w.upper_date
        group by w.group_name, w.window_start, w.window_end
        """,
        {"fetched_at": answer.fetched_at},
    )
    answer.con.execute(
        "insert into ops.answers by name"
        " select *, $source as source, $table_id as table_id, $run_id as run_id from landing_answers"
        " order by group_name, window_start nulls first",
        {"source": stamp.source, "table_id": answer.table.id, "run_id": stamp.run_id},
    )


def record_shrinkages(answer: Answer, stamp: Stamp) -> tuple[Shrinkage, ...]:
    """Record groups of which what we hold was asked for and whose answer starts elsewhere than at the last record.

    In ops.shrinkages, a series by its id, others as "fund_days SPY". Returned are those that are shorter now. Called
    after `record_answers`.
    """
    table, keyed = answer.table, answer.keyed
    label = "{}.group_name" if table.is_series else f"trim('{table.name} ' || {{}}.group_name)"
    rows = answer.con.execute(
        f"""
        with served as (
            select group_name, min(first_period) as served_from,
                min(coalesce(window_start, date '0001-01-01')) as since
            from landing_answers
            group by group_name having min(first_period) is not null
        ),
        kept as (
            select {keyed.group("n")} as group_name, min(n.{table.period}) as held_from
            from landing_newest n where {keyed.has_value("n")} group by all
        ),
        earliest as (  -- landing_newest may begin with what was asked for
            select {table.group_sql} as group_name, min({table.period}) as first_held from {table.id} group by all
        ),
        recorded as (
            select series_id, arg_max(served_from, seen_at) as served_from
            from ops.shrinkages where source = $source group by all
        )
        select {label.format("s")} as series_id, k.held_from, s.served_from
        from served s
        join kept k using (group_name)
        join earliest e using (group_name)
        left join recorded r on r.series_id = {label.format("s")}
        where s.since <= e.first_held
            and case
                when s.served_from > k.held_from
                    then r.served_from is null or abs(s.served_from - r.served_from) > {ROLLED_BY}
                else r.served_from > k.held_from  -- the history is back
            end
        order by series_id
        """,
        {"source": stamp.source},
    ).fetchall()
    seen = (answer.fetched_at, stamp.run_id)
    insert_rows(answer.con, "ops.shrinkages", [(stamp.source, *row, *seen) for row in rows])
    return tuple(Shrinkage(*row) for row in rows if row[2] > row[1])


def record_gaps(answer: Answer, stamp: Stamp) -> None:
    """Record each session between the first snapshot and the newest one that has none, once."""
    table, con = answer.table, answer.con
    if not table.is_snapshot:
        return
    recorded = set(
        con.execute("select group_name, session_date from ops.snapshot_gaps where table_id = ?", [table.id]).fetchall()
    )
    days_held = f"select {table.group_sql}, list(distinct {table.period}) from {table.id} group by all"
    gaps = [
        (stamp.source, table.id, group, day, stamp.now, stamp.run_id, None)
        for group, days in con.execute(days_held).fetchall()
        if days  # none yet
        for day in working_days("nyse", min(days), max(days))
        if day not in days and (group, day) not in recorded
    ]
    insert_rows(con, "ops.snapshot_gaps", sorted(gaps))


def record_refused(con: duckdb.DuckDBPyConnection, keyed: Keyed, refused: pl.DataFrame, stamp: Stamp) -> int:
    """Append refusals not recorded before and return how many: the same row and reason is recorded once."""
    if refused.is_empty():
        return 0
    with shown(con, "landing_refused", refused):
        counted = con.execute(
            f"""
            insert into quarantine.refused_rows by name
            with told as (
                select {keyed.group("r")} as group_name, {keyed.period} as period_date,
                    {keyed.row_json("r")} as row_json, {keyed.attributes_json("r")} as attributes_json,
                    reason, payload_sha256, fetched_at
                from landing_refused r
            )
            select distinct on (t.row_json, t.reason) $source as source, $table_id as table_id, t.*,
                $now::timestamp as quarantined_at, $run_id as run_id
            from told t
            anti join quarantine.refused_rows q
                on q.source = $source and q.table_id = $table_id and q.row_json = t.row_json and q.reason = t.reason
            order by t.row_json, t.reason, t.fetched_at, t.payload_sha256
            """,
            {"source": stamp.source, "table_id": keyed.table.id, "now": stamp.now, "run_id": stamp.run_id},
        ).fetchone()
    return int(counted[0]) if counted else 0
