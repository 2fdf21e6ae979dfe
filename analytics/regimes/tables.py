"""The published regime tables, after dbt's marts: written into the build file, and checked before anything is released.

Each table is declared where it is computed (`DerivedTable`: columns, comments, key, rules). They are not dbt models:
the ledger that they rest on is written after dbt's marts, so a dbt build of their own would follow, and its start and
26 nodes take 1.8 s of processor time in each run, four times what writing and checking take here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from analytics.regimes.daily import REGIME_DAILY, regime_daily_sql
from analytics.regimes.followed import FOLLOWED_TABLES, Deriving
from analytics.regimes.ledger import LedgerUpdate
from analytics.regimes.truth import TRUTH_TABLES
from analytics.watchlists.tables import WATCHLIST_TABLES, build_watchlists
from ingest.batch import CheckResult
from warehouse.derived_table import DerivedTable, Rule, check, count, result, write, write_frames
from warehouse.lived import MODEL_VERSION
from warehouse.sql import text

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess

REGIME_TABLES: Final[tuple[DerivedTable, ...]] = (REGIME_DAILY, *FOLLOWED_TABLES, *WATCHLIST_TABLES)
"""Every table of the schema marts that is no dbt model."""

CHECKED_TABLES: Final = tuple(table for table in REGIME_TABLES if table not in TRUTH_TABLES)
"""Those of the truth exist for simulated markets only; Dagster expects a result of every check in every run."""

NOTHING_AFTER_THE_CUTOFF: Final = "nothing_known_after_the_cutoff"
NO_ROW_HAS_CHANGED: Final = "no_published_row_has_changed"
_OF_THE_RUN: Final = (
    Rule(
        NOTHING_AFTER_THE_CUTOFF,
        "No input of a new row became known after its cut-off, or is of a later period.",
        condition="counted while the rows were computed",
    ),
    Rule(
        NO_ROW_HAS_CHANGED,
        "Rows that an earlier release published as lived say the same in this one.",
        condition="compared with the last release",
        severity="warn",
    ),
)
"""Checks of marts.regime_daily that a query of the table alone cannot make."""

CHECKS: Final = {
    **{rule.name: (REGIME_DAILY, rule) for rule in _OF_THE_RUN},
    **{rule.name: (table, rule) for table in CHECKED_TABLES for rule in table.checks},
}
"""Every check of a run by name: the table it guards, and what it says."""


def build_tables(
    con: duckdb.DuckDBPyConnection, *, truth: Path | None = None, second: SecondProcess | None = None
) -> list[DerivedTable]:
    """Write marts.regime_daily from the ledger and all that follows from it; return the tables that exist now.

    `second` works out what followed each state, if there is one, while the watchlists are written.
    """
    write(con, REGIME_DAILY, regime_daily_sql())
    deriving = Deriving(con, truth=truth, second=second)
    build_watchlists(con)
    found = deriving.finish()
    write_frames(con, found)
    for table in FOLLOWED_TABLES:
        if table not in found:
            con.execute(f"drop table if exists {table.path}")
    return [REGIME_DAILY, *found, *WATCHLIST_TABLES]


def check_tables(con: duckdb.DuckDBPyConnection, update: LedgerUpdate, published: Path) -> list[CheckResult]:
    """Check the tables against their rules, the new rows against their cut-off, old ones against the last release."""
    found = {NOTHING_AFTER_THE_CUTOFF: update.inputs_after_cutoff, NO_ROW_HAS_CHANGED: _changed(con, published)}
    results = [result(REGIME_DAILY, rule, found[rule.name]) for rule in _OF_THE_RUN]
    return results + [one for table in CHECKED_TABLES for one in check(con, table)]


def _changed(con: duckdb.DuckDBPyConnection, published: Path) -> int:
    """Return how many lived rows of the published file differ from the present ones, in the columns that both have."""
    if not published.exists():
        return 0
    con.execute(f"attach {text(str(published))} as last_release (read_only)")
    try:
        before = [
            name
            for (name,) in con.execute(
                "select column_name from duckdb_columns()"
                " where database_name = 'last_release' and schema_name = 'marts' and table_name = 'regime_daily'"
            ).fetchall()
        ]
        both = ", ".join(f'"{name}"' for name, *_ in REGIME_DAILY.columns if name in before)
        if not both:
            return 0
        return count(
            con,
            f"select {both} from last_release.marts.regime_daily"
            f" where basis = 'lived' and model_version = '{MODEL_VERSION}' except all"
            f" select {both} from marts.regime_daily",
        )
    finally:
        con.execute("detach last_release")
