"""Composites B, A and C: edges, unknowns, completions, folds, the golden table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from analytics.regimes.composites import (
    OPTIMISM,
    PANIC,
    Sentiment,
    class_of,
    dashboard_layers,
    dashboard_state,
    lifted,
    plumbing_score,
    sentiment,
    step_dashboard,
    step_headline,
    step_sentiment,
    top_drivers,
    total,
)
from analytics.regimes.dimensions import STEPS
from analytics.regimes.types import DIMENSIONS, LAYERS, DayInputs, DimensionState
from tests.unit.regime_days import day

T, E, N, U = "tightening", "easing", "neither", "unknown"


def states_of(inputs: DayInputs) -> dict[str, DimensionState]:
    return {name: step({}, inputs)[1] for name, step in STEPS.items()}


def layer(name: str, **changes: Any) -> str:
    inputs = day(**changes)
    return dashboard_layers(inputs, states_of(inputs))[name]


# ---- B: layers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "verdict"), [(-0.0100, T), (-0.0099, N), (0.0099, N), (0.0100, E), ("stale", U), ("warm-up", U)]
)
def test_layer_1(change: float | str, verdict: str) -> None:
    assert layer("net_liquidity", nl_change_4w_ratio=change) == verdict


def test_layer_1_eases_only_without_emergency_lending_and_tightens_with_it() -> None:
    assert layer("net_liquidity", nl_change_4w_ratio=0.02, emergency_change_4w_usd_bn=100.0) == N
    assert layer("net_liquidity", nl_change_4w_ratio=0.02, emergency_change_4w_usd_bn="missing") == N
    assert layer("net_liquidity", nl_change_4w_ratio=-0.02, emergency_change_4w_usd_bn=100.0) == T


def test_layer_1_needs_the_four_week_change_alone() -> None:
    assert layer("net_liquidity", nl_change_4w_ratio=-0.02, nl_change_13w_ratio="warm-up") == T


@pytest.mark.parametrize(("spread", "verdict"), [(0.0, E), (0.1, N), (7.0, N), (7.1, T), (20.1, T), (100.0, T)])
def test_layer_2(spread: float, verdict: str) -> None:
    assert layer("funding", sofr=[spread] * 3) == verdict


def test_layer_2_unknown() -> None:
    assert layer("funding", sofr_iorb_bp="stale") == U


@pytest.mark.parametrize(
    ("move", "jump", "month", "verdict"),
    [
        (110.0, 0.0, -5.0, T),
        (109.99, 0.0, -5.0, N),
        (70.0, 20.0, -5.0, T),
        (70.0, 19.99, -5.0, E),
        (79.99, 0.0, 0.0, E),
        (79.99, 0.0, 0.01, N),
        (80.0, 0.0, -5.0, N),
        (79.99, 0.0, "warm-up", N),
    ],
)
def test_layer_3(move: float, jump: float, month: float | str, verdict: str) -> None:
    changes = {"move_index": move, "move_change_5d_index": jump, "move_change_21d_index": month}
    assert layer("rates_volatility", **changes) == verdict


def test_layer_3_with_the_proxy_knows_points_but_no_jump() -> None:
    gone = {"move_index": "stale", "move_change_5d_index": "stale", "move_change_21d_index": "stale"}
    assert layer("rates_volatility", proxy_rate_volatility_bp=95.0, **gone) == T
    assert layer("rates_volatility", proxy_rate_volatility_bp=60.0, **gone) == U
    assert layer("rates_volatility", proxy_rate_volatility_bp="stale", **gone) == U


@pytest.mark.parametrize(
    ("change", "yen", "verdict"),
    [
        (-25.0, 0.0, T),
        (-24.9, 0.0, N),
        (0.0, -0.03, T),
        (10.0, 0.0, E),
        (9.9, 0.0, N),
        (10.0, -0.0001, N),
        (30.0, -0.03, T),
        ("stale", 0.0, U),
        (10.0, "stale", U),
    ],
)
def test_layer_4(change: float | str, yen: float | str, verdict: str) -> None:
    assert layer("carry", carry_2y_change_21d_bp=change, usdjpy_return_10d_ratio=yen) == verdict


@pytest.mark.parametrize(
    ("level", "change", "verdict"),
    [
        (400.0, 24.9, N),
        (400.0, 25.0, T),
        (499.9, 0.0, N),
        (500.0, 0.0, T),
        (400.0, -24.9, N),
        (400.0, -25.0, E),
        (500.0, -25.0, T),  # both columns: it tightens
        ("stale", 0.0, U),
        (400.0, "stale", U),
    ],
)
def test_layer_5(level: float | str, change: float | str, verdict: str) -> None:
    assert layer("credit", hy_oas_bp=level, hy_oas_change_21d_bp=change) == verdict


def test_layer_5_speaks_of_the_spread_that_credit_speaks_of() -> None:
    absent = {"hy_oas_bp": "missing", "hy_oas_change_21d_bp": "missing"}
    assert layer("credit", baa_10y_change_21d_bp=25.0, **absent) == T
    assert layer("credit", baa_10y_change_21d_bp=-25.0, **absent) == E


# ---- B: the state --------------------------------------------------------------------------------------------------


def board(*verdicts: str, is_unwind: bool = False) -> str:
    return dashboard_state(dict(zip(LAYERS, verdicts, strict=True)), is_unwind=is_unwind)


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        # net liquidity, funding, rates volatility, carry, credit
        ((T, T, N, N, T), "tight_confirmed"),
        ((T, T, T, N, N), "tight_unconfirmed"),
        ((T, T, N, N, N), "mixed"),
        ((T, N, N, N, T), "mixed"),
        ((E, E, N, N, N), "easy"),
        ((E, N, N, N, N), "mixed"),
        ((E, E, E, E, T), "mixed"),
        ((N, N, N, N, N), "mixed"),
        ((T, T, T, T, T), "tight_confirmed"),
    ],
)
def test_dashboard(verdicts: Sequence[str], state: str) -> None:
    assert board(*verdicts) == state


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ((N, N, T, T, N), "deleveraging"),
        ((N, N, N, T, T), "deleveraging"),
        ((N, N, N, T, N), "mixed"),
        ((T, T, N, T, N), "tight_unconfirmed"),
        ((T, T, N, T, T), "deleveraging"),
    ],
)
def test_deleveraging_is_an_unwind_with_rates_or_credit(verdicts: Sequence[str], state: str) -> None:
    assert board(*verdicts, is_unwind=True) == state


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        # one unknown layer that cannot change the state
        ((U, N, N, N, N), "mixed"),
        ((N, U, N, N, N), "mixed"),
        ((N, N, N, U, N), "mixed"),
        ((U, T, T, N, T), "tight_confirmed"),
        ((U, T, N, N, N), "mixed"),
        ((T, T, T, N, U), "unknown"),  # confirmed or not
        # one that can
        ((U, T, T, N, N), "unknown"),  # mixed or tight_unconfirmed
        ((U, T, N, N, T), "unknown"),  # mixed or tight_confirmed
        ((U, E, N, N, N), "unknown"),  # easy or mixed
        ((U, E, E, N, N), "unknown"),  # easy or mixed
        ((N, N, N, N, U), "mixed"),
        # carry may turn out to unwind
        ((N, N, T, U, N), "unknown"),
        ((N, N, N, U, T), "unknown"),
        ((T, T, T, U, T), "unknown"),
        ((T, T, N, U, N), "unknown"),
        # two unknown layers, whatever the rest
        ((U, U, N, N, N), "unknown"),
        ((T, T, U, U, T), "unknown"),
        ((U, U, T, T, T), "unknown"),  # though tight_confirmed in any case
        ((U, N, T, T, T), "tight_confirmed"),
    ],
)
def test_every_completion_of_an_unknown_layer_must_agree(verdicts: Sequence[str], state: str) -> None:
    assert board(*verdicts) == state


def test_an_unwind_is_deleveraging_whatever_an_unknown_layer_is() -> None:
    assert board(U, N, T, T, N, is_unwind=True) == "deleveraging"
    assert board(N, N, U, T, N, is_unwind=True) == "unknown"
    assert board(N, N, U, T, T, is_unwind=True) == "deleveraging"


def boards(*days: DayInputs) -> list[str]:
    memory: dict[str, Any] = {}
    found = []
    for inputs in days:
        memory, dashboard = step_dashboard(memory, inputs, states_of(inputs))
        found.append(dashboard.state)
    return found


def test_the_dashboard_goes_down_after_three_sessions_and_up_at_once() -> None:
    easy = {"nl_change_4w_ratio": 0.02, "sofr": [-1.0] * 3}
    days = [day(0), *(day(n, **easy) for n in range(1, 4)), day(4)]
    assert boards(*days) == ["mixed", "mixed", "mixed", "easy", "mixed"]
    broken = [day(0), day(1, **easy), day(2, **easy), day(3), day(4, **easy), day(5, **easy)]
    assert boards(*broken) == ["mixed"] * 6


def test_an_unknown_dashboard_publishes_at_once_and_so_does_the_first_known_one() -> None:
    gone = {"sofr_iorb_bp": "stale", "nl_change_4w_ratio": "stale"}
    easy = {"nl_change_4w_ratio": 0.02, "sofr": [-1.0] * 3}
    assert boards(day(0), day(1, **gone), day(2, **easy)) == ["mixed", "unknown", "easy"]


def test_the_dashboard_of_the_seeds_own_date_is_mixed() -> None:
    inputs = day(
        nl_change_4w_ratio=-0.0155,
        nl_change_13w_ratio=0.0140,
        nl_print_date=date(2026, 2, 4),
        sofr=[4.0, 0.0, 0.0],
        move_index=63.0,
        move_change_5d_index=2.0,
        move_change_21d_index=1.0,
        carry_2y_change_21d_bp=-9.1,
        hy_oas_bp=297.0,
        hy_oas_change_21d_bp=18.0,
        session_date=date(2026, 2, 5),
    )
    states = states_of(inputs)
    _, dashboard = step_dashboard({}, inputs, states)
    assert states["funding"].state == "ample"
    assert dashboard.layers == {
        "net_liquidity": T,
        "funding": E,
        "rates_volatility": N,
        "carry": N,
        "credit": N,
    }
    assert (dashboard.state, dashboard.count(T)) == ("mixed", 1)


# ---- A: legs -------------------------------------------------------------------------------------------------------


def sentiments(*days: DayInputs) -> list[dict[str, Sentiment]]:
    memory: dict[str, Any] = {}
    found = []
    for inputs in days:
        memory, both = step_sentiment(memory, inputs, states_of(inputs))
        found.append(both)
    return found


@pytest.mark.parametrize(
    ("leg", "changes", "verdict"),
    [
        ("panic_vix", {"vix_index": 35.0}, False),
        ("panic_vix", {"vix_index": 35.01}, True),
        ("panic_vix", {"vix_index": "stale"}, None),
        ("panic_put_call", {"put_call_total_ratio": 1.20}, False),
        ("panic_put_call", {"put_call_total_ratio": 1.2001}, True),
        ("panic_put_call", {"put_call_total_ratio": "stale"}, None),
        ("panic_flows", {"flow_5d_zscore": -2.0, "flow_5d_usd_mn": -1.0}, True),
        ("panic_flows", {"flow_5d_zscore": -2.0, "flow_5d_usd_mn": 1.0}, False),
        ("panic_flows", {"flow_5d_zscore": -1.99, "flow_5d_usd_mn": -1.0}, False),
        ("panic_flows", {"flow_5d_zscore": -3.0, "etf_flows_coverage_ratio": 0.79}, None),
        ("panic_breadth", {"above_200dma_pct": 30.0}, False),
        ("panic_breadth", {"above_200dma_pct": 29.99}, True),
        ("panic_breadth", {"above_200dma_pct": 20.0, "breadth_coverage_ratio": 0.94}, None),
        ("optimism_vix", {"vix_index": 13.0}, False),
        ("optimism_vix", {"vix_index": 12.99}, True),
        ("optimism_put_call", {"put_call_total_ratio": 0.70}, False),
        ("optimism_put_call", {"put_call_total_ratio": 0.6999}, True),
        ("optimism_flows", {"flow_5d_zscore": 2.0, "flow_5d_usd_mn": 1.0}, True),
        ("optimism_flows", {"flow_5d_zscore": 2.0, "flow_5d_usd_mn": -1.0}, False),
        ("optimism_leverage", {"margin_debt_yoy_ratio": 0.25, "margin_debt_3m_ratio": 0.08}, True),
        ("optimism_leverage", {"margin_debt_yoy_ratio": 0.25, "margin_debt_3m_ratio": 0.07}, False),
        ("optimism_leverage", {"margin_debt_yoy_ratio": "stale"}, None),
    ],
)
def test_sentiment_legs(leg: str, changes: Mapping[str, Any], verdict: bool | None) -> None:
    assert sentiments(day(**changes))[0]["1d"].legs[leg] is verdict


def test_a_leg_is_true_in_the_window_for_five_sessions() -> None:
    found = [both["5d"].legs["panic_vix"] for both in sentiments(day(0, vix_index=40), *(day(n) for n in range(1, 7)))]
    assert found == [True] * 5 + [False, False]


def test_the_window_is_unknown_until_it_is_full_and_while_an_unknown_is_in_it() -> None:
    days = [*(day(n) for n in range(5)), day(5, vix_index="stale"), *(day(n) for n in range(6, 12))]
    found = [both["5d"].legs["panic_vix"] for both in sentiments(*days)]
    assert found == [None] * 4 + [False] + [None] * 5 + [False, False]


def test_a_true_leg_outweighs_an_unknown_one_in_the_window() -> None:
    found = sentiments(day(0, vix_index="stale"), day(1, vix_index=40))
    assert found[1]["5d"].legs["panic_vix"] is True


# ---- A: counts and states ------------------------------------------------------------------------------------------


def legs(panic: Iterable[bool | None], optimism: Iterable[bool | None]) -> dict[str, bool | None]:
    return dict(zip((*PANIC, *OPTIMISM), (*panic, *optimism), strict=True))


NONE_OF = (False,) * 4


@pytest.mark.parametrize(
    ("panic", "optimism", "normal", "state"),
    [
        ((True, True, True, False), NONE_OF, False, "extreme_panic"),
        ((True, True, True, None), NONE_OF, None, "extreme_panic"),
        ((True, True, False, False), NONE_OF, False, "mixed"),
        ((True, True, False, None), NONE_OF, False, "unknown"),
        ((True, True, None, None), NONE_OF, True, "unknown"),
        ((True, False, False, None), NONE_OF, True, "normal"),
        ((True, False, None, None), NONE_OF, False, "unknown"),
        (NONE_OF, (True, True, False, False), False, "extreme_optimism"),
        (NONE_OF, (True, True, None, None), None, "extreme_optimism"),
        (NONE_OF, (True, False, False, False), False, "mixed"),
        (NONE_OF, (True, False, False, None), False, "unknown"),
        (NONE_OF, (False, False, False, None), True, "normal"),
        (NONE_OF, (False, False, None, None), True, "unknown"),
        ((None,) * 4, (True, True, False, False), False, "extreme_optimism"),
        (NONE_OF, NONE_OF, None, "unknown"),
        (NONE_OF, NONE_OF, True, "normal"),
        (NONE_OF, NONE_OF, False, "mixed"),
        ((True, True, True, False), (False, False, True, True), False, "extreme_panic"),
    ],
)
def test_sentiment_states(
    panic: Sequence[bool | None], optimism: Sequence[bool | None], normal: bool | None, state: str
) -> None:
    found = sentiment(legs(panic, optimism), normal)
    assert found.state == state
    for side, verdicts in ((found.panic, panic), (found.optimism, optimism)):
        assert side.true_count == list(verdicts).count(True)
        assert side.false_count == list(verdicts).count(False)
        assert side.unknown_count == list(verdicts).count(None)


def test_conflict_and_strong_optimism() -> None:
    both = sentiment(legs((True, True, True, False), (False, False, True, True)), normal=False)
    assert (both.is_conflict, both.is_optimism_strong) == (True, False)
    assert sentiment(legs(NONE_OF, (True, True, True, False)), normal=False).is_optimism_strong is True
    assert sentiment(legs(NONE_OF, (True, True, None, False)), normal=False).is_optimism_strong is None
    assert sentiment(legs((True, True, True, True), (True, None, False, False)), normal=False).is_conflict is None
    assert sentiment(legs(NONE_OF, (True, True, True, True)), normal=False).is_conflict is False


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"vix_index": 15.0}, "normal"),
        ({"vix_index": 14.99}, "mixed"),
        ({"vix_index": 25.0}, "normal"),
        ({"vix_index": 25.01}, "mixed"),
        ({"put_call_total_ratio": 0.80}, "normal"),
        ({"put_call_total_ratio": 0.7999}, "mixed"),
        ({"put_call_total_ratio": 1.20}, "normal"),
        ({"flow_5d_zscore": 1.99}, "normal"),
        ({"flow_5d_zscore": 2.0, "flow_5d_usd_mn": -1.0}, "mixed"),
        ({"flow_5d_zscore": -1.99}, "normal"),
        ({"above_200dma_pct": 50.0}, "normal"),
        ({"above_200dma_pct": 49.99}, "mixed"),
        ({"above_200dma_pct": 70.0}, "normal"),
        ({"above_200dma_pct": 70.01}, "mixed"),
        ({"above_200dma_pct": "stale"}, "unknown"),
        ({"above_200dma_pct": "stale", "vix_index": 28.0}, "mixed"),
        ({"flow_5d_zscore": "stale"}, "unknown"),
    ],
)
def test_normal_is_a_conjunction_of_three_values(changes: Mapping[str, Any], state: str) -> None:
    assert sentiments(day(**changes))[0]["1d"].state == state


def test_normal_is_tested_on_the_day_itself_panic_in_the_window() -> None:
    panic = {"vix_index": 40, "put_call_total_ratio": 1.3, "above_200dma_pct": 20}
    days = [*(day(n) for n in range(4)), day(4, **panic), day(5), *(day(n) for n in range(6, 11))]
    found = sentiments(*days)
    assert [both["1d"].state for both in found[3:6]] == ["normal", "extreme_panic", "normal"]
    assert [both["5d"].state for both in found[4:10]] == ["extreme_panic"] * 5 + ["normal"]


# ---- C: core score, overlay, publication ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (0, "CALM"),
        (1, "NORMAL"),
        (2, "CAUTION"),
        (3, "CAUTION"),
        (4, "STRESS"),
        (6, "STRESS"),
        (7, "CRISIS"),
        (12, "CRISIS"),
        (None, "unknown"),
    ],
)
def test_class_of_the_core_score(score: int | None, name: str) -> None:
    assert class_of(score) == name


def test_a_total_needs_every_part() -> None:
    assert total([3, 3, 3, 3]) == 12
    assert total([3, 3, None, 3]) is None


def state_of(points: int | None, name: str = "x") -> DimensionState:
    known = "unknown" if points is None else name
    return DimensionState(known, points, known, points)


def states_with(
    core: Sequence[int | None], plumbing: Sequence[int | None], funding: str = "x"
) -> dict[str, DimensionState]:
    """Volatility, credit, rates volatility, breadth; funding, carry, net liquidity."""
    names = ("volatility", "credit", "rates_volatility", "breadth", "funding", "carry", "net_liquidity")
    scored = {name: state_of(points) for name, points in zip(names, (*core, *plumbing), strict=True)}
    scored["funding"] = state_of(plumbing[0], funding)
    return {name: scored.get(name, state_of(None)) for name in DIMENSIONS}


CALM = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("core", "plumbing", "funding", "raw", "driver", "score", "is_partial"),
    [
        (CALM, (1, 1, 0), "tight", "CALM", "core", 2, False),
        (CALM, (1, 1, 1), "tight", "CAUTION", "plumbing", 3, False),
        ((1, 0, 0, 0), (2, 1, 0), "stress", "CAUTION", "plumbing", 3, False),
        (CALM, (3, 0, 0), "dysfunction", "CAUTION", "plumbing", 3, False),
        (CALM, (3, 3, 2), "dysfunction", "CAUTION", "plumbing", 8, False),  # no chaining
        ((2, 0, 0, 0), (2, 1, 0), "stress", "CAUTION", "core", 3, False),
        ((2, 0, 0, 0), (3, 0, 0), "dysfunction", "CAUTION", "core", 3, False),
        ((2, 0, 0, 0), (2, 2, 0), "stress", "STRESS", "plumbing", 4, False),
        ((2, 1, 0, 0), (3, 3, 2), "dysfunction", "STRESS", "plumbing", 8, False),
        ((2, 2, 0, 0), (3, 3, 2), "dysfunction", "STRESS", "core", 8, False),  # never CRISIS
        ((3, 3, 1, 0), (3, 3, 2), "dysfunction", "CRISIS", "core", 8, False),
        # one unknown counts 0 and is said; with two there is no overlay, even in dysfunction
        (CALM, (None, 3, 0), "x", "CAUTION", "plumbing", 3, True),
        (CALM, (None, 2, 0), "x", "CALM", "core", 2, True),
        (CALM, (3, None, None), "dysfunction", "CALM", "core", None, True),
        (CALM, (None, None, None), "x", "CALM", "core", None, True),
        # an unknown core is unknown, whatever the plumbing
        ((0, None, 0, 0), (3, 3, 2), "dysfunction", "unknown", None, 8, False),
    ],
)
def test_plumbing_overlay(
    core: Sequence[int | None],
    plumbing: Sequence[int | None],
    funding: str,
    raw: str,
    driver: str | None,
    score: int | None,
    is_partial: bool,
) -> None:
    _, headline = step_headline({}, states_with(core, plumbing, funding))
    assert (headline.raw_class, headline.regime_class) == (raw, raw)
    assert (headline.driver, headline.plumbing_score, headline.is_partial) == (driver, score, is_partial)


def test_overlay_by_its_parts() -> None:
    assert plumbing_score(states_with(CALM, (2, None, 1))) == 3
    assert lifted("NORMAL", 2, "dysfunction") == "CAUTION"
    assert lifted("CALM", None, "dysfunction") == "CALM"
    assert lifted("unknown", 8, "dysfunction") == "unknown"
    assert lifted("CALM", 3, None) == "CAUTION"


def test_the_lifted_class_is_what_the_publication_fold_receives() -> None:
    memory: dict[str, Any] = {}
    published = []
    for plumbing in [(3, 0, 0), *[(0, 0, 0)] * 5]:
        memory, headline = step_headline(memory, states_with(CALM, plumbing))
        published.append(headline.regime_class)
    assert published == ["CAUTION"] * 5 + ["CALM"]


def test_unknown_core_clears_the_published_class() -> None:
    memory: dict[str, Any] = {}
    published = []
    for core in [(3, 3, 1, 1), CALM, (0, None, 0, 0), CALM]:
        memory, headline = step_headline(memory, states_with(core, (0, 0, 0)))
        published.append(headline.regime_class)
    assert published == ["CRISIS", "CRISIS", "unknown", "CALM"]


def test_top_drivers_are_sorted_by_points_then_in_order() -> None:
    found = top_drivers(states_with((1, 2, 0, 1), (0, 3, None)))
    assert found == (("carry", 3), ("credit", 2), ("volatility", 1), ("breadth", 1))
    assert top_drivers(states_with(CALM, (0, 0, 0))) == ()


def test_score_uses_folded_points_and_raw_score_raw_ones() -> None:
    states = states_with(CALM, (0, 0, 0))
    states["volatility"] = DimensionState("panic", 2, "normal", 0)
    _, headline = step_headline({}, states)
    assert (headline.core_score, headline.core_score_raw) == (2, 0)


GOLDEN = """
2007-08-16 30.83  4.59  1.39 109.8 37.0 1/2/0/1  4
2008-10-10 69.95 15.36  6.74 264.6  2.6 3/3/3/3 12
2009-03-09 49.68 18.86  2.73 160.5  2.4 2/3/2/3 10
2010-05-20 45.79  6.92  1.37 110.9 50.6 2/2/1/0  5
2013-06-24 20.11  5.34  0.92 111.0 71.9 0/1/1/0  2
2015-08-24 40.74  6.14  0.82  94.5 19.9 2/1/0/2  5
2018-02-05 37.32  3.48  0.08  60.4 61.2 2/0/0/0  2
2019-09-17 14.44  3.81 -0.66  84.8 72.9 0/0/0/0  0
2020-03-16 82.69  8.38  4.81 124.5  3.6 3/3/1/3 10
2022-06-16 32.95  5.17  0.57 138.1 12.3 1/1/1/2  5
2024-08-05 38.57  3.93  0.66 121.2 60.4 2/1/1/0  4
2025-11-20 26.42  3.17  0.16  77.8 47.5 1/0/0/1  2
2026-02-05 21.77  2.97  0.18  62.2 65.4 0/0/0/0  0
"""


@pytest.mark.parametrize("line", GOLDEN.split("\n")[1:-1])
def test_golden_core_scores(line: str) -> None:
    when, vix, oas, change, move, above, points, score = line.split()
    inputs = day(
        session_date=date.fromisoformat(when),
        vix_index=float(vix),
        hy_oas_bp=100 * float(oas),
        hy_oas_change_21d_bp=100 * float(change),
        move_index=float(move),
        above_200dma_pct=float(above),
    )
    states = states_of(inputs)
    _, headline = step_headline({}, states)
    names = ("volatility", "credit", "rates_volatility", "breadth")
    assert "/".join(str(states[name].raw_points) for name in names) == points
    assert headline.core_score_raw == int(score)
    assert headline.core_class == headline.regime_class == class_of(int(score))
