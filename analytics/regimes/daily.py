"""marts.regime_daily: one row per session out of the ledger, with what must hold in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from analytics.regimes.columns import KEYS, ROW_COLUMNS
from analytics.regimes.composites import CLASSES
from analytics.regimes.declared import regime_table
from analytics.regimes.types import CORE, DIMENSIONS, PLUMBING, UNKNOWN
from warehouse.derived_table import Rule
from warehouse.lived import LEDGER, MODEL_VERSION

_CLASSES: Final = (*CLASSES, UNKNOWN)


def _sum_of(dimensions: tuple[str, ...], suffix: str) -> str:
    return " + ".join(f"{name}_{suffix}" for name in dimensions)


def _rules() -> Iterator[Rule]:
    yield Rule(
        "every_session_has_its_row",
        "No session whose cut-off has passed lacks a row, from the first one on.",
        broken=f"""
            select session_date from calendar.sessions
            where session_date >= (select min(session_date) from marts.regime_daily)
            and cutoff_at <= (select max(computed_at) from {LEDGER} where model_version = '{MODEL_VERSION}')
            and session_date not in (select session_date from marts.regime_daily)
            union all
            select session_date from {LEDGER} where model_version = '{MODEL_VERSION}'
            group by session_date, cutoff_name having count(*) > 1
        """,
    )
    yield Rule(
        "classes_are_known",
        "The headline class is one of its five, or unknown.",
        condition=f"regime_class in {_CLASSES} and regime_class_raw in {_CLASSES} and regime_class_core in {_CLASSES}",
    )
    yield Rule(
        "core_score_is_the_sum_of_its_points",
        "Core score: points of volatility, credit, rates volatility and breadth; unknown when one of them is.",
        condition=f"core_score is not distinct from ({_sum_of(CORE, 'points')})"
        f" and core_score_raw is not distinct from ({_sum_of(CORE, 'raw_points')})"
        " and (core_score is null) = (regime_class_core = 'unknown')",
    )
    known = " + ".join(f"({name}_points is not null)::integer" for name in PLUMBING)
    points = " + ".join(f"coalesce({name}_points, 0)" for name in PLUMBING)
    yield Rule(
        "plumbing_score_is_the_sum_of_its_points",
        "Plumbing score: points of funding, carry and net liquidity; one unknown counts 0, two make it unknown.",
        condition=f"plumbing_score is not distinct from case when {known} >= 2 then {points} end",
    )
    yield Rule(
        "unknown_has_a_reason",
        "A dimension is unknown exactly when it says why; then it has no points.",
        condition=" and ".join(
            f"({name}_state = 'unknown') = ({name}_reason is not null)"
            f" and not ({name}_state = 'unknown' and {name}_points is not null)"
            for name in DIMENSIONS
        ),
    )
    yield Rule(
        "quality_of_the_class_is_told",
        "A class says whether it stands on its own series or on a substitute; breadth that nobody counted has none.",
        condition="(regime_class_raw = 'unknown') = (regime_class_quality is null)"
        " and coalesce(regime_class_quality in ('own', 'proxy'), true)"
        " and not coalesce(breadth_quality = 'proxy' and regime_class_quality = 'own', false)",
    )
    yield Rule(
        "counts_add_up",
        "Five layers and four legs a side, each true, false or unknown.",
        condition=" and ".join(
            [
                "dashboard_tightening_count + dashboard_easing_count + dashboard_neither_count"
                " + dashboard_unknown_count = 5",
                *(
                    f"{side}_{window}_true_count + {side}_{window}_false_count + {side}_{window}_unknown_count = 4"
                    for side in ("panic", "optimism")
                    for window in ("1d", "5d")
                ),
            ]
        ),
    )
    yield Rule(
        "rows_have_their_close",
        "Each row has the stricter one of the close beside it.",
        condition="cutoff_at_close_at < cutoff_at and regime_class_at_close is not null",
    )


_DECLARED: Final = regime_table("regime_daily", *_rules())
_BESIDE: Final = tuple(column for column in _DECLARED.columns if column.name not in KEYS)
REGIME_DAILY: Final = replace(_DECLARED, columns=(*ROW_COLUMNS, *_BESIDE))


def regime_daily_sql() -> str:
    """Return the select of marts.regime_daily over the ledger, for this model version."""
    own = [f"d.{column.name}" for column in ROW_COLUMNS]
    beside = [_of_close(column.name) if "at_close" in column.name else f"d.{column.name}" for column in _BESIDE]
    return f"""
        select {", ".join([*own, *beside])}
        from {LEDGER} as d
        left join {LEDGER} as c
            on c.session_date = d.session_date and c.model_version = d.model_version and c.cutoff_name = 'at_close'
        where d.cutoff_name = 'next_morning' and d.model_version = '{MODEL_VERSION}'
        order by d.session_date
    """


def _of_close(name: str) -> str:
    """Return a column as known at the close: that of the row without the words, which leave a unit at the end."""
    return f"c.{name.replace('_at_close', '').replace('at_close_', '')} as {name}"
