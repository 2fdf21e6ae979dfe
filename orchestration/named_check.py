"""A check's result whose name is not looked for among all names of the step.

Dagster makes the set of all check keys of a step anew for each result that it is given. The publishers' step has eight
hundred of them: 4 % of the time up to the build went into finding out what each result says of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import AssetCheckEvaluation, AssetCheckKey, AssetCheckResult

if TYPE_CHECKING:
    from dagster._core.execution.context.system import StepExecutionContext


class NamedCheckResult(AssetCheckResult):
    """A result that names its asset and its check. Dagster finds its output by the two, and says so where none is."""

    def to_asset_check_evaluation(self, step_context: StepExecutionContext) -> AssetCheckEvaluation:
        """Return what the event log keeps. Nothing of ours is partitioned."""
        asset = step_context.job_def.asset_layer.get_assets_def_for_node(step_context.node_handle)
        assert asset is not None
        assert self.asset_key is not None
        assert self.check_name is not None
        key = AssetCheckKey(self.asset_key, self.check_name)
        return AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=self.passed,
            metadata=self.metadata,
            target_materialization_data=self._get_target_materialization_data(step_context, key),
            severity=self.severity,
            description=self.description,
            blocking=asset.get_spec_for_check_key(key).blocking,
        )
