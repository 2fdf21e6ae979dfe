"""Regimes, after dbt: the ledger's new rows, the tables made from it, and their checks. Rules: analytics/regimes."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from analytics.regimes.daily import REGIME_DAILY
from analytics.regimes.tables import CHECKED_TABLES, CHECKS, REGIME_TABLES
from analytics.watchlists.tables import READS as WATCHED
from ingest.batch import CheckResult
from orchestration import audit
from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.marts import marts_assets
from orchestration.assets.regime_plot import regime_facts
from orchestration.assets.table_facts import table_facts
from orchestration.named_check import NamedCheckResult
from orchestration.session import Session
from orchestration.version import code_version
from warehouse.lived import LEDGER
from warehouse.own_tables import own_table

LEDGER_KEY = AssetKey(["regime", "days"])
_READS = {
    "breadth_daily",
    "etf_category_flows_daily",
    "etf_flows_weekly",
    "market_daily",
    "observations",
    "prices_daily",
}


def _key(table: str) -> AssetKey:
    return AssetKey(["marts", table])


ALWAYS_KEYS = [_key(table.name) for table in CHECKED_TABLES]
"""Dagster skips what depends on a skipped asset, and the truth exists for simulated markets only."""


@multi_asset(
    name="regimes",
    specs=[
        AssetSpec(
            LEDGER_KEY,
            group_name="analytics",
            kinds={"python", "duckdb"},
            owners=OWNERS,
            metadata={COLUMN_SCHEMA: schema_of(own_table(LEDGER).columns)},
            description="Regime rows as they were computed first: added when their cut-off has passed, never changed.",
            deps=[key for key in marts_assets.keys if key.path[-1] in _READS | WATCHED | {"int_observations"}],
        ),
        *(
            AssetSpec(
                _key(table.name),
                group_name="marts_regimes",
                kinds={"polars", "duckdb"},
                owners=OWNERS,
                metadata={COLUMN_SCHEMA: schema_of(table.columns)},
                description=table.comment,
                deps=[LEDGER_KEY],
                skippable=table not in CHECKED_TABLES,
            )
            for table in REGIME_TABLES
        ),
    ],
    check_specs=[
        AssetCheckSpec(name, asset=_key(table.name), description=rule.comment) for name, (table, rule) in CHECKS.items()
    ],
    required_resource_keys={"session"},
)
def regimes(context: AssetExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Add the rows whose cut-off has passed, derive what follows from them; AuditFailed when a check of error fails."""
    from analytics.claims.figuring import prepare
    from analytics.regimes.ledger import update_ledger
    from analytics.regimes.tables import build_tables, check_tables
    from ingest.clock import naive_utc

    session: Session = context.resources.session
    with session.step():
        session.progress("computing regimes", 0, None)
        now = naive_utc(session.settings.clock())
        update = update_ledger(session.con, now=now, run_id=session.run_id, second=session.second)
        if session.second is not None:
            prepare(session.second)  # claims are next
        tables = build_tables(session.con, truth=session.simulated_truth, second=session.second)
        checks = check_tables(session.con, update, session.home.published)
        session.keep_checks(checks)
        facts = table_facts(session, "marts", "regime")
        regime = regime_facts(session.con)
    yield MaterializeResult(
        asset_key=LEDGER_KEY,
        metadata={
            "rows_lived": update.rows_lived,
            "rows_reconstructed": update.rows_reconstructed,
            "newest_session": str(update.newest_session),
            **facts.get(LEDGER, {}),
        },
    )
    for table in tables:
        shown = facts.get(f"marts.{table.name}", {})
        yield MaterializeResult(
            asset_key=_key(table.name), metadata={**(regime if table.name == REGIME_DAILY.name else {}), **shown}
        )
    for check in checks:
        yield check_result(check)
    with session.step():
        audit.require_passed(checks)
        if session.ahead is not None and session.lake is None:  # a lake is brought up to the index at the end alone
            session.ahead.end_marts(
                session.snapshots,
                code_version=code_version(),
                origin=session.settings.origin,
                now=session.settings.clock(),
            )


def check_result(check: CheckResult) -> AssetCheckResult:
    """Return a check of a derived table as Dagster shows it."""
    return NamedCheckResult(
        asset_key=AssetKey(check.asset.split(".")),
        check_name=check.name,
        passed=check.passed,
        severity=AssetCheckSeverity.ERROR if check.severity == "error" else AssetCheckSeverity.WARN,
        metadata={"failed_count": check.failed_count or 0, "detail": check.detail},
    )
