"""Every edge of R1 to R11: just below, at, just above; exits; unknowns."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from analytics.regimes.dimensions import STEPS, percentile_state, two_of_three_state
from analytics.regimes.measures import reason_of
from analytics.regimes.types import DIMENSIONS, DayInputs, FundingDay, InputValue
from tests.unit.regime_days import START, day, funding_days, one, play, series

# ---- R1 net liquidity ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("long", "short", "state", "points"),
    [
        # bands of T, with the sign of I
        (0.0100, 0.0, "expanding", 0),
        (0.00994, 0.0, "flat", 0),
        (0.00996, 0.0, "expanding", 0),  # 0.996 % is 1.00 % as compared
        (0.0100, -0.0001, "rolling_over", 0),
        (-0.0099, 0.01, "flat", 0),
        (-0.0100, 0.0001, "stabilising", 0),
        (-0.0100, 0.0, "contracting", 1),
        (-0.0100, -0.0001, "contracting", 1),
        # points by I
        (0.02, -0.0099, "rolling_over", 0),
        (0.02, -0.0100, "rolling_over", 1),
        (0.0, -0.0149, "flat", 0),
        (0.0, -0.0150, "flat", 1),
        (-0.02, -0.0299, "contracting", 1),
        (-0.02, -0.0300, "contracting", 2),
        (-0.02, 0.05, "stabilising", 0),
    ],
)
def test_r1_edges(long: float, short: float, state: str, points: int) -> None:
    found = one("net_liquidity", nl_change_13w_ratio=long, nl_change_4w_ratio=short)
    assert (found.raw_state, found.raw_points) == (state, points)
    assert (found.state, found.points) == (state, points)


@pytest.mark.parametrize(
    ("print_date", "long", "short", "emergency", "state", "points", "flags"),
    [
        (date(2023, 3, 15), 0.0426, 0.0628, 300.0, "expanding", 0, {"is_emergency_lending"}),
        (date(2025, 4, 16), -0.0048, -0.0184, 0.0, "flat", 1, {"is_tax_window"}),
        (date(2025, 11, 19), -0.0667, -0.0048, 0.0, "contracting", 1, set()),
        (date(2025, 11, 26), -0.0540, 0.0120, 0.0, "stabilising", 0, set()),
        (date(2026, 2, 4), 0.0140, -0.0155, 0.0, "rolling_over", 1, set()),
    ],
)
def test_r1_golden_states(
    print_date: date, long: float, short: float, emergency: float, state: str, points: int, flags: set[str]
) -> None:
    found = one(
        "net_liquidity",
        nl_print_date=print_date,
        nl_change_13w_ratio=long,
        nl_change_4w_ratio=short,
        emergency_change_4w_usd_bn=emergency,
    )
    assert (found.state, found.points) == (state, points)
    assert {name for name, value in found.flags.items() if value} == flags


def bands(*prints: float | tuple[float] | str, short: float = 0.01) -> list[str]:
    """Weekly prints of T in percent; a tuple is the same print seen again, a text an unknown one."""
    days = []
    for place, value in enumerate(prints):
        if isinstance(value, str):
            changes: dict[str, Any] = {"nl_change_13w_ratio": value}
        elif isinstance(value, tuple):
            changes = {"nl_change_13w_ratio": value[0] / 100, "old": True}
        else:
            changes = {"nl_change_13w_ratio": value / 100}
        days.append(day(place, nl_change_4w_ratio=short, **changes))
    return [state.state for state in play("net_liquidity", days)]


def test_r1_band_returns_to_flat_only_after_two_prints_inside_half_a_percent() -> None:
    assert bands(1.0, 0.99, 0.5, 0.5, 0.5) == ["expanding"] * 5
    assert bands(1.0, 0.49, 0.49) == ["expanding", "expanding", "flat"]
    assert bands(1.0, 0.49, -0.49) == ["expanding", "expanding", "flat"]
    assert bands(-1.0, -0.49, -0.5, -0.49, -0.49) == ["stabilising"] * 4 + ["flat"]


def test_r1_band_jumps_to_the_opposite_at_once_and_enters_at_once() -> None:
    assert bands(1.0, -1.0, 1.0) == ["expanding", "stabilising", "expanding"]
    assert bands(0.0, 0.99, 1.0) == ["flat", "flat", "expanding"]
    assert bands(1.0, 0.49, -1.0, 0.49) == ["expanding", "expanding", "stabilising", "stabilising"]


def test_r1_counts_prints_not_sessions() -> None:
    assert bands(1.0, 0.4, (0.4,), (0.4,)) == ["expanding"] * 4
    assert bands(1.0, 0.4, (0.4,), 0.4)[-1] == "flat"


def test_r1_unknown_neither_advances_nor_resets_and_past_the_limit_forgets() -> None:
    assert bands(1.0, 0.4, "missing", 0.4) == ["expanding", "expanding", "unknown", "flat"]
    assert bands(1.0, 0.4, "missing", 0.7) == ["expanding", "expanding", "unknown", "expanding"]
    assert bands(1.0, "stale", 0.7) == ["expanding", "unknown", "flat"]
    assert bands(1.0, *["missing"] * 9, 0.7)[-1] == "expanding"
    assert bands(1.0, *["missing"] * 10, 0.7)[-1] == "flat"


def signs(*shorts: float, long: float = 2.0) -> list[str]:
    days = [
        day(place, nl_change_13w_ratio=long / 100, nl_change_4w_ratio=short / 100) for place, short in enumerate(shorts)
    ]
    return [state.state for state in play("net_liquidity", days)]


def test_r1_sign_keeps_its_last_value_inside_the_deadband() -> None:
    assert signs(1.0, -0.24, -0.25) == ["expanding", "expanding", "rolling_over"]
    assert signs(-1.0, 0.24, 0.25, long=-2.0) == ["contracting", "contracting", "stabilising"]
    assert signs(1.0, 0.0, long=-2.0) == ["stabilising", "stabilising"]


def test_r1_sign_of_a_first_print_needs_no_memory() -> None:
    assert signs(0.0) == ["expanding"]
    assert signs(0.0, long=-2.0) == ["contracting"]
    assert signs(-0.1) == ["rolling_over"]


def test_r1_points_come_from_the_unsmoothed_changes() -> None:
    days = [
        day(0, nl_change_13w_ratio=-0.02, nl_change_4w_ratio=0.01),
        day(1, nl_change_13w_ratio=-0.007, nl_change_4w_ratio=-0.0150),
    ]
    held = play("net_liquidity", days)[1]
    assert (held.state, held.raw_state) == ("contracting", "flat")
    assert held.points == held.raw_points == 1


@pytest.mark.parametrize(
    ("change", "flag"), [(99.99, False), (99.996, True), (100.0, True), (-100.0, False), ("missing", None)]
)
def test_r1_emergency_lending(change: float | str, flag: bool | None) -> None:
    assert one("net_liquidity", emergency_change_4w_usd_bn=change).flags["is_emergency_lending"] is flag


@pytest.mark.parametrize(("first", "last"), [((4, 8), (5, 7)), ((6, 8), (6, 22)), ((9, 8), (9, 22)), ((1, 8), (1, 22))])
def test_r1_tax_windows(first: tuple[int, int], last: tuple[int, int]) -> None:
    def is_tax(when: date) -> bool | float | None:
        return one("net_liquidity", nl_print_date=when).flags["is_tax_window"]

    begins, ends = date(2025, *first), date(2025, *last)
    assert is_tax(begins)
    assert is_tax(ends)
    assert not is_tax(begins - timedelta(days=1))
    assert not is_tax(ends + timedelta(days=1))


@pytest.mark.parametrize(
    ("print_date", "flag"),
    [
        (date(2025, 3, 27), False),
        (date(2025, 3, 28), True),
        (date(2025, 4, 3), True),
        (date(2025, 4, 4), False),
        (date(2025, 12, 31), True),
        (date(2026, 1, 3), True),
        (date(2026, 1, 4), False),
        (date(2025, 2, 26), False),
    ],
)
def test_r1_quarter_end_is_the_print_nearest_to_it(print_date: date, flag: bool) -> None:
    assert one("net_liquidity", nl_print_date=print_date).flags["is_quarter_end"] is flag


def test_r1_calendar_flags_without_a_print_speak_of_the_session() -> None:
    found = one("net_liquidity", nl_print_date=None, session_date=date(2025, 4, 10), nl_change_13w_ratio="missing")
    assert found.state == "unknown"
    assert found.flags["is_tax_window"]


# ---- R2 funding ----------------------------------------------------------------------------------------------------


def flat(spread: float) -> list[float]:
    return [spread] * 3


@pytest.mark.parametrize(
    ("spread", "state", "points"),
    [
        (0.0, "ample", 0),
        (0.04, "ample", 0),
        (0.1, "normal", 0),
        (7.0, "normal", 0),
        (7.1, "tight", 1),
        (20.0, "tight", 1),
        (20.1, "stress", 2),
        (99.9, "stress", 2),
        (100.0, "dysfunction", 3),
    ],
)
def test_r2_edges(spread: float, state: str, points: int) -> None:
    found = one("funding", sofr=flat(spread))
    assert (found.state, found.points, found.raw_state, found.raw_points) == (state, points, state, points)
    assert found.quality is None


def test_r2_takes_the_median_of_three_days() -> None:
    assert one("funding", sofr=[30.0, 8.0, 3.0]).state == "tight"
    assert one("funding", sofr=[30.0, 3.0, 3.0]).state == "normal"
    assert one("funding", sofr=[50.0, 50.0, 50.0, 3.0, 3.0, 3.0]).state == "normal"


@pytest.mark.parametrize(("spread", "state"), [(39.9, "normal"), (40.0, "stress")])
def test_r2_one_ordinary_day_of_40_is_stress(spread: float, state: str) -> None:
    assert one("funding", sofr=[3.0, 3.0, spread]).state == state


def test_r2_the_day_of_40_counts_once() -> None:
    days = [day(0, sofr=[3.0, 3.0, 45.0]), *(day(n, sofr=[45.0, 3.0, 3.0]) for n in range(1, 6))]
    states = play("funding", days)
    assert [state.state for state in states] == ["stress"] * 5 + ["normal"]
    assert [state.raw_state for state in states] == ["stress"] + ["normal"] * 5


def test_r2_a_day_that_came_together_with_a_later_one_is_not_missed() -> None:
    late = funding_days(START, [3.0, 3.0, 45.0, 3.0])
    both = [*late[:2], FundingDay(late[2].obs_date, 45.0, 10.0, False, True), late[3]]
    assert one("funding", sofr=both).state == "stress"
    assert one("funding", sofr=late).state == "normal"


@pytest.mark.parametrize(
    ("tails", "state"),
    [
        ((10.0, 50.0, 50.0), "stress"),
        ((50.0, 49.9, 50.0), "normal"),
        ((10.0, 49.9, 50.0), "normal"),
        ((50.0, 50.0, 10.0), "normal"),
        ((10.0, None, 60.0), "normal"),
    ],
)
def test_r2_tail_of_two_days(tails: tuple[float | None, ...], state: str) -> None:
    days = [
        FundingDay(START - timedelta(days=2 - place), 3.0, tail, False, place == 2) for place, tail in enumerate(tails)
    ]
    found = one("funding", sofr=days)
    assert found.state == state
    assert found.quality == ("partial" if None in tails[-2:] else None)


def calendar(place: int, spread: float, number: int = 0) -> FundingDay:
    return FundingDay(START + timedelta(days=number - place), spread, 10.0, True, place == 0)


def ordinary(place: int, spread: float, number: int = 0) -> FundingDay:
    return FundingDay(START + timedelta(days=number - place), spread, 10.0, False, place == 0)


def test_r2_a_calendar_day_changes_no_state_but_is_recorded() -> None:
    quiet = [ordinary(3, 3.0), ordinary(2, 3.0), ordinary(1, 3.0)]
    found = one("funding", sofr=[*quiet, calendar(0, 60.0)])
    assert (found.state, found.flags["funding_calendar_spike_bp"]) == ("normal", 60.0)
    # nor does it stand in the median of the days after it
    after = [*quiet, calendar(2, 60.0), calendar(1, 55.0), ordinary(0, 4.0)]
    found = one("funding", sofr=after)
    assert (found.state, found.flags["funding_calendar_spike_bp"]) == ("normal", None)


@pytest.mark.parametrize(("spread", "state"), [(99.9, "normal"), (100.0, "dysfunction")])
def test_r2_dysfunction_may_fall_on_any_day(spread: float, state: str) -> None:
    quiet = [ordinary(3, 3.0), ordinary(2, 3.0), ordinary(1, 3.0)]
    assert one("funding", sofr=[*quiet, calendar(0, spread)]).state == state


def test_r2_a_calendar_day_neither_advances_nor_resets_an_exit() -> None:
    def tail(number: int, *, is_calendar: bool = False) -> list[FundingDay]:
        last = calendar(0, 30.0, number) if is_calendar else ordinary(0, 4.0, number)
        return [*(ordinary(place, 4.0, number) for place in (3, 2, 1)), last]

    days = [day(0, sofr=flat(8.0)), day(1, sofr=tail(1)), day(2, sofr=tail(2)), day(3, sofr=tail(3, is_calendar=True))]
    states = [state.state for state in play("funding", [*days, day(4, sofr=tail(4))])]
    assert states == ["tight"] * 4 + ["normal"]


@pytest.mark.parametrize(
    ("enter", "stays", "leaves", "count", "to"),
    [(7.1, 5.1, 5.0, 3, "normal"), (20.1, 12.1, 12.0, 5, "tight"), (100.0, 20.1, 20.0, 5, "stress")],
)
def test_r2_exits(enter: float, stays: float, leaves: float, count: int, to: str) -> None:
    def states(spread: float, number: int) -> list[str]:
        days = [day(0, sofr=flat(enter)), *(day(n, sofr=flat(spread)) for n in range(1, number + 1))]
        return [state.state for state in play("funding", days)]

    assert len(set(states(stays, 12))) == 1
    assert len(set(states(leaves, count - 1))) == 1
    assert states(leaves, count)[-1] == to


def test_r2_six_after_stress_is_tight() -> None:
    days = [day(0, sofr=flat(25.0)), *(day(n, sofr=flat(6.0)) for n in range(1, 6))]
    assert [state.state for state in play("funding", days)] == ["stress"] * 5 + ["tight"]


def test_r2_warm_up_takes_three_ordinary_days() -> None:
    found = one("funding", sofr=[3.0, 3.0])
    assert (found.state, found.reason) == ("unknown", "warm-up")
    assert one("funding", sofr=[calendar(2, 3.0), ordinary(1, 3.0), ordinary(0, 3.0)]).reason == "warm-up"


@pytest.mark.parametrize(("span", "state"), [(10, "normal"), (11, "unknown")])
def test_r2_three_days_far_apart_are_no_window(span: int, state: str) -> None:
    assert one("funding", sofr=[ordinary(span, 3.0), ordinary(1, 3.0), ordinary(0, 3.0)]).state == state


def test_r2_stale() -> None:
    found = one("funding", sofr_iorb_bp="stale", sofr=flat(3.0))
    assert (found.state, found.points, found.reason) == ("unknown", None, "stale")


@pytest.mark.parametrize(
    ("ted", "state", "points"),
    [
        (50.0, "normal", 0),
        (50.1, "tight", 1),
        (100.0, "tight", 1),
        (100.1, "stress", 2),
        (200.0, "stress", 2),
        (200.1, "dysfunction", 3),
    ],
)
def test_r2_before_sofr_the_ted_spread_speaks(ted: float, state: str, points: int) -> None:
    found = one("funding", session_date=date(2018, 4, 2), ted_spread_bp=ted)
    assert (found.state, found.points, found.quality) == (state, points, "proxy")
    assert one("funding", session_date=date(2018, 4, 3), ted_spread_bp=ted).state == "normal"


def test_r2_ted_missing_is_unknown() -> None:
    found = one("funding", session_date=date(2018, 4, 2), ted_spread_bp="missing")
    assert (found.state, found.reason) == ("unknown", "missing")


def test_r2_september_2019() -> None:
    assert one("funding", sofr=[10.0, 33.0, 315.0]).state == "dysfunction"


# ---- R3 rates volatility -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("move", "state", "points"),
    [
        (79.99, "calm", 0),
        (79.994, "calm", 0),
        (79.996, "normal", 0),
        (80.0, "normal", 0),
        (109.99, "normal", 0),
        (110.0, "elevated", 1),
        (139.99, "elevated", 1),
        (140.0, "stress", 2),
        (179.99, "stress", 2),
        (180.0, "extreme", 3),
    ],
)
def test_r3_edges(move: float, state: str, points: int) -> None:
    found = one("rates_volatility", move_index=move)
    assert (found.state, found.points, found.raw_state, found.quality) == (state, points, state, None)


@pytest.mark.parametrize(
    ("enter", "stays", "leaves", "count", "to"),
    [(110, 105.0, 104.99, 3, "normal"), (140, 132.0, 131.99, 5, "elevated"), (180, 165.0, 164.99, 5, "stress")],
)
def test_r3_exits(enter: float, stays: float, leaves: float, count: int, to: str) -> None:
    assert len(set(series("rates_volatility", "move_index", [enter, *[stays] * 12]))) == 1
    assert len(set(series("rates_volatility", "move_index", [enter, *[leaves] * (count - 1)]))) == 1
    assert series("rates_volatility", "move_index", [enter, *[leaves] * count])[-1] == to


@pytest.mark.parametrize(("change", "flag"), [(19.99, False), (20.0, True), (-30.0, False), ("missing", None)])
def test_r3_jump(change: float | str, flag: bool | None) -> None:
    assert one("rates_volatility", move_change_5d_index=change).flags["is_move_jump"] is flag


@pytest.mark.parametrize(
    ("volatility", "state", "points"),
    [
        (69.9, "calm", 0),
        (70.0, "normal", 0),
        (94.9, "normal", 0),
        (95.0, "elevated", 1),
        (124.9, "elevated", 1),
        (125.0, "stress", 2),
        (159.9, "stress", 2),
        (160.0, "extreme", 3),
    ],
)
def test_r3_proxy_where_move_is_stale(volatility: float, state: str, points: int) -> None:
    found = one("rates_volatility", move_index="stale", proxy_rate_volatility_bp=volatility)
    assert (found.state, found.points, found.quality, found.reason) == (state, points, "proxy", None)


def test_r3_without_proxy_it_is_unknown() -> None:
    found = one("rates_volatility", move_index="stale", proxy_rate_volatility_bp="stale", move_change_5d_index="stale")
    assert (found.state, found.points, found.reason) == ("unknown", None, "stale")
    assert found.flags["is_move_jump"] is None


def test_r3_warms_up_for_its_jump() -> None:
    assert one("rates_volatility", move_change_5d_index="warm-up").reason == "warm-up"
    assert one("rates_volatility", move_change_5d_index="missing").state == "normal"


def test_r3_proxy_and_index_do_not_hold_each_others_levels() -> None:
    days = [
        day(0, move_index=145),
        day(1, move_index="stale", proxy_rate_volatility_bp=80),
        day(2, move_index=133),
    ]
    assert [state.state for state in play("rates_volatility", days)] == ["stress", "normal", "elevated"]


# ---- R4 carry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yen", "spread", "rank", "state", "points"),
    [
        (0.0, 0.0, 50.0, "supportive", 0),
        (0.0, -24.9, 50.0, "supportive", 0),
        (0.0, -25.0, 50.0, "narrowing", 1),
        (-0.0299, -25.0, 50.0, "narrowing", 1),
        (-0.0300, -24.9, 50.0, "yen_squeeze", 1),
        (-0.0300, -25.0, 50.0, "unwind", 2),
        (-0.0449, 0.0, 95.0, "yen_squeeze", 1),
        (-0.0450, 0.0, 89.99, "yen_squeeze", 1),
        (-0.0450, 0.0, 90.0, "unwind", 2),
        (-0.0450, 0.0, "warm-up", "yen_squeeze", 1),
        (-0.0699, -25.0, 50.0, "unwind", 2),
        (-0.0700, -25.0, 50.0, "unwind", 3),
        (-0.0700, 0.0, 50.0, "yen_squeeze", 1),
        (-0.0700, 0.0, 90.0, "unwind", 3),
    ],
)
def test_r4_edges(yen: float, spread: float, rank: float | str, state: str, points: int) -> None:
    found = one(
        "carry",
        usdjpy_return_10d_ratio=yen,
        carry_2y_change_21d_bp=spread,
        usdjpy_volatility_21d_percentile=rank,
    )
    assert (found.state, found.points, found.raw_state, found.raw_points) == (state, points, state, points)


def yens(*values: float | str) -> list[str]:
    """10-session returns after an unwind, in percent."""
    days = [day(0, usdjpy_return_10d_ratio=-0.04, carry_2y_change_21d_bp=-30)]
    for place, value in enumerate(values, 1):
        days.append(day(place, usdjpy_return_10d_ratio=value if isinstance(value, str) else value / 100))
    return [state.state for state in play("carry", days)][1:]


def test_r4_unwind_is_left_after_five_days_above_minus_one() -> None:
    assert yens(*[-1.0] * 9) == ["unwind"] * 9
    assert yens(*[-0.99] * 5) == ["unwind"] * 4 + ["supportive"]
    assert yens(-0.99, -0.99, -0.99, -0.99, -1.0, *[-0.99] * 5)[-2:] == ["unwind", "supportive"]
    assert yens(*[-0.99] * 4, "missing", -0.99) == ["unwind"] * 4 + ["unknown", "supportive"]
    assert yens("stale", -2.0) == ["unknown", "supportive"]


def test_r4_a_held_unwind_scores_by_the_yen_of_the_day() -> None:
    days = [
        day(0, usdjpy_return_10d_ratio=-0.08, carry_2y_change_21d_bp=-30),
        day(1, usdjpy_return_10d_ratio=-0.02),
    ]
    assert [state.points for state in play("carry", days)] == [3, 2]
    assert play("carry", days)[1].raw_points == 0


def test_r4_squeeze_and_narrowing_are_left_at_once() -> None:
    assert series("carry", "usdjpy_return_10d_ratio", [-0.03, -0.0299]) == ["yen_squeeze", "supportive"]
    assert series("carry", "carry_2y_change_21d_bp", [-25, -24.9]) == ["narrowing", "supportive"]


@pytest.mark.parametrize("name", ["usdjpy_return_10d_ratio", "carry_2y_change_21d_bp"])
def test_r4_needs_both(name: str) -> None:
    found = one("carry", **{name: "stale"})
    assert (found.state, found.reason) == ("unknown", "stale")


# ---- R5 credit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "change", "state", "points"),
    [
        (349.9, 24.9, "tight", 0),
        (350.0, 0.0, "normal", 0),
        (300.0, 25.0, "normal", 0),
        (300.0, 49.9, "normal", 0),
        (300.0, 50.0, "widening", 1),
        (499.9, 0.0, "normal", 0),
        (500.0, 0.0, "widening", 1),
        (400.0, 99.9, "widening", 1),
        (400.0, 100.0, "stress", 2),
        (699.9, 0.0, "widening", 1),
        (700.0, 0.0, "stress", 2),
        (600.0, 249.9, "stress", 2),
        (600.0, 250.0, "crisis", 3),
        (899.9, 0.0, "stress", 2),
        (900.0, -50.0, "crisis", 3),
    ],
)
def test_r5_edges(level: float, change: float, state: str, points: int) -> None:
    found = one("credit", hy_oas_bp=level, hy_oas_change_21d_bp=change)
    assert (found.state, found.points, found.raw_state, found.quality) == (state, points, state, None)


@pytest.mark.parametrize(
    ("start", "stays", "leaves", "count", "to"),
    [
        ((480.0, 50.0), [(475.0, 0.0), (474.9, 25.0)], (474.9, 24.9), 5, "normal"),
        ((720.0, 0.0), [(650.0, 0.0), (649.9, 50.0)], (649.9, 49.9), 5, "widening"),
        ((950.0, 0.0), [(850.0, 0.0), (849.9, 100.0)], (849.9, 99.9), 10, "stress"),
    ],
)
def test_r5_exits(
    start: tuple[float, float], stays: list[tuple[float, float]], leaves: tuple[float, float], count: int, to: str
) -> None:
    def states(pair: tuple[float, float], number: int) -> list[str]:
        pairs = [start, *[pair] * number]
        days = [day(n, hy_oas_bp=level, hy_oas_change_21d_bp=change) for n, (level, change) in enumerate(pairs)]
        return [state.state for state in play("credit", days)]

    for pair in stays:
        assert len(set(states(pair, 15))) == 1
    assert len(set(states(leaves, count - 1))) == 1
    assert states(leaves, count)[-1] == to


def test_r5_one_falls_past_the_levels_whose_exit_holds() -> None:
    pairs = [(950.0, 0.0), *[(300.0, 0.0)] * 10]
    days = [day(n, hy_oas_bp=level, hy_oas_change_21d_bp=change) for n, (level, change) in enumerate(pairs)]
    assert [state.state for state in play("credit", days)][-2:] == ["crisis", "tight"]


def test_r5_late_is_unknown_not_the_proxy() -> None:
    for name in ("hy_oas_bp", "hy_oas_change_21d_bp"):
        found = one("credit", **{name: "stale"})
        assert (found.state, found.points, found.reason) == ("unknown", None, "stale")
    assert one("credit", hy_oas_change_21d_bp="missing").reason == "missing"


@pytest.mark.parametrize(
    ("level", "change", "state", "points"),
    [
        (249.9, 24.9, "normal", 0),
        (250.0, 0.0, "widening", 1),
        (200.0, 25.0, "widening", 1),
        (299.9, 49.9, "widening", 1),
        (300.0, 0.0, "stress", 2),
        (200.0, 50.0, "stress", 2),
        (399.9, 99.9, "stress", 2),
        (400.0, 0.0, "crisis", 2),
        (200.0, 100.0, "crisis", 2),
    ],
)
@pytest.mark.parametrize(
    "absent",
    [
        {"hy_oas_bp": "missing", "hy_oas_change_21d_bp": "missing"},
        {"hy_oas_change_21d_bp": "warm-up"},
    ],
)
def test_r5_baa_where_the_archive_does_not_reach(
    absent: dict[str, str], level: float, change: float, state: str, points: int
) -> None:
    found = one("credit", baa_10y_bp=level, baa_10y_change_21d_bp=change, **absent)
    assert (found.state, found.points, found.quality) == (state, points, "proxy")


def test_r5_without_either_is_unknown() -> None:
    found = one("credit", hy_oas_bp="missing", hy_oas_change_21d_bp="missing", baa_10y_bp="missing")
    assert (found.state, found.reason, found.quality) == ("unknown", "missing", None)
    found = one("credit", hy_oas_change_21d_bp="warm-up", baa_10y_change_21d_bp="warm-up")
    assert (found.state, found.reason) == ("unknown", "warm-up")


# ---- R6 volatility -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vix", "state", "points"),
    [
        (11.99, "complacent", 0),
        (12.0, "calm", 0),
        (14.99, "calm", 0),
        (15.0, "normal", 0),
        (24.99, "normal", 0),
        (24.996, "fear", 1),
        (25.0, "fear", 1),
        (34.99, "fear", 1),
        (35.0, "panic", 2),
        (49.99, "panic", 2),
        (50.0, "crisis", 3),
    ],
)
def test_r6_edges(vix: float, state: str, points: int) -> None:
    found = one("volatility", vix_index=vix)
    assert (found.state, found.points, found.raw_state, found.raw_points) == (state, points, state, points)


@pytest.mark.parametrize(
    ("bound", "name", "below"),
    [
        (12, "calm", "complacent"),
        (15, "normal", "calm"),
        (25, "fear", "normal"),
        (35, "panic", "fear"),
        (50, "crisis", "panic"),
    ],
)
def test_r6_leaves_downward_after_two_closes_below_the_bound_less_one(bound: float, name: str, below: str) -> None:
    stays, leaves = bound - 1.0, bound - 1.01
    assert series("volatility", "vix_index", [bound, *[stays] * 6]) == [name] * 7
    assert series("volatility", "vix_index", [bound, leaves, leaves]) == [name, name, below]
    assert series("volatility", "vix_index", [bound, leaves, stays, leaves]) == [name] * 4
    assert series("volatility", "vix_index", [bound, leaves, (leaves,), leaves]) == [name] * 3 + [below]
    assert series("volatility", "vix_index", [bound, leaves, "missing", leaves]) == [name, name, "unknown", below]


def test_r6_falls_through_levels() -> None:
    assert series("volatility", "vix_index", [55, 13, 13]) == ["crisis", "crisis", "calm"]
    assert series("volatility", "vix_index", [55, 24.5, 24.5]) == ["crisis", "crisis", "fear"]


def resets(*values: float | str | tuple[float]) -> list[bool | float | None]:
    days = [
        day(n, vix_index=value[0], old=True) if isinstance(value, tuple) else day(n, vix_index=value)
        for n, value in enumerate(values)
    ]
    return [state.flags["is_vix_reset"] for state in play("volatility", days)]


def test_r6_reset_is_a_latch() -> None:
    assert resets(35.01, 25.0, 24.99, 24.0) == [False, False, True, False]
    assert resets(35.0, 24.99) == [False, False]
    assert resets(36, 20, 36, 20) == [False, True, False, True]
    assert resets(20) == [False]


def test_r6_reset_waits_through_gaps_and_ignores_carried_closes() -> None:
    assert resets(36, "stale", "stale", 20) == [False, None, None, True]
    assert resets(36, (20.0,), 20) == [False, False, True]
    assert resets(30, (36.0,), 20) == [False, False, False]


@pytest.mark.parametrize(("streak", "flag"), [(4, False), (5, True), (0, False), ("missing", None)])
def test_r6_vvix_tail_bid(streak: float | str, flag: bool | None) -> None:
    assert one("volatility", vvix_above_110_streak_count=streak).flags["is_vvix_tail_bid"] is flag


@pytest.mark.parametrize(("ratio", "flag"), [(1.0, False), (1.00004, False), (1.0001, True), ("missing", None)])
def test_r6_term_inverted(ratio: float | str, flag: bool | None) -> None:
    assert one("volatility", vix_vix3m_ratio=ratio).flags["is_vix_term_inverted"] is flag


@pytest.mark.parametrize(("vix", "flag"), [(11.99, True), (12.0, False), ("missing", None)])
def test_r6_below_12_is_reported(vix: float | str, flag: bool | None) -> None:
    assert one("volatility", vix_index=vix).flags["is_vix_below_12"] is flag


# ---- R7 options sentiment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "state"),
    [
        (0.6999, "greed"),
        (0.70, "lean_greed"),
        (0.7999, "lean_greed"),
        (0.80, "neutral"),
        (1.20, "neutral"),
        (1.20004, "neutral"),
        (1.2001, "fear"),
        ("stale", "unknown"),
    ],
)
def test_r7_edges(ratio: float | str, state: str) -> None:
    found = one("options_sentiment", put_call_total_ratio=ratio)
    assert (found.state, found.raw_state, found.points, found.raw_points) == (state, state, None, None)


@pytest.mark.parametrize(
    ("rank", "state"),
    [(5.0, "low"), (5.01, "middle"), (94.99, "middle"), (95.0, "high"), ("warm-up", "unknown")],
)
def test_r7_percentile(rank: float | str, state: str) -> None:
    assert percentile_state(day(put_call_total_percentile=rank)) == state


# ---- R8 breadth ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "state", "points"),
    [
        (70.0, "healthy", 0),
        (69.99, "ok", 0),
        (50.0, "ok", 0),
        (49.99, "weak", 1),
        (30.0, "weak", 1),
        (29.99, "washed_out", 2),
        (10.0, "washed_out", 2),
        (9.99, "collapse", 3),
        (0.0, "collapse", 3),
    ],
)
def test_r8_edges(above: float, state: str, points: int) -> None:
    found = one("breadth", above_200dma_pct=above)
    assert (found.state, found.points, found.raw_state, found.raw_points) == (state, points, state, points)


@pytest.mark.parametrize(
    ("start", "name", "bound", "to"),
    [
        (69, "ok", 70, "healthy"),
        (49, "weak", 50, "ok"),
        (29, "washed_out", 30, "weak"),
        (9, "collapse", 10, "washed_out"),
    ],
)
def test_r8_exits_two_points_above_the_bound_for_three_days(start: float, name: str, bound: float, to: str) -> None:
    stays, leaves = bound + 1.99, bound + 2.0
    assert series("breadth", "above_200dma_pct", [start, *[stays] * 8]) == [name] * 9
    assert series("breadth", "above_200dma_pct", [start, leaves, leaves, leaves]) == [name] * 3 + [to]
    assert series("breadth", "above_200dma_pct", [start, leaves, leaves, stays, leaves, leaves])[-1] == name


@pytest.mark.parametrize(
    ("coverage", "state"), [(0.95, "ok"), (0.94996, "ok"), (0.9499, "unknown"), ("missing", "unknown")]
)
def test_r8_coverage(coverage: float | str, state: str) -> None:
    found = one("breadth", breadth_coverage_ratio=coverage)
    assert found.state == state
    if coverage == 0.9499:
        assert (found.reason, found.points) == ("coverage", None)


def test_r8_a_day_of_too_little_coverage_does_not_touch_the_exit() -> None:
    rising = {"above_200dma_pct": 60}
    days = [
        day(0, above_200dma_pct=40),
        day(1, **rising),
        day(2, **rising),
        day(3, **rising, breadth_coverage_ratio=0.5),
        day(4, **rising),
    ]
    assert [state.state for state in play("breadth", days)] == ["weak"] * 3 + ["unknown", "ok"]


def test_r8_flags() -> None:
    found = one("breadth", is_adl_divergence=1.0, is_zweig_thrust="warm-up")
    assert found.flags == {"is_adl_divergence": True, "is_zweig_thrust": None}


# ---- R9 to R11 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "flow", "state"),
    [
        (-2.0, -1.0, "extreme_outflow"),
        (-2.0, 0.0, "neutral"),
        (-2.0, 1.0, "neutral"),
        (-1.99, -1.0, "outflow"),
        (-1.99, 1.0, "outflow"),
        (-1.0, -1.0, "outflow"),
        (-0.99, -1.0, "neutral"),
        (0.99, 1.0, "neutral"),
        (1.0, 1.0, "inflow"),
        (1.99, -1.0, "inflow"),
        (2.0, 1.0, "extreme_inflow"),
        (2.0, 0.0, "neutral"),
        (2.0, -1.0, "neutral"),
        (1.996, 1.0, "extreme_inflow"),
        ("warm-up", 1.0, "unknown"),
        (2.0, "missing", "unknown"),
    ],
)
def test_r9_edges(z: float | str, flow: float | str, state: str) -> None:
    found = one("etf_flows", flow_5d_zscore=z, flow_5d_usd_mn=flow)
    assert (found.state, found.raw_state, found.points) == (state, state, None)


@pytest.mark.parametrize(("coverage", "state"), [(0.80, "neutral"), (0.7999, "unknown"), ("missing", "unknown")])
def test_r9_coverage(coverage: float | str, state: str) -> None:
    assert one("etf_flows", etf_flows_coverage_ratio=coverage).state == state


@pytest.mark.parametrize(
    ("year", "quarter", "state"),
    [
        (0.25, 0.08, "rising_fast"),
        (0.2499, 0.08, "neutral"),
        (0.25, 0.0799, "neutral"),
        (-0.0999, 0.0, "neutral"),
        (-0.10, 0.0, "falling"),
        ("stale", 0.1, "unknown"),
        (0.3, "stale", "unknown"),
    ],
)
def test_r10_edges(year: float | str, quarter: float | str, state: str) -> None:
    found = one("leverage", margin_debt_yoy_ratio=year, margin_debt_3m_ratio=quarter)
    assert (found.state, found.points) == (state, None)


@pytest.mark.parametrize(
    ("sahm", "state"),
    [(0.29, "stable"), (0.30, "softening"), (0.49, "softening"), (0.50, "recession_signal"), ("stale", "unknown")],
)
def test_r11_edges(sahm: float | str, state: str) -> None:
    found = one("labor", sahm_realtime_pct=sahm)
    assert (found.state, found.points) == (state, None)


def test_r11_a_missing_month_is_unknown_and_two_of_three_stand_beside_it() -> None:
    inputs = day(has_all_three_months=0.0, sahm_realtime_pct=0.35, sahm_two_of_three_pct=0.55)
    _, state = STEPS["labor"]({}, inputs)
    assert (state.state, state.reason) == ("unknown", "missing")
    assert two_of_three_state(inputs) == "recession_signal"
    assert two_of_three_state(day(sahm_two_of_three_pct="stale")) == "unknown"
    assert one("labor", has_all_three_months="missing").state == "unknown"


# ---- all -----------------------------------------------------------------------------------------------------------


def test_every_dimension_is_unknown_without_inputs() -> None:
    empty = DayInputs(START, day().cutoff_at)
    assert tuple(STEPS) == DIMENSIONS
    for dimension in DIMENSIONS:
        _, state = STEPS[dimension]({}, empty)
        assert (state.state, state.points, state.raw_state, state.raw_points) == ("unknown", None, "unknown", None)
        assert state.reason == "missing"


def test_the_gravest_reason_is_told() -> None:
    young, late = InputValue(reason="warm-up"), InputValue(reason="stale")
    assert reason_of(young, late) == "stale"
    assert reason_of(young, InputValue(1.0)) == "warm-up"
    assert reason_of(InputValue(1.0)) is None
    assert reason_of(InputValue()) == "missing"


NO_RATES = {"move_index": "missing", "proxy_rate_volatility_bp": "missing"}


@pytest.mark.parametrize(
    ("dimension", "limit", "held", "then", "gap", "states"),
    [
        ("funding", 5, {"sofr": [8.0] * 3}, {"sofr": [6.0] * 3}, {"sofr_iorb_bp": "missing"}, ("tight", "normal")),
        (
            "rates_volatility",
            5,
            {"move_index": 112},
            {"move_index": 107},
            NO_RATES,
            ("elevated", "normal"),
        ),
        (
            "carry",
            4,
            {"usdjpy_return_10d_ratio": -0.04, "carry_2y_change_21d_bp": -30},
            {"usdjpy_return_10d_ratio": -0.02},
            {"usdjpy_return_10d_ratio": "missing"},
            ("unwind", "supportive"),
        ),
        (
            "credit",
            6,
            {"hy_oas_bp": 510},
            {"hy_oas_bp": 490},
            {"hy_oas_change_21d_bp": "missing"},
            ("widening", "normal"),
        ),
        ("volatility", 4, {"vix_index": 26}, {"vix_index": 24.5}, {"vix_index": "missing"}, ("fear", "normal")),
        (
            "breadth",
            4,
            {"above_200dma_pct": 49},
            {"above_200dma_pct": 51},
            {"breadth_coverage_ratio": 0.5},
            ("weak", "ok"),
        ),
    ],
)
def test_unknown_days_are_forgotten_past_the_limit_of_their_dimension(
    dimension: str, limit: int, held: Any, then: Any, gap: Any, states: tuple[str, str]
) -> None:
    def after(count: int) -> str:
        days = [day(0, **held), *(day(n, **gap) for n in range(1, count + 1)), day(count + 1, **then)]
        found = [state.state for state in play(dimension, days)]
        assert found[1:-1] == ["unknown"] * count
        return found[-1]

    assert after(limit) == states[0]
    assert after(limit + 1) == states[1]
