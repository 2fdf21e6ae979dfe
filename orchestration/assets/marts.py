"""Everything between the raw tables and the release: dbt's models, with dbt's tests as checks on what they guard."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext
from dagster_dbt import dbt_assets

from analytics.regimes.as_of import regime_relations
from orchestration import audit, dbt_bridge
from orchestration.assets.described import Described
from orchestration.assets.table_facts import with_facts
from orchestration.dbt_state import keep_under
from orchestration.session import Session
from warehouse.as_of_text import keep_compiled


@dbt_assets(
    manifest=dbt_bridge.ensure_manifest(),
    dagster_dbt_translator=Described(),
    name="dbt_build",  # an op must not be called as a job is
    required_resource_keys={"session"},
)
@with_facts("marts", "meta", "intermediate", "seeds")
def marts_assets(context: AssetExecutionContext) -> Iterator[Any]:
    """Build and test every model; AuditFailed when a model or an error-level test failed."""
    session: Session = context.resources.session
    with session.step():
        audit.require_answers(list(session.outcomes.values()))
        session.let_go()
        keep_under(session.home.dbt)
        results = yield from dbt_bridge.build(
            context,
            warehouse=session.home.warehouse,
            variables=session.variables,
            on_progress=session.progress,
        )
        keep_compiled(session.con, [one.compiled for one in results if one.compiled] + [*regime_relations()])
        session.keep_checks([result.as_check() for result in results if result.kind == "test"])
        audit.require_sound(results)
        session.built(whole=not context.is_subset)
