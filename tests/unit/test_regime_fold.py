"""The folds on hand-made sequences, apart from any dimension's meaning; and the table of thresholds itself."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise

import pytest

from analytics.regimes.composites import CLASSES, DASHBOARD_ORDER
from analytics.regimes.fold import Observation, fold_ladder, fold_publication
from analytics.regimes.thresholds import all_of, any_of, ladder, rule, thresholds
from analytics.regimes.types import DIMENSIONS, SCORED

DAY = date(2024, 2, 12)


def moves(*values: float | str | tuple[float]) -> list[str]:
    """Fold MOVE values: a text is the reason of an unknown day, a tuple a value carried."""
    memory: dict[str, object] = {}
    states = []
    for place, value in enumerate(values):
        now = DAY + timedelta(days=place)
        if isinstance(value, str):
            observation = Observation({}, None, False, reason=value)
        elif isinstance(value, tuple):
            observation = Observation({"move": value[0]}, now - timedelta(days=1), False)
        else:
            observation = Observation({"move": value}, now)
        memory, folded = fold_ladder("rates_volatility", json.loads(json.dumps(memory)), observation, now)
        states.append(folded.level.state if folded else "unknown")
    return states


# ---- the ladder ----------------------------------------------------------------------------------------------------


def test_a_worse_state_is_entered_at_once_and_may_skip_levels() -> None:
    assert moves(70, 110, 180) == ["calm", "elevated", "extreme"]


def test_a_level_is_left_after_its_exit_held_often_enough_in_a_row() -> None:
    assert moves(112, 104, 104, 104) == ["elevated", "elevated", "elevated", "normal"]
    assert moves(112, 104, 104, 105, 104, 104, 104)[-2:] == ["elevated", "normal"]


def test_between_exit_and_enter_a_level_stays() -> None:
    assert moves(112, 109, 109, 109, 109, 109) == ["elevated"] * 6


def test_one_falls_to_the_worst_lower_level_whose_exit_does_not_hold() -> None:
    # 107 is above the exit of elevated, though below its entrance
    assert moves(145, 107, 107, 107, 107, 107) == ["stress"] * 5 + ["elevated"]
    assert moves(145, 104, 104, 104, 104, 104) == ["stress"] * 5 + ["normal"]
    assert moves(190, 60, 60, 60, 60, 60) == ["extreme"] * 5 + ["calm"]


def test_the_level_one_fell_to_counts_anew() -> None:
    assert moves(145, 107, 107, 107, 107, 107, 104, 104, 104) == ["stress"] * 5 + ["elevated"] * 3 + ["normal"]


def test_a_level_without_exit_is_left_as_soon_as_its_enter_rule_fails() -> None:
    assert moves(80, 79.99) == ["normal", "calm"]


def test_an_unknown_day_neither_advances_nor_resets_the_exit() -> None:
    assert moves(112, 104, 104, "coverage", 104) == ["elevated"] * 3 + ["unknown", "normal"]


def test_a_carried_value_neither_advances_nor_resets_the_exit() -> None:
    assert moves(112, 104, 104, (104,), 104) == ["elevated"] * 4 + ["normal"]
    assert moves(112, 104, 104, (109,), 104) == ["elevated"] * 4 + ["normal"]


def test_a_carried_value_that_was_revised_upward_enters_at_once() -> None:
    assert moves(104, (111,)) == ["normal", "elevated"]


def test_past_the_limit_all_is_forgotten_and_the_next_known_day_enters_by_the_raw_rules() -> None:
    assert moves(145, 136, "stale", 136) == ["stress", "stress", "unknown", "elevated"]


@pytest.mark.parametrize(("gap", "then"), [(4, "stress"), (5, "stress"), (6, "elevated")])
def test_other_unknown_days_are_forgotten_past_the_same_limit(gap: int, then: str) -> None:
    assert moves(145, *["missing"] * gap, 136)[-1] == then


def test_another_basis_starts_by_the_raw_rules() -> None:
    memory, _ = fold_ladder("rates_volatility", {}, Observation({"move": 145.0}, DAY), DAY)
    proxy = Observation({"proxy_rate_volatility": 100.0}, DAY, basis="proxy")
    memory, folded = fold_ladder("rates_volatility", memory, proxy, DAY + timedelta(days=1))
    assert folded is not None
    assert folded.level.state == "elevated"
    _, folded = fold_ladder("rates_volatility", memory, Observation({"move": 107.0}, DAY), DAY + timedelta(days=2))
    assert folded is not None
    assert folded.level.state == "normal"


def test_raw_has_no_memory() -> None:
    memory, _ = fold_ladder("rates_volatility", {}, Observation({"move": 145.0}, DAY), DAY)
    _, folded = fold_ladder("rates_volatility", memory, Observation({"move": 100.0}, DAY), DAY)
    assert folded is not None
    assert (folded.level.state, folded.raw.state) == ("stress", "normal")


def test_a_fold_does_not_touch_the_memory_it_was_given() -> None:
    memory = {"basis": "main", "state": "stress", "count": 4, "known_date": DAY.isoformat()}
    before = dict(memory)
    fold_ladder("rates_volatility", memory, Observation({"move": 100.0}, DAY), DAY)
    assert memory == before


# ---- the publication -----------------------------------------------------------------------------------------------


def published(*raws: str, sessions: int = 5) -> list[str]:
    memory: dict[str, object] = {}
    states = []
    for raw in raws:
        memory, state = fold_publication(CLASSES, sessions, json.loads(json.dumps(memory)), raw)
        states.append(state)
    return states


def test_a_worse_class_publishes_at_once() -> None:
    assert published("CALM", "NORMAL", "CRISIS") == ["CALM", "NORMAL", "CRISIS"]


def test_a_better_class_publishes_on_the_fifth_session_and_it_is_the_worst_of_the_five() -> None:
    found = published("CRISIS", "CALM", "CAUTION", "STRESS", "NORMAL", "CALM")
    assert found == ["CRISIS"] * 5 + ["STRESS"]


def test_the_buffer_is_cleared_after_it_published() -> None:
    falling = published("STRESS", *["CAUTION"] * 5, *["CALM"] * 4)
    assert falling == ["STRESS"] * 5 + ["CAUTION"] * 5
    assert published("STRESS", *["CAUTION"] * 5, *["CALM"] * 5)[-1] == "CALM"


def test_the_same_or_a_worse_class_clears_the_buffer() -> None:
    assert published("STRESS", *["CALM"] * 4, "STRESS", *["CALM"] * 4)[-1] == "STRESS"
    assert published("CAUTION", *["CALM"] * 4, "STRESS", *["CAUTION"] * 4)[-1] == "STRESS"


def test_unknown_publishes_at_once_and_the_first_known_class_after_it_too() -> None:
    assert published("CRISIS", "CALM", "unknown", "CALM") == ["CRISIS", "CRISIS", "unknown", "CALM"]


def test_the_first_class_publishes_at_once() -> None:
    assert published("CAUTION") == ["CAUTION"]


# ---- three-valued logic and the table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "both", "either"),
    [
        ((True, True), True, True),
        ((True, False), False, True),
        ((True, None), None, True),
        ((False, False), False, False),
        ((False, None), False, None),
        ((None, None), None, None),
    ],
)
def test_unknown_is_a_third_truth_value(
    verdicts: tuple[bool | None, ...], both: bool | None, either: bool | None
) -> None:
    assert all_of(verdicts) is both
    assert all_of(verdicts[::-1]) is both
    assert any_of(verdicts) is either
    assert any_of(verdicts[::-1]) is either


def test_every_threshold_says_where_it_comes_from() -> None:
    assert all(line.source_text.startswith(("quant ", "funding_daily")) for line in thresholds())
    assert {line.dimension for line in thresholds()} == {*DIMENSIONS, "dashboard", "sentiment", "regime_class"}
    assert all(line.unit for line in thresholds() if line.value)


def test_the_tests_of_one_exit_name_one_count() -> None:
    for line in thresholds():
        assert (line.exit_n is not None) == (line.test == "exit" or line.state == "band"), line


@pytest.mark.parametrize("dimension", [*DIMENSIONS, "dashboard", "regime_class"])
def test_the_states_of_a_ladder_stand_in_order_and_one_always_holds(dimension: str) -> None:
    levels = ladder(dimension)
    tested = [level.severity for level in levels if level.enter.clauses]
    assert tested == sorted(tested, reverse=True)
    assert len({level.severity for level in levels}) == len(levels)
    if dimension != "net_liquidity":
        assert not levels[-1].enter.clauses


@pytest.mark.parametrize("dimension", [name for name in SCORED if name != "net_liquidity"])  # it has no severity
def test_points_do_not_fall_with_severity(dimension: str) -> None:
    points = [level.base_points for level in ladder(dimension)]
    assert all(worse is not None and better is not None and worse >= better for worse, better in pairwise(points))


def test_orders_of_the_composites_are_those_of_the_table() -> None:
    def by_severity(name: str) -> list[str]:
        return [level.state for level in sorted(ladder(name), key=lambda level: level.severity)]

    assert by_severity("regime_class") == list(CLASSES)
    assert by_severity("dashboard") == list(DASHBOARD_ORDER)


def test_a_rule_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="no flag of carry"):
        rule("carry", "is_there", "flag")
