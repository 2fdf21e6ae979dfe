"""The published tables of the watchlists, after the regimes: written into the build file, with the rules they meet."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Final

import duckdb

from analytics.watchlists.declared import items, watchlists
from analytics.watchlists.reading import FIRST_SESSION, daily_sql, summary_sql
from warehouse.declared_tables import DeclaredTable, declared_table
from warehouse.derived_table import DerivedTable, Rule, write

_DECLARATIONS: Final = Path(__file__).with_name("tables.yml")


def _table(name: str, *rules: Rule) -> DerivedTable:
    lists = watchlists()
    checklist = "; ".join(
        f"{one.summary.at_least} of {', '.join(one.summary.items)} warn" for one in lists.values() if one.summary.items
    )
    said = {
        "lists": "; ".join(f"{name}: {', '.join(one.items)}" for name, one in lists.items()),
        "names": ", ".join(lists),
        "checklist": checklist,
        "first": FIRST_SESSION,
    }
    table = declared_table(_DECLARATIONS, f"marts.{name}", **said)
    return DerivedTable(**{field.name: getattr(table, field.name) for field in fields(DeclaredTable)}, rules=rules)


WATCHLIST_DAILY: Final = _table(
    "watchlist_daily",
    Rule(
        "unknown_items_say_why",
        "An item is unknown with a reason, and has none where it is known.",
        condition="(state = 'unknown') = (reason is not null)",
    ),
    Rule(
        "items_are_known_by_the_cutoff",
        "No value became known after the cut-off, or is of a period after the session.",
        condition="coalesce(known_at <= cutoff_at and obs_date <= session_date, true)",
    ),
)
WATCHLIST_SUMMARY_DAILY: Final = _table(
    "watchlist_summary_daily",
    Rule(
        "counts_of_a_watchlist_add_up",
        "Items on, off and unknown are all the items of the list.",
        condition="on_count + off_count + unknown_count = items_count and off_count >= 0",
    ),
)
WATCHLIST_TABLES: Final = (WATCHLIST_DAILY, WATCHLIST_SUMMARY_DAILY)

READS: Final = frozenset(mart for _, _, item in items() for mart in item.needs) | {"market_known_daily"}
"""The marts that the items name."""


def build_watchlists(con: duckdb.DuckDBPyConnection) -> None:
    """Write both tables from the marts of the build file; marts.regime_daily must be there."""
    there: dict[str, set[str]] = {}
    for mart, column in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts'"
        " and database_name = current_database()"
    ).fetchall():
        there.setdefault(mart, set()).add(column)
    write(con, WATCHLIST_DAILY, daily_sql(there))
    write(con, WATCHLIST_SUMMARY_DAILY, summary_sql())
