"""Everything between the raw tables and the release: dbt's models, with dbt's tests as checks on what they guard."""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import AssetExecutionContext
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from analytics.regimes.as_of import regime_relations
from orchestration import audit, dbt_bridge
from orchestration.dbt_state import keep_under
from orchestration.session import Session
from warehouse.as_of_text import keep_compiled


class BySchema(DagsterDbtTranslator):
    """Groups models by the schema they live in. Keys are dbt's own: schema and name."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return staging, intermediate, marts or meta."""
        return str(dbt_resource_props["schema"])


@dbt_assets(
    manifest=dbt_bridge.ensure_manifest(),
    dagster_dbt_translator=BySchema(),
    name="dbt_build",  # an op must not be called as a job is
    required_resource_keys={"session"},
)
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
