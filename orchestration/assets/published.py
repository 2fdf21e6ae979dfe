"""The last two steps: the release that analysts open, and the page that shows it."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    asset,
)
from dagster_dbt.asset_utils import get_manifest_and_translator_from_dbt_assets

from analytics.claims.as_of import STATEMENTS
from analytics.claims.tables import CLAIM_TABLES
from analytics.regimes.tables import REGIME_TABLES
from ingest.errors import AuditFailed
from orchestration import audit, dbt_meta, drawn
from orchestration.assets.claims import CLAIM_KEYS
from orchestration.assets.described import OWNERS
from orchestration.assets.marts import marts_assets
from orchestration.assets.regimes import ALWAYS_KEYS
from orchestration.assets.table_facts import origin_of
from orchestration.session import Session
from orchestration.version import code_version
from warehouse.published_table import RELEASED

# Read when the assets are: what a mart says wrongly is found before a run, not at its end.
PRESENTATION = dbt_meta.presentation(get_manifest_and_translator_from_dbt_assets([marts_assets])[0]).with_keys(
    {table.name: table.key for table in REGIME_TABLES}
    | {f"{table.schema}.{table.name}": table.key for table in CLAIM_TABLES}
)

KEY = AssetKey(["published", "tidegauge"])


@asset(
    key=KEY,
    group_name="release",
    kinds={"duckdb"},
    owners=OWNERS,
    deps=[key for key in (*marts_assets.keys, *ALWAYS_KEYS, *CLAIM_KEYS) if key.path[0] in RELEASED],
    check_specs=[AssetCheckSpec(drawn.CHECK, asset=KEY, description=drawn.DESCRIPTION)],
    required_resource_keys={"session"},
)
def published(context: AssetExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Audit the build and put it in place as one file by one rename; without a new row the old release stays."""
    from warehouse.losses import losses, require_no_loss
    from warehouse.publish import publish, require_no_shorter

    session: Session = context.resources.session
    with session.step():
        if not session.is_built:
            raise AuditFailed("audit failed: nothing was built whole in this run. Run the job `marts` or `daily`.")
        assert session.plan is not None  # the build made it
        check = drawn.check_drawn(session.con, session.plan, session.now.date())
        session.keep_checks([check])
    yield AssetCheckResult(
        passed=check.passed,
        check_name=drawn.CHECK,
        asset_key=KEY,
        metadata={"detail": check.detail},
    )
    with session.step():
        audit.require_passed([check])
        if session.ahead is not None:
            session.ahead.finish()
        if not session.home.published.exists():
            audit.require_headline(session.con)
        elif not session.settings.accept_loss:
            require_no_shorter(session.home, session.con)
            require_no_loss(session.losses.result() if session.losses else losses(session.con, session.home))
        release = session.release = publish(
            session.home,
            run_id=session.run_id,
            now=session.settings.clock(),
            evaluated_at=session.evaluated_at,
            origin=session.settings.origin,
            code_version=code_version(),
            keep=session.settings.keep_releases,
            presentation=PRESENTATION,
            macros=STATEMENTS,
            lake=session.lake,
            ahead=session.ahead,
            con=session.con,
        )
    yield MaterializeResult(
        metadata={
            "state": release.state,
            "build_id": release.build_id,
            "path": MetadataValue.path(str(release.path)),
            "bytes": release.path.stat().st_size,
            "seconds": round(release.seconds, 2),
            **origin_of(session),
        }
    )


@asset(
    key=AssetKey(["report", "index"]),
    group_name="release",
    kinds={"html"},
    owners=OWNERS,
    deps=[published],
    required_resource_keys={"session"},
)
def report(context: AssetExecutionContext) -> MaterializeResult[None]:
    """Write report/index.html, the morning page, from the published file. It asks nothing of the network."""
    from serving.report.page import write_report

    session: Session = context.resources.session
    with session.step():
        path = write_report(session.home)
    found: dict[str, Any] = {"path": MetadataValue.path(str(path)), "bytes": path.stat().st_size}
    return MaterializeResult(metadata={**found, **origin_of(session)})
