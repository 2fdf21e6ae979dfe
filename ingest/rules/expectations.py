"""How the gate asks Great Expectations: rules as bounds on the columns of a frame, and which of its rows fail them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from ingest.lazily import as_if_missing, load_when_used
from ingest.rules.rule import Rule

if TYPE_CHECKING:
    import pandas as pd

# Great Expectations imports these for expectations on distributions and their charts: a third of what its import takes.
load_when_used("altair", "scipy.stats")

# Which rows fail is asked of a suite that does not hold: of one that does, the question costs a third of the answer.
_COUNTS: Final = {"result_format": "BASIC"}
_COUNTS_AND_ROWS: Final = {"result_format": "COMPLETE", "return_unexpected_index_query": False}

_PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(slots=True)
class Verdict:
    """What a rule found: the positions of the failing rows in the frame that was looked at."""

    rule: Rule
    passed: bool
    failing: list[int]
    detail: dict[str, Any] = field(default_factory=dict)


def validate(measures: pl.DataFrame, rules: Sequence[Rule], name: str, pages: dict[str, str]) -> list[Verdict]:
    """Hold the columns named by the rules to their bounds; positions are row numbers of the frame.

    The page of the suite goes into `pages`. The frame may have other columns: Great Expectations never sees them.
    """
    import great_expectations as gx

    expectations = [_expectation(rule) for rule in rules]
    suite = gx.ExpectationSuite(name=name, expectations=expectations)
    wanted = dict.fromkeys(column for rule in rules for column in (rule.column, rule.other_column) if column)
    batch = _any_frame().get_batch({"dataframe": _pandas(measures.select(list(wanted)))})
    found = batch.validate(suite, result_format=_COUNTS)
    if not found.success:
        found = batch.validate(suite, result_format=_COUNTS_AND_ROWS)
    pages[name] = _page(found, name)
    by_name = {result.expectation_config.meta["check"]: result for result in found.results}
    return [_verdict(rule, by_name[rule.name]) for rule in rules]


def warm() -> None:
    """Load what `validate` needs, before there is anything to validate and before another thread imports anything.

    Without what Great Expectations would load for other engines than pandas: a quarter of what its import takes.
    """
    with as_if_missing("pyspark", "sqlalchemy"):
        import ingest.rules.kept_expectations  # noqa: F401

    _any_frame()
    _view()


def _expectation(rule: Rule) -> Any:
    from ingest.rules.kept_expectations import ExpectMeasureToBeBetween, ExpectMeasureToBeWithinAnother

    meta = {"check": rule.name}
    if rule.other_column:
        return ExpectMeasureToBeWithinAnother(
            column_A=rule.other_column,
            column_B=rule.column,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta=meta,
        )
    return ExpectMeasureToBeBetween(column=rule.column, min_value=rule.at_least, max_value=rule.at_most, meta=meta)


@cache
def _any_frame() -> Any:
    """Return the batch definition that every frame is handed to: a context costs more to make than a suite to run."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
    )
    context = gx.get_context(project_config=config, mode="ephemeral")
    asset = context.data_sources.add_pandas("ingest").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("batch")


def _page(found: Any, name: str) -> str:
    """Return Great Expectations' own page (its Data Docs) of a validation; it loads and runs nothing."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    found.meta["run_id"] = {"run_name": name, "run_time": found.meta["batch_markers"]["ge_load_time"]}
    page: str = _view().render(ValidationResultsPageRenderer().render(found))
    # Its scripts and styles lie on other people's servers, and what upstream wrote stands in it unescaped.
    return page.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{_PAGE_POLICY}">', 1)


@cache
def _view() -> Any:
    """Return what turns results into pages: it compiles its eighteen templates when they are first used."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Return the frame for GX: row numbers as index, dates as midnights (GX compares no Python dates)."""
    found: pd.DataFrame = frame.with_columns(pl.col(pl.Date).cast(pl.Datetime("us"))).to_pandas()
    return found


def _verdict(rule: Rule, result: Any) -> Verdict:
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"gate: {rule.name} could not be computed: {result.exception_info['exception_message']}")
    from ingest.rules.kept_expectations import LIBRARY_TYPES

    outcome = result.result
    config = result.expectation_config
    detail = {
        "expectation": LIBRARY_TYPES[config.type],
        "kwargs": {name: value for name, value in config.kwargs.items() if name != "batch_id"},
        "result": {
            name: outcome[name]
            for name in ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "observed_value")
            if name in outcome
        },
    }
    failing = [int(position) for position in outcome.get("unexpected_index_list") or ()]
    return Verdict(rule, bool(result.success), failing, detail)
