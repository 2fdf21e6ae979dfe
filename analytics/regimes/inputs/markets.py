"""R3 to R7: volatility of rates, carry, credit, volatility of equities, and put/call ratios."""

from __future__ import annotations

import math
from collections.abc import Callable

from analytics.features.declared import feature
from analytics.features.operations import (
    BASE_DAYS,
    Change,
    Difference,
    Percentile,
    Ratio,
    RealisedVolatility,
    Return,
    Streak,
)
from analytics.regimes.inputs.moment import Moment, as_input, derived, with_value, without
from analytics.regimes.knowledge import History
from analytics.regimes.types import (
    MISSING,
    CarryInputs,
    CreditInputs,
    InputValue,
    OptionsSentimentInputs,
    RatesVolatilityInputs,
    VolatilityInputs,
)


def rates_volatility(at: Moment) -> RatesVolatilityInputs:
    """R3: MOVE and, should it be missing, the realised volatility of the 10-year yield (RV-02)."""
    _, _, move = at.newest("move")
    return RatesVolatilityInputs(
        move, at.change("move_change_5d"), at.change("move_change_21d"), _realised_volatility(at)
    )


def carry(at: Moment) -> CarryInputs:
    """R4: US 2-year over Japan 2-year with each leg's own limit, its 21-session change, and the yen."""
    now = _carry_now(at)
    change = _carry_change(at) if now.value is not None else now
    return CarryInputs(now, change, at.change("usdjpy_return_10d", Return), *_yen_percentile(at))


def _realised_volatility(at: Moment) -> InputValue:
    operation = feature("us_10y_realised_vol_21d", RealisedVolatility)
    history, place, newest = at.newest(operation.of)
    if newest.value is None:
        return newest
    found = history.once((operation, place), lambda: operation.at(history.grid, at.spine.numbers, place))
    if found is None:
        return without(newest, at.why(history, place - operation.sessions))
    return with_value(newest, found)


def _carry_now(at: Moment) -> InputValue:
    """Return the carry in basis points, of the last yield of each leg; the yen leg is hours older."""
    spread = feature("carry_2y", Difference)
    dollar, yen = (at.replay[leg].last(at.position) for leg in (spread.of, *spread.less))
    if dollar is None or yen is None:
        return MISSING
    return derived(spread.value(dollar.value, yen.value), [dollar, yen])


def _carry_change(at: Moment) -> InputValue:
    """Return the 21-session change of the carry, from and to sessions on which both yields are printed.

    While one of them is closed for a holiday the last such session stands, as long as that yield may be read. Where
    publishers differ on a newer one there is no change: an older session does not speak for it.
    """
    change = feature("carry_2y_change_21d", Change)
    spread = feature(change.of, Difference)
    series = (spread.of, *spread.less)
    dollar, yen = (at.replay[leg] for leg in series)
    for leg in series:
        if (newest := at.newest(leg)[2]).reason == "disputed":
            return newest
    place = _last_of_both(dollar, yen, at.position)
    if place < 0:
        return MISSING
    legs = [leg.on_session(place, at.position) for leg in (dollar, yen)]
    now = derived(spread.value(*(leg.value for leg in legs)), [leg._replace(is_stale=False) for leg in legs])
    if all(leg.is_stale for leg in legs):
        return without(now, "stale")
    window = slice(max(place - change.sessions - BASE_DAYS, 0), place + 1)
    levels = spread.over(dollar.grid[window], yen.grid[window])
    found = change.at(levels, at.spine.numbers[window], len(levels) - 1)
    if found is None:
        reasons = {at.why(leg, place - change.sessions) for leg in (dollar, yen)}
        return without(now, "warm-up" if "warm-up" in reasons else "missing")
    return with_value(now, found)


def _last_of_both(one: History, other: History, position: int) -> int:
    """Return the last session up to `position` on which both have a value; -1 when there is none."""
    last, beside = one.last_session(position), other.last_session(position)
    while last != beside:
        position = min(last, beside)
        last, beside = one.last_session(position), other.last_session(position)
    return last


def _yen_percentile(at: Moment) -> tuple[InputValue, InputValue]:
    """Return where the 21-session volatility of the yen is among its last values, and how many there are."""
    percentile = feature("usdjpy_vol_21d_3y_percentile", Percentile)
    deviation = feature(percentile.of, RealisedVolatility)
    history, place, newest = at.newest(deviation.of)
    if newest.value is None:
        return newest, newest

    def rank() -> tuple[float | None, int]:
        return percentile.of_window(deviation.over(history.grid, at.spine.numbers, place, percentile.span))

    return _ranked(at, history, place, newest, rank, percentile, deviation.least)


def _ranked(
    at: Moment,
    history: History,
    place: int,
    newest: InputValue,
    rank: Callable[[], tuple[float | None, int]],
    percentile: Percentile,
    before: int = 0,
) -> tuple[InputValue, InputValue]:
    """Return the percentile that `rank` finds at `place`, and how many values there are to rank among.

    `history`: what the values are made of, the first of them of so many sessions `before`.
    """
    found, there = history.once((percentile, place), rank)
    count = with_value(newest, float(there))
    if found is None:
        return without(newest, at.why(history, place - percentile.values + 1 - before)), count
    return with_value(newest, found), count


def credit(at: Moment) -> CreditInputs:
    """R5: the ICE spread, and Moody's Baa where it is absent."""
    return CreditInputs(
        at.newest("hy_oas")[2],
        at.change("hy_oas_change_21d"),
        at.newest("baa_10y_spread")[2],
        at.change("baa_10y_change_21d"),
    )


def volatility(at: Moment) -> VolatilityInputs:
    """R6: VIX, VVIX with its run above 110, and the term structure of one session."""
    _, place, vix = at.newest("vix_close")
    third = at.replay["vix3m_close"]
    ratio = vix
    if vix.value is not None:
        if math.isnan(third.grid[place]):
            ratio = without(vix, at.why(third, place))
        else:
            beside = third.on_session(place, at.position)
            ratio = derived(feature("vix_vix3m", Ratio).value(vix.value, beside.value), [beside], vix)
    return VolatilityInputs(vix, at.newest("vvix_close")[2], _streak(at), ratio)


def _streak(at: Moment) -> InputValue:
    """Return how many sessions in a row VVIX closed above its bound, up to the session itself; none is carried."""
    streak = feature("vvix_above_110_streak", Streak)
    history = at.replay[streak.of]
    found = streak.at(history.grid, at.position)
    if found is None:
        return MISSING
    return with_value(as_input(history.on_session(at.position, at.position)), float(found))


def options_sentiment(at: Moment) -> OptionsSentimentInputs:
    """R7: the total put/call ratio and its place among the last 252 sessions."""
    percentile = feature("put_call_total_1y_percentile", Percentile)
    history, place, newest = at.newest(percentile.of)
    if newest.value is None:
        return OptionsSentimentInputs(newest, newest, newest)

    def rank() -> tuple[float | None, int]:
        return percentile.of_window(history.grid[max(place - percentile.span + 1, 0) : place + 1])

    ranked = _ranked(at, history, place, newest, rank, percentile)
    return OptionsSentimentInputs(newest, *ranked)
