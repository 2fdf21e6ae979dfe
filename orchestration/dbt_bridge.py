"""dbt in this process, its results handed to Dagster. The only module that knows both.

A subprocess (DbtCliResource) costs nine seconds a run more. The build takes the project as orchestration.dbt_parsed
has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from ingest.batch import CheckResult
from ingest.errors import AuditFailed
from ingest.second_process import usable_cores
from orchestration.dbt_parsed import first_line, invoke, parsed_project, variable, warehouse_named
from orchestration.dbt_state import state
from warehouse.as_of_text import Compiled

if TYPE_CHECKING:
    from dagster import AssetExecutionContext
    from dagster_dbt import DagsterDbtTranslator
    from dbt.artifacts.schemas.run import RunExecutionResult

    from orchestration.unchanged import Plan
    from warehouse.lake.setting import Lake

TARGET_VARIABLE = "TIDEGAUGE_DBT_TARGET"
QUERY_THREADS_VARIABLE = "TIDEGAUGE_QUERY_THREADS"

_LEFT = "left_as_it_was"  # a tag: dbt holds each name against each node, which takes a second for those of a day
_ALL_BUT_LEFT = ("--exclude", f"tag:{_LEFT}", "--indirect-selection", "empty")  # tests have the tag themselves
_STAGES: tuple[Literal["reconciliation", "freshness"], ...] = ("reconciliation", "freshness")  # tags of dbt tests


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How one model or test fared. `status` is dbt's word: success, pass, warn, fail, error, skipped."""

    name: str
    kind: str  # model, seed, snapshot, test
    status: str
    severity: Literal["error", "warn"]  # declared
    stage: Literal["dbt", "reconciliation", "freshness"]
    asset: str  # "marts.carry_daily": the model itself, or what the test guards
    failed_count: int | None
    message: str
    compiled: Compiled | None = None  # of a model: what it ran, and the as_of that it declares
    node_id: str = ""
    text: str = ""  # what was sent to the database
    evaluated_at: datetime | None = None  # of a test whose result is repeated: when it was found

    @property
    def is_ok(self) -> bool:
        """Say whether the node did what it should."""
        return self.status in ("success", "pass", "no-op")

    def as_check(self) -> CheckResult:
        """Return a test's result as ops.checks keeps it."""
        detail = "" if self.is_ok else self.message or self.status
        is_blocking = self.severity == "error"
        return CheckResult(
            self.asset,
            self.name,
            self.severity,
            self.is_ok,
            self.failed_count,
            detail,
            self.stage,
            is_blocking,
            self.evaluated_at,
        )


def build(
    context: AssetExecutionContext,
    *,
    warehouse: Path,
    variables: Mapping[str, str],
    on_progress: Callable[[str, int, int | None], None],
    plan: Plan,
    lake: Lake | None = None,
    on_built: Callable[[str], None] | None = None,
) -> tuple[list[NodeResult], Iterator[Any]]:
    """Run `dbt build` on what `context` selects; return how the nodes fared, and Dagster's events of them.

    With `lake` dbt's connection has it. `on_built` is told the id of each model as soon as it is committed, by the
    thread that built it. Of everything, what `plan` leaves is not built: its tests are among the results
    as they were found. Failed nodes raise nothing: the results tell. AuditFailed when dbt could not even start.
    """
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

    manifest, translator = manifest_of(context)
    events: list[dict[str, Any]] = []
    results = [*_left_results(plan, manifest)]
    shown = left_events(plan, manifest, translator, context)
    if len(plan.left) < len(plan.project.nodes):
        chosen = list(_ALL_BUT_LEFT) if plan.left else _selection(context, manifest, translator)
        keep = _keep_results(events, on_progress, on_built=on_built)
        results += _results(chosen, warehouse, variables, lake, keep, left=plan.left)
    for event in events:
        message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
        name = event["data"]["node_info"]["unique_id"]
        shown[name] = message.to_default_asset_events(manifest, translator, context=context)
    return results, _in_order(shown, manifest)


def run_models(
    warehouse: Path,
    models: Collection[str] | None,
    variables: Mapping[str, str],
    on_progress: Callable[[str, int, int | None], None],
) -> None:
    """Build seeds and models in a build file, and no test: `models` and what they rest on, None for all of them.

    AuditFailed names the first model that could not be built.
    """
    chosen = [] if models is None else ["--select", *(f"+{name}" for name in sorted(models))]
    chosen += ["--exclude-resource-type", "test"]
    callback = _keep_results([], on_progress, "building the marts")
    for failed in (one for one in _results(chosen, warehouse, variables, None, callback) if not one.is_ok):
        raise AuditFailed(f"dbt could not build {failed.asset}: {failed.message or failed.status}")


def _results(
    chosen: list[str],
    warehouse: Path,
    variables: Mapping[str, str],
    lake: Lake | None,
    keep: Callable[[Any], None],
    left: Collection[str] = (),
) -> list[NodeResult]:
    """Build what is chosen and return how each node fared; AuditFailed when it could not even start.

    The nodes of `left` are given the tag by which they can be left out.
    """
    arguments = ["build", *chosen, "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"]
    arguments += ["--no-write-json", "--no-populate-cache", "--vars", json.dumps(dict(variables))]
    parsed = parsed_project()
    for name in left:
        parsed.nodes[name].tags.append(_LEFT)
    query_threads = max(1, usable_cores() // 2)
    with warehouse_named(warehouse), _with_lake(lake), variable(QUERY_THREADS_VARIABLE, str(query_threads)):
        try:
            ran = invoke(arguments, state().folder, parsed, keep)
        finally:
            _close_connections()
    if ran.result is None:
        raise AuditFailed(f"dbt could not build: {first_line(ran.exception)}") from ran.exception
    return [_node_result(result, parsed) for result in cast("RunExecutionResult", ran.result).results]


def manifest_of(context: AssetExecutionContext) -> tuple[Mapping[str, Any], DagsterDbtTranslator]:
    """Return the manifest that the assets were made from, and what names them."""
    from dagster_dbt.asset_utils import get_manifest_and_translator_from_dbt_assets

    manifest, translator, _ = get_manifest_and_translator_from_dbt_assets([context.assets_def])
    return manifest, translator


def left_events(
    plan: Plan, manifest: Mapping[str, Any], translator: DagsterDbtTranslator, context: AssetExecutionContext
) -> dict[str, Iterable[Any]]:
    """Return what Dagster shows of relations and tests that are left, by node: as they were, and since when."""
    from dagster import AssetCheckSeverity, Output
    from dagster_dbt.asset_utils import get_asset_check_key_for_test

    from orchestration.named_check import NamedCheckResult

    found: dict[str, Iterable[Any]] = {}
    for node, built in (one for kind in ("seed", "snapshot", "model") for one in plan.left_of(kind)):
        key = translator.get_asset_spec(manifest, node["unique_id"], None).key
        since = {"unchanged_since": _shown(built.evaluated_at)}
        found[node["unique_id"]] = [Output(value=None, output_name=key.to_python_identifier(), metadata=since)]
    for node, built in plan.left_of("test"):
        check = get_asset_check_key_for_test(manifest, translator, node["unique_id"], None)
        if check is not None and check in context.selected_asset_check_keys:
            found[node["unique_id"]] = [
                NamedCheckResult(
                    passed=True,
                    asset_key=check.asset_key,
                    check_name=check.name,
                    severity=AssetCheckSeverity.WARN if _severity(node) == "warn" else AssetCheckSeverity.ERROR,
                    metadata={"evaluated_at": _shown(built.evaluated_at)},
                )
            ]
    return found


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _in_order(shown: Mapping[str, Iterable[Any]], manifest: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the events of nodes, each after those of what it reads: Dagster takes them in no other order."""
    done: set[str] = set()

    def before(name: str) -> Iterator[str]:
        if name in done or name not in manifest["nodes"]:
            return
        done.add(name)
        for parent in manifest["nodes"][name]["depends_on"].get("nodes", ()):
            yield from before(parent)
        yield name

    for name in [one for first in sorted(shown) for one in before(first)]:
        yield from shown.get(name, ())


def _left_results(plan: Plan, manifest: Mapping[str, Any]) -> Iterator[NodeResult]:
    """Yield the tests that need not be made again, with what they found: they had passed."""
    for node, built in plan.left_of("test"):
        guarded = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), node["unique_id"])
        on = manifest["sources"].get(guarded) or manifest["nodes"][guarded]
        schema = on["source_name"] if on["resource_type"] == "source" else on["schema"]
        yield NodeResult(
            name=node["name"],
            kind="test",
            status="pass",
            severity=_severity(node),
            stage=_stage(node["tags"]),
            asset=f"{schema}.{on['name']}",
            failed_count=0,
            message="",
            node_id=node["unique_id"],
            evaluated_at=built.evaluated_at,
        )


def _severity(node: Mapping[str, Any]) -> Literal["error", "warn"]:
    return "warn" if str(node["config"].get("severity") or "error").lower() == "warn" else "error"


def _stage(tags: Iterable[str]) -> Literal["dbt", "reconciliation", "freshness"]:
    return next((stage for stage in _STAGES if stage in tags), "dbt")


def _selection(context: AssetExecutionContext, manifest: Mapping[str, Any], translator: Any) -> list[str]:
    """Return dbt's selection arguments for what Dagster selected; none for everything."""
    from dagster_dbt.asset_utils import get_subset_selection_for_context

    arguments, indirect = get_subset_selection_for_context(
        context=context,
        manifest=manifest,
        select=None,
        exclude=None,
        selector=None,
        dagster_dbt_translator=translator,
        current_dbt_indirect_selection_env=None,
    )
    return [*arguments, "--indirect-selection", indirect] if indirect else arguments


def _keep_results(
    events: list[dict[str, Any]],
    on_progress: Callable[[str, int, int | None], None],
    what: str = "building and testing the marts",
    on_built: Callable[[str], None] | None = None,
) -> Callable[[Any], None]:
    """Return dbt's callback: it keeps the events that Dagster shows and tells how far the build is."""
    from dbt_common.events.functions import msg_to_dict

    from orchestration.dbt_events import MODEL_RESULT, RESULTS

    def keep(event: Any) -> None:
        if event.info.name in RESULTS:
            told = msg_to_dict(event)
            events.append(told)
            node = told["data"]["node_info"]
            if on_built is not None and event.info.name == MODEL_RESULT and node["node_status"] == "success":
                on_built(node["unique_id"])
            # dbt counts in `total` for models and in `num_models` for tests
            of = getattr(event.data, "total", None) or getattr(event.data, "num_models", None)
            on_progress(what, event.data.index, of)

    return keep


def _node_result(result: Any, manifest: Any) -> NodeResult:
    node = result.node
    guarded = node.unique_id
    if node.resource_type == "test":
        guarded = getattr(node, "attached_node", None) or next(iter(node.depends_on.nodes), node.unique_id)
    return NodeResult(
        name=node.name,
        kind=str(node.resource_type),
        status=str(result.status),
        severity="warn" if str(getattr(node.config, "severity", "error")).lower() == "warn" else "error",
        stage=_stage(node.tags),
        asset=_asset_name(guarded, manifest),
        failed_count=result.failures,
        message=first_line(result.message),
        compiled=compiled(node),
        node_id=node.unique_id,
        text=getattr(node, "compiled_code", None) or "",
    )


def compiled(node: Any) -> Compiled | None:
    """Return what dbt compiled of a model; None for a test, and for a model that an earlier failure left out."""
    if node.resource_type != "model" or not node.compiled_code:
        return None
    return Compiled(node.schema, node.name, node.config.meta.get("as_of"), node.compiled_code)


def _asset_name(unique_id: str, manifest: Any) -> str:
    found = manifest.sources.get(unique_id) or manifest.nodes[unique_id]
    schema = found.source_name if found.resource_type == "source" else found.schema
    return f"{schema}.{found.name}"


def _close_connections() -> None:
    """Close dbt's connection, which it keeps for the life of the process: the build file stayed locked otherwise."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@contextmanager
def _with_lake(lake: Lake | None) -> Iterator[None]:
    """Have dbt attach the lake: by another target, which what was parsed does not depend on."""
    if lake is None:
        yield
        return
    from orchestration.dbt_lake import TARGET, using

    with using(lake), variable(TARGET_VARIABLE, TARGET):
        yield
