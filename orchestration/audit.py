"""What makes a run red. Nothing else does: a source that failed with good data still held is told, not fatal.

Blocking are the error-level tests of the dbt models and the error-level checks of the regime tables: with one of them
failed, what would be published is wrong. The checks of a gate never are: what they refuse has not landed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.errors import AuditFailed, SourceUnavailable

if TYPE_CHECKING:
    import duckdb

    from ingest.batch import CheckResult
    from orchestration.dbt_bridge import NodeResult
    from orchestration.ingestion import SourceOutcome

HEADLINE_LEGS = ("fed_total_assets", "tga_wednesday", "on_rrp")
"""A first release without any of these has no headline and is not worth publishing."""


def require_answers(outcomes: Sequence[SourceOutcome]) -> None:
    """SourceUnavailable when sources were asked and none answered."""
    asked = [outcome for outcome in outcomes if outcome.landing.state != "skipped"]
    if asked and not any(outcome.has_answered for outcome in asked):
        first = asked[0].error or asked[0].landing.state
        raise SourceUnavailable("every source", f"{len(asked)} asked", f"no source answered; the first says: {first}")


def is_sound(results: Sequence[NodeResult]) -> bool:
    """Say whether every model could be built and no error-level test failed."""
    broken, failed = _unsound(results)
    return not broken and not failed


def require_sound(results: Sequence[NodeResult]) -> None:
    """AuditFailed when a model could not be built or an error-level test failed: the first, and how many more."""
    broken, failed = _unsound(results)
    if not broken and not failed:
        return
    first = (broken + failed)[0]
    what = "could not be built" if first in broken and first.kind != "test" else "failed"
    counted = f" ({first.failed_count} rows)" if first.failed_count else ""
    more = len(broken) + len(failed) - 1
    others = f"; and {more} more" if more else ""
    message = f": {first.message}" if first.message else ""
    raise AuditFailed(f"audit failed: {first.asset}: {first.name} {what}{counted}{message}{others}")


def _unsound(results: Sequence[NodeResult]) -> tuple[list[NodeResult], list[NodeResult]]:
    """Return what could not be built or tested, and the error-level tests that failed."""
    broken = [result for result in results if result.status == "error"]
    return broken, [result for result in results if result.status == "fail" and result.severity == "error"]


def require_passed(checks: Sequence[CheckResult]) -> None:
    """AuditFailed when a blocking check failed: the first, and how many more."""
    failed = [check for check in checks if not check.passed and check.is_blocking]
    if failed:
        others = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise AuditFailed(f"audit failed: {failed[0].asset}: {failed[0].name} failed: {failed[0].detail}{others}")


def require_headline(con: duckdb.DuckDBPyConnection) -> None:
    """AuditFailed when a leg of net liquidity has no value at all: there is nothing to publish yet."""
    held = {
        row[0]
        for row in con.execute("select distinct series_id from marts.observations where value is not null").fetchall()
    }
    missing = [series_id for series_id in HEADLINE_LEGS if series_id not in held]
    if missing:
        raise AuditFailed(f"audit failed: nothing to publish: no value of {', '.join(missing)} from any provider")
