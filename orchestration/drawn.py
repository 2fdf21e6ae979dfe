"""The daily draw: of the tables that this run left as they were, one is computed in full and compared.

Which one hangs on the date alone, so that everybody can repeat it. A table is left because nothing it rests on has
changed (orchestration.unchanged); the draw holds that against the whole select, over what it reads as it is now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from ingest.batch import CheckResult
from orchestration.unchanged import RUN_AT, Plan, relation_of
from warehouse.built import rows_that_differ

if TYPE_CHECKING:
    import duckdb

    from warehouse.built import Built

CHECK: Final = "a_table_left_as_it_was_equals_a_full_build"
DESCRIPTION: Final = "One of the tables that nothing new feeds, drawn by the date, is what a full build gives."


def check_drawn(con: duckdb.DuckDBPyConnection, plan: Plan, today: date) -> CheckResult:
    """Compare the drawn table with its select; passed where every table was built in this run."""
    tables = [(node, built) for node, built in plan.left_of("model") if node["config"].get("materialized") != "view"]
    if not tables:
        return _result(0, "every table was built in this run")
    node, built = tables[drawn(today, len(tables))]
    return _compared(con, node, built, plan.project.run_at)


def drawn(today: date, count: int) -> int:
    """Return which of `count` is drawn on a day."""
    return int(hashlib.sha256(today.isoformat().encode()).hexdigest(), 16) % count


def _compared(con: duckdb.DuckDBPyConnection, node: Mapping[str, Any], built: Built, run_at: str) -> CheckResult:
    relation = relation_of(node)
    table = ".".join(relation)
    differing = rows_that_differ(con, relation, built.compiled.replace(RUN_AT, run_at))
    if not differing:
        return _result(0, f"drawn: {table}")
    return _result(
        differing,
        f"{table}, left as it was on {built.evaluated_at}: {differing} rows differ from a full build "
        "(`tidegauge run --full-build` makes one)",
    )


def _result(differing: int, detail: str) -> CheckResult:
    return CheckResult("published.tidegauge", CHECK, "error", not differing, differing, detail, "dbt", is_blocking=True)
