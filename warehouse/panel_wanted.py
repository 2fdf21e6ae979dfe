"""What the panel desks are to ask for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

import duckdb

from ingest.catalog.funds import load_funds
from ingest.catalog.watched import load_watched
from ingest.clock import naive_utc
from ingest.connectors import asked_by
from ingest.dataset import dataset, serving
from warehouse.latest import latest_of, newest
from warehouse.wide_universe import common_stocks

FORMER_MEMBERS_FOR: Final = timedelta(days=30)
"""How long a stock that left the index is still asked for; one that we hold nothing of is asked for its history."""

UNKNOWN_FOR: Final = timedelta(days=7)
"""How long a former member that the provider does not know is left alone."""

SILENT_FOR: Final = timedelta(days=30)
"""How long one that left long ago, and whose answer could not be read, is left alone."""

_ASK_AGAIN_FROM: Final = timedelta(days=12)
"""A former member held up to so long before it left is held whole: its last days may have had no trade."""

FIRST_DAY: Final = date(2000, 1, 1)

_STAYS: Final = f"""
    stays as (from {latest_of(serving("index_members")[0].id)})
"""
"""Membership as it now stands: a vintage from before a stay ended knows of no end."""


def wanted_tickers(con: duckdb.DuckDBPyConnection, today: date, *, wide: bool = False) -> list[str]:
    """Return the symbols whose prices are wanted: members of the index, our funds, watched ones; former members once.

    A former member is wanted until its prices up to its last day are held; one that the provider does not know any
    more only once a week. What failed on its way is asked for again at once. `wide`: every listed common stock too.
    """
    first = asked_by("symbols")[0]
    asked = first.table_ids[0]
    trading = [
        fund
        for fund in load_funds()
        if (fund.active_from is None or fund.active_from <= today)
        and (fund.active_to is None or fund.active_to >= today - FORMER_MEMBERS_FOR)
    ]
    rows = con.execute(
        f"""
        with {_STAYS},
        names as (
            select ticker, max(coalesce(end_date, date '9999-12-31')) as last_date
            from stays where ticker is not null group by ticker
        ),
        -- of members it does not matter: to rank the vintages of all of them takes longer than the rest
        past as (
            from {asked} where ticker in (select ticker from names where last_date between $first and $recent)
        ),
        held as (
            select ticker, max(session_date) as newest_date from ({newest("past", dataset(asked).key_names)})
            where close_usd is not null group by ticker
        ),
        unknown as (select distinct group_name as ticker from ops.panel_lacks
            where source = $asked and seen_at > $unknown_since),
        silent as (select distinct payload as ticker from quarantine.payloads
            where source = $asked and quarantined_at > $silent_since)
        select n.ticker from names n
        left join held h using (ticker)
        left join unknown u using (ticker)
        left join silent s using (ticker)
        where n.last_date > $today
            or (u.ticker is null and n.last_date >= $recent)
            or (u.ticker is null and s.ticker is null and n.last_date >= $first
                and (h.newest_date is null or h.newest_date < n.last_date - $slack))
        """,
        {
            "recent": today - FORMER_MEMBERS_FOR,
            "first": FIRST_DAY,
            "today": today,
            "unknown_since": today - UNKNOWN_FOR,
            "silent_since": today - SILENT_FOR,
            "slack": _ASK_AGAIN_FROM.days,
            "asked": first.name,
        },
    ).fetchall()
    listed = common_stocks(con) if wide else []
    own = {fund.ticker for fund in trading} | {one.ticker for one in load_watched()}  # benchmarks are funds
    return sorted({row[0] for row in rows} | own | set(listed))


def core_tickers(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return all tickers that the index has had, our funds and watched symbols; nothing while no member is known."""
    rows = con.execute(f"with {_STAYS} select distinct ticker from stays where ticker is not null").fetchall()
    own = {fund.ticker for fund in load_funds()} | {one.ticker for one in load_watched()}
    return frozenset(row[0] for row in rows) | own if rows else frozenset()


def former_tickers(con: duckdb.DuckDBPyConnection, today: date) -> frozenset[str]:
    """Return the tickers of the index under which no member is left, our funds and watched symbols excepted."""
    rows = con.execute(
        f"""
        with {_STAYS}
        select ticker from stays where ticker is not null
        group by ticker having max(coalesce(end_date, date '9999-12-31')) <= $today
        """,
        {"today": today},
    ).fetchall()
    own = {fund.ticker for fund in load_funds()} | {one.ticker for one in load_watched()}
    return frozenset(row[0] for row in rows) - own


def lacking_tickers(con: duckdb.DuckDBPyConnection, wanted: list[str], now: datetime) -> list[str]:
    """Return members of the index and funds without the newest session that is out, or with a close in doubt."""
    first = asked_by("symbols")[0]
    rows = con.execute(
        f"""
        with {_STAYS},
        due as (
            select max(session_date) as session_date from calendar.sessions where close_at + interval 3 hour < $now
        ),
        held as (
            -- who has nothing in these weeks lacks the newest session too; all of the table would take seconds
            select ticker, max(session_date) as newest_date from {latest_of(first.table_ids[0])}
            where session_date > $now::date - 45 and close_usd is not null group by ticker
        ),
        doubted as (
            select distinct group_name as ticker from quarantine.refused_rows
            where table_id = $table and period_date > $now::date - 45
                and (reason like 'large_return_is_confirmed%' or reason like 'splits_show_in_prices%'
                    or reason like 'level_holds%')
        ),
        gone as (
            select ticker from stays
            group by ticker having max(coalesce(end_date, date '9999-12-31')) < $now::date
        )
        select w.ticker from (select unnest($wanted) as ticker) w
        anti join gone g using (ticker)
        left join held h using (ticker)
        cross join due
        where h.newest_date is null or h.newest_date < due.session_date or w.ticker in (select ticker from doubted)
        """,
        {"now": naive_utc(now), "wanted": wanted, "table": first.table_ids[0]},
    ).fetchall()
    return sorted(row[0] for row in rows)
