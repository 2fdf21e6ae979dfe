"""R10 and R11: margin debt and the labour market, month by month."""

from __future__ import annotations

import math
from datetime import date

from analytics.regimes.inputs.moment import Moment, as_input, with_value, without, worst
from analytics.regimes.knowledge import History
from analytics.regimes.types import MISSING, InputValue, LaborInputs, LeverageInputs


def leverage(at: Moment) -> LeverageInputs:
    """R10: margin debt of the newest month over that of 12 and of 3 months before."""
    history = at.replay["margin_debt"]
    newest = history.last(at.position)
    if newest is None:
        return LeverageInputs()
    stamped = as_input(newest)
    if stamped.value is None:
        return LeverageInputs(stamped, stamped)

    def over(months: int) -> InputValue:
        month = _months_before(newest.obs_date, months)
        base = history.on(month)
        if base is None or not base.value:
            return without(stamped, "warm-up" if month < (history.first_period or month) else "missing")
        return with_value(stamped, round(newest.value / base.value - 1, 9), worst(stamped, [base]))

    return LeverageInputs(over(12), over(3))


def labor(at: Moment) -> LaborInputs:
    """R11: the Sahm figure as printed, whether the three months under it exist, and the figure from two of three."""
    unemployment = at.replay["unrate"]
    printed = at.replay["sahm_realtime"].last(at.position)
    newest = unemployment.last(at.position)
    sahm = MISSING if printed is None else as_input(printed)
    if newest is None:
        return LaborInputs(sahm)
    stamped = as_input(newest)
    if stamped.value is None:
        return LaborInputs(sahm, stamped, stamped)
    # a figure that was printed before the newest rate stands on the months up to its own
    printed_month = newest.obs_date if printed is None else min(printed.obs_date, newest.obs_date)
    month = newest.obs_date
    has_three = unemployment.once(("all three", printed_month), lambda: _has_three(unemployment, printed_month))
    two_of_three = unemployment.once(("two of three", month), lambda: _two_of_three(unemployment, month))
    return LaborInputs(
        sahm,
        with_value(stamped, float(has_three)),
        without(stamped, two_of_three) if isinstance(two_of_three, str) else with_value(stamped, two_of_three),
    )


def _has_three(unemployment: History, month: date) -> bool:
    return all(not math.isnan(unemployment.value_on(_months_before(month, back))) for back in range(3))


def _two_of_three(unemployment: History, month: date) -> float | str:
    """Return the Sahm figure of `month` by the mean of the months that exist, or why there is none."""
    means = []
    for back in range(13):
        values = [unemployment.value_on(_months_before(month, back + more)) for more in range(3)]
        there = [value for value in values if not math.isnan(value)]
        if len(there) < 2:
            return "warm-up" if back else "missing"
        means.append(sum(there) / len(there))
    return round(means[0] - min(means[1:]), 2)


def _months_before(month: date, count: int) -> date:
    months = month.year * 12 + month.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)
