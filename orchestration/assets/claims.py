"""The claims ledger, after the regimes: every claim tested on the marts of this run. Rules: analytics/claims."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from analytics.claims.tables import CHECKS, CLAIM_TABLES, DRAW, DRAW_TEXT, RESULTS
from orchestration import audit
from orchestration.assets.described import OWNERS, schema_of
from orchestration.assets.marts import marts_assets
from orchestration.assets.regimes import ALWAYS_KEYS, check_result
from orchestration.assets.table_facts import table_facts
from orchestration.session import Session

CLAIM_KEYS = [AssetKey(["claims", table.name]) for table in CLAIM_TABLES]


@multi_asset(
    name="claims",
    specs=[
        AssetSpec(
            AssetKey(["claims", table.name]),
            group_name="claims",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            metadata={"dagster/column_schema": schema_of(table.columns)},
            description=table.comment,
            deps=[*(key for key in marts_assets.keys if key.path[0] == "marts"), *ALWAYS_KEYS],
        )
        for table in CLAIM_TABLES
    ],
    check_specs=[
        AssetCheckSpec(DRAW, asset=AssetKey(["claims", RESULTS.name]), description=DRAW_TEXT),
        *(
            AssetCheckSpec(name, asset=AssetKey(["claims", table.name]), description=rule.comment)
            for name, (table, rule) in CHECKS.items()
        ),
    ],
    required_resource_keys={"session"},
)
def claims(context: AssetExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Register new definitions, test what has changed, check the tables; AuditFailed when a check of error fails."""
    from analytics.claims.definition import register
    from analytics.claims.kept import keep
    from analytics.claims.tables import build_tables, check_tables
    from ingest.clock import naive_utc

    session: Session = context.resources.session
    with session.step():
        session.progress("testing claims", 0, None)
        now = naive_utc(session.settings.clock())
        try:
            tested = build_tables(
                session.con,
                register(session.home.claims),
                now=now,
                run_id=session.run_id,
                test_all="a full build was asked for" if session.settings.full_build else None,
                second=session.second,
            )
        finally:
            session.end_second()
        checks = [tested.draw, *check_tables(session.con)]
        session.keep_checks(checks)
        facts = table_facts(session, "claims")
        counts = {"claims_tested": len(tested.marks) - len(tested.left), "claims_left": len(tested.left)}
    for key in CLAIM_KEYS:
        yield MaterializeResult(asset_key=key, metadata={**counts, **facts.get(".".join(key.path), {})})
    for check in checks:
        yield check_result(check)
    with session.step():
        audit.require_passed(checks)
        keep(session.con, tested.marks, now=now, run_id=session.run_id)
