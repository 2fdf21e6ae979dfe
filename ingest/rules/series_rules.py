"""The rules of series: what their catalog entries say of units, ranges, steps, calendars and releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from ingest.rules.arrived import Arrived
from ingest.rules.common_rules import Builder, Part
from ingest.rules.findings import Findings
from ingest.rules.rule import GroupRules, Rule, Search
from ingest.rules.series_levels import look_for_spikes
from ingest.rules.series_table import SESSIONS_LOOKED_AT, series_table
from ingest.rules.spikes import SPIKE_CHECK

UNIT_CHECK: Final = "magnitude_fits_the_unit"
LOST_ROWS_RATIO: Final = 0.25  # an answer that lost more of its rows than this is reported
UNIT_CHANGE_ROWS: Final = 3  # so few rows of a payload say nothing about its unit


def _out_of_range(row: Mapping[str, Any], _arrived: Arrived) -> str:
    printed = "" if row["factor"] == 1 else f" (published {row['value']} {row['unit']})"
    return f"value {round(row['value'] * row['factor'], 9)} outside {row['plausible']}{printed}"


_UNITS: Final = (
    Rule(
        "value_is_a_number",
        "error",
        "values that are no numbers",
        "Values come as numbers or gaps.",
        measure=lambda arrived: pl.lit(int(arrived.rows.schema["value"] != pl.Float64), dtype=pl.Int64),
        at_most=0,
        effect="hold_back",
    ),
    Rule(
        "unit_is_known",
        "error",
        "rows in a unit that the catalog cannot convert",
        "The catalog can convert every unit that came.",
        measure=lambda arrived: arrived.limits["factor"].is_null().cast(pl.Int64),
        at_most=0,
        effect="hold_back",
    ),
)
_RANGE: Final = (
    Rule(
        "value_not_above_bounds",
        "warn",
        "values above the plausible range, refused",
        "Values are within the catalog's plausible range.",
        measure=lambda arrived: arrived.limits["value"],
        other=lambda arrived: arrived.limits["upper"],
        effect="refuse",
        hides=True,
        reason=_out_of_range,
    ),
    Rule(
        "value_not_below_bounds",
        "warn",
        "values below the plausible range, refused",
        "Values are within the catalog's plausible range.",
        measure=lambda arrived: arrived.limits["lower"],
        other=lambda arrived: arrived.limits["value"],
        effect="refuse",
        hides=True,
        reason=_out_of_range,
    ),
    Rule(
        "step_is_plausible",
        "warn",
        "steps larger than ever seen",
        "Steps are not larger than the catalog's largest.",
        measure=lambda arrived: arrived.limits["step"],
        other=lambda arrived: arrived.limits["max_step"],
    ),
)
_UNIT: Final = Rule(
    UNIT_CHECK,
    "error",
    "series of which most values lie outside their range",
    "No series moved by a power of ten, as one does when its unit changes unannounced.",
)
_SPIKE: Final = Rule(
    SPIKE_CHECK,
    "warn",
    "values that leave their level and that no second provider shows",
    "A rate or index that leaves its level and comes back is shown by a second provider.",
)
_SERIES: Final = (
    Rule(
        "sessions_are_complete",
        "warn",
        f"series without a row for each of the last {SESSIONS_LOOKED_AT} NYSE sessions",
        f"No series of an exchange misses one of the last {SESSIONS_LOOKED_AT} NYSE sessions.",
        column="missing_sessions",
        at_most=0,
    ),
    Rule(
        "answer_did_not_shrink",
        "warn",
        "series with fewer rows than the last capture over the same days",
        "The answer has about as many rows as are held of the same days.",
        column="kept_ratio",
        at_least=1 - LOST_ROWS_RATIO,
    ),
    Rule(
        "newest_period_does_not_go_back",
        "error",
        "series whose answer ends before what we hold, refused",
        "The answer does not end before what we hold.",
        column="ends_before_days",
        at_most=0,
        effect="refuse",
        reason=lambda row, _: f"stale answer: newest period {row['came_last']}, we hold {row['last_period']}",
    ),
    Rule(
        "upstream_is_not_frozen",
        "error",
        "series further behind their release calendar than their stale limit",
        "The answer keeps up with the release calendar.",
        column="behind_days",
        other_column="stale_limit_days",
        stage="freshness",
    ),
)


def _changed_units(arrived: Arrived, found: Findings) -> None:
    """Refuse series whole where more than half of a payload's values are out of range.

    Single misprints do not do that; a series printed in thousands instead of millions does. Then no value of the
    series can be trusted, also those that happen to fall inside.
    """
    value = pl.col("value")
    changed = (
        arrived.limits.filter(value.is_not_null())
        .group_by("series_id", "payload_sha256", maintain_order=True)
        .agg(
            pl.len().alias("values"),
            ((value > pl.col("upper")) | (value < pl.col("lower"))).sum().alias("out"),
            pl.col("unit").first(),
        )
        .filter((pl.col("values") >= UNIT_CHANGE_ROWS) & (pl.col("out") * 2 > pl.col("values")))
        .unique("series_id", keep="first", maintain_order=True)
    )
    for series_id, _, values, out, unit in changed.iter_rows():
        why = (
            f"{series_id}: {out} of {values} values outside the plausible range: the unit is probably no longer {unit}"
        )
        found.hold(arrived.dataset, UNIT_CHECK, series_id, why)


def _example(row: Mapping[str, Any]) -> str:
    facts = [f"newest {row['came_last']}"]
    if row["last_period"] is not None:
        facts.append(f"we hold {row['last_period']}")
    if row["behind_days"]:
        facts.append(f"{row['behind_days']} days behind, limit {row['stale_limit_days']}")
    if row["missing_sessions"]:
        facts.append(f"{row['missing_sessions']} sessions missing")
    if row["kept_ratio"] is not None and row["kept_ratio"] < 1 - LOST_ROWS_RATIO:
        facts.append(f"{row['kept_ratio']:.0%} of the rows")
    return f"{row['series_id']} ({', '.join(facts)})"


def _plain(*parts: Part) -> Builder:
    return lambda _: parts


NAMED: Final[Mapping[str, Builder]] = {
    "units_of_the_catalog": _plain(*_UNITS, Search(_changed_units, (_UNIT,), {})),
    "ranges_of_the_catalog": _plain(*_RANGE),
    "releases_of_the_catalog": _plain(GroupRules("series", series_table, _SERIES, _example)),
    SPIKE_CHECK: _plain(Search(look_for_spikes, (_SPIKE,), {"others": "observations"})),
}
"""By the name in `expect`."""
