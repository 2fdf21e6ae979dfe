"""The published regime tables: written into the build file after dbt's marts, and held to rules of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import duckdb

from analytics.regimes.composites import CLASSES
from analytics.regimes.followed import FOLLOWED_TABLES, derive
from analytics.regimes.forward_returns import HORIZONS
from analytics.regimes.ledger import REGIME_DAILY, TABLE, LedgerUpdate, regime_daily_sql
from analytics.regimes.types import CORE, DIMENSIONS, MODEL_VERSION, PLUMBING, UNKNOWN
from ingest.batch import CheckResult
from warehouse.published_table import PublishedTable
from warehouse.records import shown

REGIME_TABLES: Final[tuple[PublishedTable, ...]] = (REGIME_DAILY, *FOLLOWED_TABLES)
"""Every table of the schema marts that is no dbt model."""


def build_tables(con: duckdb.DuckDBPyConnection, *, truth: Path | None = None) -> list[PublishedTable]:
    """Write marts.regime_daily from the ledger and all that follows from it; return the tables that are there now."""
    _write(con, REGIME_DAILY, regime_daily_sql())
    found = derive(con, truth=truth)
    for table, frame in found.items():
        with shown(con, "regime_table", frame):
            _write(con, table, "select * from regime_table")
    for table in FOLLOWED_TABLES:
        if table not in found:
            con.execute(f"drop table if exists {table.path}")
    return [REGIME_DAILY, *found]


def _write(con: duckdb.DuckDBPyConnection, table: PublishedTable, select: str) -> None:
    """Replace the rows of `table`; its columns and comments only where they differ: each costs a statement."""
    if _is_as_told(con, table):
        con.execute(f"delete from {table.path}")
    else:
        columns = ", ".join(f'"{name}" {kind}' for name, kind, _ in table.columns)
        con.execute(f"create schema if not exists {table.schema}")
        con.execute(f"create or replace table {table.path} ({columns})")
        con.execute(f"comment on table {table.path} is {_text(table.comment or '')}")
        for name, _, comment in table.columns:
            con.execute(f'comment on column {table.path}."{name}" is {_text(comment or "")}')
    con.execute(f"insert into {table.path} by name {select}")


def _is_as_told(con: duckdb.DuckDBPyConnection, table: PublishedTable) -> bool:
    there = con.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?"
        " and database_name = current_database()",
        [table.schema, table.name],
    ).fetchone()
    columns = con.execute(
        "select column_name, lower(data_type), comment from duckdb_columns() where schema_name = ? and table_name = ?"
        " and database_name = current_database() order by column_index",
        [table.schema, table.name],
    ).fetchall()
    return there == (table.comment,) and tuple(columns) == table.columns


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# -- what must hold ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that must not be there: a select of them, or a condition that each row of `table` must meet."""

    name: str
    table: str
    comment: str
    severity: Literal["error", "warn"] = "error"
    condition: str | None = None
    broken: str | None = None

    @property
    def query(self) -> str:
        """Return the select of the rows that break the rule."""
        if self.broken is not None:
            return self.broken
        return f"select * from marts.{self.table} where ({self.condition}) is not true"


_KEYS: Final = {
    "regime_daily": "session_date",
    "regime_episodes": "dimension, episode_number",
    "forward_returns_daily": "session_date",
    "regime_outcomes": "dimension, state, horizon_sessions_count, return_kind",
    "regime_falsification": "condition, basis",
}
_CLASSES: Final = (*CLASSES, UNKNOWN)


def _sum_of(dimensions: tuple[str, ...], suffix: str) -> str:
    return " + ".join(f"{name}_{suffix}" for name in dimensions)


def _rules() -> Iterator[Rule]:
    for table, key in _KEYS.items():
        yield Rule(
            f"{table}_key_is_unique",
            table,
            f"One row per {key}.",
            broken=f"select {key} from marts.{table} group by {key} having count(*) > 1",
        )
    yield Rule(
        "every_session_has_its_row",
        "regime_daily",
        "No session whose cut-off has passed lacks a row, from the first one on.",
        broken=f"""
            select session_date from calendar.sessions
            where session_date >= (select min(session_date) from marts.regime_daily)
            and cutoff_at <= (select max(computed_at) from {TABLE} where model_version = '{MODEL_VERSION}')
            and session_date not in (select session_date from marts.regime_daily)
            union all
            select session_date from {TABLE} where model_version = '{MODEL_VERSION}'
            group by session_date, cutoff_name having count(*) > 1
        """,
    )
    yield Rule(
        "classes_are_known",
        "regime_daily",
        "The headline class is one of its five, or unknown.",
        condition=f"regime_class in {_CLASSES} and regime_class_raw in {_CLASSES} and regime_class_core in {_CLASSES}",
    )
    yield Rule(
        "core_score_is_the_sum_of_its_points",
        "regime_daily",
        "Core score: points of volatility, credit, rates volatility and breadth; unknown when one of them is.",
        condition=f"core_score is not distinct from ({_sum_of(CORE, 'points')})"
        f" and core_score_raw is not distinct from ({_sum_of(CORE, 'raw_points')})"
        " and (core_score is null) = (regime_class_core = 'unknown')",
    )
    known = " + ".join(f"({name}_points is not null)::integer" for name in PLUMBING)
    points = " + ".join(f"coalesce({name}_points, 0)" for name in PLUMBING)
    yield Rule(
        "plumbing_score_is_the_sum_of_its_points",
        "regime_daily",
        "Plumbing score: points of funding, carry and net liquidity; one unknown counts 0, two make it unknown.",
        condition=f"plumbing_score is not distinct from case when {known} >= 2 then {points} end",
    )
    yield Rule(
        "unknown_has_a_reason",
        "regime_daily",
        "A dimension is unknown exactly when it says why; then it has no points.",
        condition=" and ".join(
            f"({name}_state = 'unknown') = ({name}_reason is not null)"
            f" and not ({name}_state = 'unknown' and {name}_points is not null)"
            for name in DIMENSIONS
        ),
    )
    yield Rule(
        "quality_of_the_class_is_told",
        "regime_daily",
        "A class says whether it stands on its own series or on a substitute; breadth that nobody counted has none.",
        condition="(regime_class_raw = 'unknown') = (regime_class_quality is null)"
        " and coalesce(regime_class_quality in ('own', 'proxy'), true)"
        " and not coalesce(breadth_quality = 'proxy' and regime_class_quality = 'own', false)",
    )
    yield Rule(
        "counts_add_up",
        "regime_daily",
        "Five layers and four legs a side, each true, false or unknown.",
        condition=" and ".join(
            [
                "dashboard_tightening_count + dashboard_easing_count + dashboard_neither_count"
                " + dashboard_unknown_count = 5",
                *(
                    f"{side}_{window}_true_count + {side}_{window}_false_count + {side}_{window}_unknown_count = 4"
                    for side in ("panic", "optimism")
                    for window in ("1d", "5d")
                ),
            ]
        ),
    )
    yield Rule(
        "rows_have_their_close",
        "regime_daily",
        "Each row has the stricter one of the close beside it.",
        condition="cutoff_at_close_at < cutoff_at and regime_class_at_close is not null",
    )
    yield Rule(
        "entries_come_after_the_cutoff",
        "forward_returns_daily",
        "A return begins with an open after the cut-off, on a later session.",
        condition="coalesce(entry_date > session_date, true)",
    )
    yield Rule(
        "returns_say_why_they_are_missing",
        "forward_returns_daily",
        "A return is missing exactly when it says why, and a holding that has one says at which price it began.",
        condition=" and ".join(
            [
                *(
                    f"({kind}return_{horizon}d_ratio is null) = ({kind}return_{horizon}d_reason is not null)"
                    for kind in ("", "close_", "total_")
                    for horizon in HORIZONS
                ),
                "(coalesce(return_5d_ratio, return_21d_ratio) is null or entry_basis is not null)",
            ]
        ),
    )


RULES: Final = tuple(_rules())
NOTHING_AFTER_THE_CUTOFF: Final = "nothing_known_after_the_cutoff"
NO_ROW_HAS_CHANGED: Final = "no_published_row_has_changed"
CHECKS: Final = {
    NOTHING_AFTER_THE_CUTOFF: "No input of a new row became known after its cut-off, or is of a later period.",
    NO_ROW_HAS_CHANGED: "Rows that an earlier release published as lived say the same in this one.",
    **{rule.name: rule.comment for rule in RULES},
}
"""Every check with what it means; those without a rule of their own guard marts.regime_daily."""


def table_of(check: str) -> str:
    """Return the table that a check guards."""
    return next((rule.table for rule in RULES if rule.name == check), REGIME_DAILY.name)


def check_tables(con: duckdb.DuckDBPyConnection, update: LedgerUpdate, published: Path) -> list[CheckResult]:
    """Hold the tables to RULES, the new rows to their cut-off, and the old ones to the last release."""
    results = [_result(NOTHING_AFTER_THE_CUTOFF, "error", update.inputs_after_cutoff)]
    results.append(_result(NO_ROW_HAS_CHANGED, "warn", _changed(con, published)))
    results += [_result(rule.name, rule.severity, _count(con, rule.query), rule.table) for rule in RULES]
    return results


def _result(name: str, severity: Literal["error", "warn"], failed: int, table: str = REGIME_DAILY.name) -> CheckResult:
    detail = "" if not failed else f"{failed} rows: {CHECKS[name]}"
    return CheckResult(f"marts.{table}", name, severity, not failed, failed, detail, "regimes", severity == "error")


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    found = con.execute(f"select count(*) from ({query})").fetchone()
    assert found is not None
    return int(found[0])


def _changed(con: duckdb.DuckDBPyConnection, published: Path) -> int:
    """Return how many lived rows of the published file differ from the present ones, in the columns that both have."""
    if not published.exists():
        return 0
    con.execute(f"attach {_text(str(published))} as last_release (read_only)")
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
        return _count(
            con,
            f"select {both} from last_release.marts.regime_daily"
            f" where basis = 'lived' and model_version = '{MODEL_VERSION}' except all"
            f" select {both} from marts.regime_daily",
        )
    finally:
        con.execute("detach last_release")
