"""Everything between the raw tables and the release: dbt's models, with dbt's tests as checks on what they guard."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from dagster import AssetExecutionContext
from dagster_dbt import dbt_assets

from analytics.regimes.as_of import regime_relations
from orchestration import audit, dbt_bridge
from orchestration.assets.described import Described
from orchestration.assets.table_facts import with_facts
from orchestration.dbt_parsed import ensure_manifest
from orchestration.dbt_state import content_key, keep_under
from orchestration.session import Session
from orchestration.unchanged import Plan, plan_build, relation_of
from warehouse.as_of_text import keep_compiled
from warehouse.built import has_failed_since
from warehouse.copied_ahead import CopiedAhead, leave_a_core
from warehouse.losses import losses


@dbt_assets(
    manifest=ensure_manifest(),
    dagster_dbt_translator=Described(),
    name="dbt_build",  # an op must not be called as a job is
    required_resource_keys={"session"},
)
@with_facts("marts", "meta", "intermediate", "seeds")
def marts_assets(context: AssetExecutionContext) -> Iterator[Any]:
    """Build and test what new rows feed, and leave the rest; AuditFailed when a model or an error-level test failed."""
    session: Session = context.resources.session
    with session.step():
        audit.require_answers(list(session.outcomes.values()))
        keep_under(session.home.dbt)
        manifest, _ = dbt_bridge.manifest_of(context)
        variables = session.variables
        plan = session.plan = plan_build(
            session.con,
            manifest,
            version=content_key(),
            run_at=variables["run_at"],
            run_id=session.run_id,
            build_all=_why_all(session, is_subset=context.is_subset),
        )
        is_whole = not context.is_subset
        is_release = is_whole and _is_news(session)
        if session.lake is not None:
            session.let_go()  # dbt attaches it itself; without a lake the file stays open, and nobody waits for a close
        elif is_release:
            _begin_release(session, plan)
        results, events = dbt_bridge.build(
            context,
            warehouse=session.home.warehouse,
            variables=variables,
            on_progress=session.progress,
            plan=plan,
            lake=session.lake,
            on_built=None if session.ahead is None else partial(_copy_built, session.ahead, plan),
        )
        session.con.execute("reset threads")  # dbt's, which has gone
        if is_release and audit.is_sound(results):
            _go_on_with_release(session, plan)
        yield from events
        keep_compiled(session.con, [one.compiled for one in results if one.compiled] + [*regime_relations()])
        session.keep_checks([result.as_check() for result in results if result.kind == "test"])
        audit.require_sound(results)
        if is_whole:
            made = {one.node_id: one.text for one in results if one.evaluated_at is None and one.is_ok}
            plan.keep(session.con, made, session.now, session.run_id)
        session.built(whole=is_whole)


def _begin_release(session: Session, plan: Plan) -> None:
    """Let the release be begun with the tables that the build leaves as they are. A build that fails ends it."""
    is_simulated = session.settings.origin == "SIMULATED"
    session.ahead = CopiedAhead(session.con, session.home, is_simulated=is_simulated)
    left = (node for node, _ in plan.left_of("model"))
    session.ahead.copy_rows(relation_of(node) for node in left if node["config"]["materialized"] == "table")


def _copy_built(ahead: CopiedAhead, plan: Plan, node_id: str) -> None:
    ahead.copy_rows([relation_of(plan.project.nodes[node_id])])


def _go_on_with_release(session: Session, plan: Plan) -> None:
    """Let the release get all that dbt built, while regimes and claims are computed."""
    if session.ahead is None:
        _begin_release(session, plan)
    assert session.ahead is not None
    leave_a_core(session.con)
    session.ahead.copy(relation_of(node) for node in plan.project.nodes.values() if node["resource_type"] == "model")
    session.losses = session.ahead.begin(lambda con, _: losses(con, session.home))


def _is_news(session: Session) -> bool:
    """Say whether something landed in this run: without it the release will most likely stay what it is."""
    landed = (outcome.landing for outcome in session.outcomes.values())
    return any(one.rows_new or one.rows_changed or one.rows_withdrawn for one in landed)


def _why_all(session: Session, *, is_subset: bool) -> str | None:
    """Return why everything is built, None where what nothing new feeds may be left."""
    if is_subset:
        return "only a part of the marts was asked for"
    if session.settings.full_build:
        return "a full build was asked for"
    if has_failed_since(session.con, session.run_id):
        return "the run before this one failed"
    return None
