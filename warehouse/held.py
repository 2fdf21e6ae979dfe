"""What is held of a source, for whoever asks it for more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import duckdb
import polars as pl

from ingest.dataset import dataset
from warehouse.latest import latest_of
from warehouse.snapshots import groups_of_newest_day

ASKED_AGAIN_FOR: Final = timedelta(days=7)
"""So long a day of which rows were refused is asked for again: what is wrong for good is not asked for ever."""


def held(con: duckdb.DuckDBPyConnection, source: str) -> pl.DataFrame:
    """Return what we hold of each series of `source`: series_id, rows_count, first_period, last_period.

    Counted are periods whose newest vintage has a value.
    """
    return con.execute(
        f"""
        select series_id, count(*) as rows_count, min(period_date) as first_period, max(period_date) as last_period
        from {latest_of(f"{source}.observations")} where value is not null
        group by series_id order by series_id
        """
    ).pl()


def held_periods(con: duckdb.DuckDBPyConnection, source: str, series_ids: Sequence[str]) -> dict[str, frozenset[date]]:
    """Return every period that we hold a row of, gaps included, for each of `series_ids`."""
    rows = con.execute(
        f"""
        select series_id, list(distinct period_date) from {source}.observations
        where list_contains(?, series_id) group by series_id
        """,
        [list(series_ids)],
    ).fetchall()
    found = {series_id: frozenset(periods) for series_id, periods in rows}
    return {series_id: found.get(series_id, frozenset()) for series_id in series_ids}


def held_days(
    con: duckdb.DuckDBPyConnection, table_id: str, now: datetime, whole_when: str | None = None
) -> frozenset[date]:
    """Return every period that we hold a row of; with `whole_when` only those whose newest rows meet it.

    Without the days of which rows were refused lately and nothing has landed since: their other rows are not all of
    them. `now` is naive UTC.
    """
    period = dataset(table_id).period
    rows = f"{latest_of(table_id)} group by all having {whole_when}" if whole_when else table_id
    days = con.execute(
        f"""
        select distinct {period} from {rows}
        except
        select q.period_date from quarantine.refused_rows q
        where q.table_id = $table and q.quarantined_at > $since
            and not exists (
                select 1 from {table_id} t where t.{period} = q.period_date and t.loaded_at > q.quarantined_at
            )
        """,
        {"table": table_id, "since": now - ASKED_AGAIN_FOR},
    ).fetchall()
    return frozenset(day for (day,) in days)


def held_groups(con: duckdb.DuckDBPyConnection, table_id: str) -> dict[str, date]:
    """Return the newest period held of each group (series, ticker, fund or "")."""
    table = dataset(table_id)
    if table.is_in_daily_files:
        return groups_of_newest_day(con, table)
    return dict(
        con.execute(
            f"select {table.group_sql} as group_name, max({table.period}) from {table.id} group by all"
        ).fetchall()
    )
