"""What a run does for breadth in a lake: where it is computed, and the daily check that it is what is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.batch import CheckResult

if TYPE_CHECKING:
    from analytics.engines.on_lake import LakeRun
    from orchestration.session import Session

CHECK: Final = "a_bucket_of_the_lake_equals_one_computed_here"


def lake_run(session: Session, what: str) -> LakeRun | None:
    """Return the lake whose engine does `what`, None without a lake."""
    if session.lake is None:
        return None
    from analytics.engines.on_lake import LakeRun

    return LakeRun(session.lake, session.run_id, lambda done, of: session.progress(what, done, of))


def check_drawn_bucket(session: Session) -> CheckResult:
    """Compute one bucket here and compare it, drawn by the date, so that everybody can repeat it."""
    from analytics.breadth.lake_verify import buckets_in_lake, verified
    from orchestration.drawn import drawn

    buckets = buckets_in_lake(session.con)
    if not buckets:
        return _result("the lake has no features yet", is_passed=True)
    bucket = buckets[drawn(session.now.date(), len(buckets))]
    verdict = next(verified(session.con, [bucket], wide=session.settings.wide_universe))
    return _result(f"drawn: {verdict}", is_passed=verdict.is_equal)


def _result(detail: str, *, is_passed: bool) -> CheckResult:
    failed = 0 if is_passed else 1
    return CheckResult(
        "breadth.features", CHECK, "error", is_passed, failed, detail, "reconciliation", is_blocking=True
    )
