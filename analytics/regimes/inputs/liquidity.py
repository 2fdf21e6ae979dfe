"""R1 and R2: net liquidity with its changes, and what overnight money costs over the rate on reserves."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Final

from analytics.features.declared import feature
from analytics.features.operations import Difference, ReturnOverWeeks
from analytics.regimes.inputs.moment import Moment, derived, with_value, without, worst
from analytics.regimes.knowledge import History, Known
from analytics.regimes.types import MISSING, FundingDay, FundingInputs, InputValue, NetLiquidityInputs

RRP_DAYS: Final = 3
"""A Wednesday without an operation takes the last one at most so old (as net_liquidity_weekly does)."""
FUNDING_DAYS: Final = 12
FIRST_RRP: Final = date(2013, 9, 23)
IORB_FROM: Final = date(2021, 7, 29)


def net_liquidity(at: Moment) -> NetLiquidityInputs:
    """R1: the newest Wednesday whose legs are all known (LIQ-01), and its changes over 4 and 13 prints."""
    assets = at.replay["fed_total_assets"]
    newest = assets.last(at.position)
    if newest is None:
        return NetLiquidityInputs()
    # a leg that came without the others waits for them: the print before counts until it is too old
    week, level = newest.obs_date, _level(at, newest.obs_date)
    while level is None and (newest.obs_date - week).days < 14:
        week -= timedelta(days=7)
        level = _level(at, week)
    if level is None:
        missing = InputValue(obs_date=newest.obs_date, reason="stale" if newest.is_stale else "missing")
        return NetLiquidityInputs(missing, missing, None, missing)
    value, parts = level
    stamped = derived(value, parts)
    if assets.limits is not None and assets.limits.is_stale(at.day, week, newest.provider, long_holiday=False):
        late = without(stamped, "stale")
        return NetLiquidityInputs(late, late, None, late)
    return NetLiquidityInputs(
        nl_change_4w_ratio=_change(at, stamped, week, "net_liquidity_change_4w"),
        nl_change_13w_ratio=_change(at, stamped, week, "net_liquidity_change_13w"),
        nl_print_date=week,
        emergency_change_4w_usd_bn=_emergency(at, week),
    )


def _level(at: Moment, week: date) -> tuple[float, list[Known]] | None:
    """Return net liquidity of a Wednesday in USD billions with its legs, None unless all are known."""
    assets, tga = at.replay["fed_total_assets"].on(week), at.replay["tga_wednesday"].on(week)
    if assets is None or tga is None:
        return None
    rrp = at.replay["on_rrp"].last_by(week)
    if rrp is not None and (week - rrp.obs_date).days > RRP_DAYS:
        rrp = None
    if rrp is not None and rrp.is_disputed:
        return None
    if rrp is None and week >= FIRST_RRP:
        return None
    level = feature("net_liquidity", Difference).value(assets.value, tga.value, rrp.value if rrp is not None else 0.0)
    return level, [assets._replace(obs_date=week), tga] + ([rrp._replace(obs_date=week)] if rrp else [])


def _change(at: Moment, newest: InputValue, week: date, name: str) -> InputValue:
    """Return the change of net liquidity to `newest`, the level of `week`, over the weeks that the feature says."""
    assert newest.value is not None
    operation = feature(name, ReturnOverWeeks)
    then = week - timedelta(weeks=operation.weeks)
    base = _level(at, then)
    if base is None or not base[0]:
        first = at.replay["fed_total_assets"].first_period
        return without(newest, "warm-up" if first is None or first > then else "missing")
    return with_value(newest, operation.value(newest.value, base[0]), worst(newest, base[1]))


def _emergency(at: Moment, week: date) -> InputValue:
    """Return the 4-week change of primary credit and BTFP, unknown while a print of either is merely late."""
    credit, programme = at.replay["primary_credit"], at.replay["bank_term_funding"]
    now, before = credit.on(week), credit.on(week - timedelta(weeks=4))
    if now is None or before is None:
        return InputValue(obs_date=week, reason="missing" if now is None else "warm-up")
    more, earlier = _lent(programme, week), _lent(programme, week - timedelta(weeks=4))
    if more is None or earlier is None:
        return InputValue(obs_date=week, reason="missing")
    row = programme.on(week)
    return derived(round(now.value - before.value + more - earlier, 6), [now, *([row] if row else [])])


def _lent(programme: History, week: date) -> float | None:
    """Return what a programme lent that Wednesday: nothing before its first row and once it is silent past its limit.

    A row that is missing right after another one is late, and unknown.
    """
    last = programme.last_by(week)
    if last is None:
        return 0.0
    if last.obs_date == week:
        return None if last.is_disputed else last.value
    return 0.0 if last.is_stale else None


def funding(at: Moment) -> FundingInputs:
    """R2: SOFR over the rate on reserves (IOER before IORB), on sessions; TED for the years before SOFR."""
    sofr, tail = at.replay["sofr"].grid, at.replay["sofr_99th_percentile"].grid
    days: list[FundingDay] = []
    newest = MISSING
    place = at.replay["sofr"].last_session(at.position)
    for back in range(place, max(place - 2 * FUNDING_DAYS, -1), -1):
        rate = float(sofr[back])
        floor = None if math.isnan(rate) else _rate_on_reserves(at, at.spine.dates[back])
        if floor is None or len(days) == FUNDING_DAYS:
            continue
        when, above = at.spine.dates[back], feature("sofr_99th_sofr", Difference).value(float(tail[back]), rate)
        spread = feature("sofr_iorb", Difference).value(rate, floor.value)
        if not days:
            newest = derived(spread, [at.replay["sofr"].on_session(back, at.position), floor._replace(obs_date=when)])
        days.append(FundingDay(when, spread, None if math.isnan(above) else above, at.spine.is_calendar_day[back]))
    if place >= 0 and not days:
        newest = InputValue(obs_date=at.spine.dates[place], reason="missing")
    rate_now = at.newest("sofr")[2]
    if rate_now.reason == "disputed":
        newest = rate_now
    return FundingInputs(newest, tuple(reversed(days)), at.newest("ted_spread")[2])


def _rate_on_reserves(at: Moment, day: date) -> Known | None:
    """Return the rate in force on `day`; it holds until it is changed, as long as it is not stale."""
    history = at.replay["iorb" if day >= IORB_FROM else "ioer"]
    found = history.once(day, lambda: history.last_by(day))
    return None if found is None or found.reason else found
