"""Known episodes: what counts as found, what as not testable, and why."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.regimes.columns import COLUMN_NAMES
from analytics.regimes.composites import class_of
from analytics.regimes.followed import _MEASURES
from analytics.regimes.known_episodes import (
    EXPECTATIONS,
    KNOWN_EPISODES,
    Expectation,
    expectations,
    regime_known_episodes,
    with_published_breadth,
)

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 10)


def expect(test, column: str, low: float | None = None, high: float | None = None, tolerance: float = 0, *states: str):
    return Expectation("case", "episode", "aspect", FIRST, LAST, test, column, low, high, tolerance, states, "here")


def found(expectation: Expectation, values: list, *, is_simulated: bool = False, **more: list) -> dict:
    """Return the row of one expectation about ten sessions with these values of its column."""
    days = [FIRST + timedelta(days=day) for day in range(len(values))]
    rows = pl.DataFrame({"session_date": days, expectation.column: values} | more)
    return regime_known_episodes(rows, is_simulated=is_simulated, expected=[expectation]).row(0, named=True)


def test_a_maximum_in_the_expected_range():
    row = found(expect("maximum", "core_score_raw", 5, 6), [0, 1, 5, 3, 5, 0, 0, 0, 0, 0])
    assert (row["value"], row["found_date"], row["is_as_expected"]) == (5.0, date(2024, 1, 3), True)
    assert row["expected_text"] == "maximum of core_score_raw 5 to 6"
    assert row["found_text"] == "maximum 5 on 2024-01-03"


@pytest.mark.parametrize(
    ("top", "fits", "off"), [(3, False, 1), (4, True, 0), (7, True, 1), (8, False, 1), (1, False, 2)]
)
def test_a_score_within_its_tolerance_and_how_many_classes_off(top: int, fits: bool, off: int):
    """STRESS 5 to 6, within 1: 4 and 7 fit; 7 is CRISIS, one class off; 1 is NORMAL, two off."""
    row = found(expect("maximum", "core_score_raw", 5, 6, 1), [0] * 9 + [top])
    assert (row["is_as_expected"], row["classes_off_count"]) == (fits, off)


def test_other_figures_have_no_classes():
    row = found(expect("minimum", "above_200dma_pct", 10, 10, 3), [50.0] * 9 + [12.0])
    assert (row["value"], row["is_as_expected"], row["classes_off_count"]) == (12.0, True, None)


def test_a_mean_and_a_drawdown_by_hand():
    assert found(expect("mean", "core_score_raw", 0.5, 0.5), [0, 1] * 5)["is_as_expected"] is True
    closes = [100.0, 110.0, 99.0, 104.5, 88.0, 90.0, 95.0, 120.0, 114.0, 115.0]
    row = found(expect("drawdown", "sp500_close_index", -20, -20, 1), closes)  # 110 to 88
    assert (row["value"], row["found_date"], row["is_as_expected"]) == (-20.0, date(2024, 1, 5), True)


def test_a_state_reached_once_is_reached_however_much_is_unknown():
    row = found(expect("reaches", "carry_state", None, None, 0, "unwind"), ["unknown"] * 9 + ["unwind"])
    assert (row["is_testable"], row["is_as_expected"], row["known_sessions_count"]) == (True, True, 1)
    assert row["found_text"] == "unwind on 1 sessions, first 2024-01-10"


def test_a_state_not_reached_needs_a_known_window():
    expectation = expect("reaches", "carry_state", None, None, 0, "unwind")
    known = found(expectation, ["supportive"] * 8 + ["unknown"] * 2)
    assert (known["is_testable"], known["is_as_expected"], known["found_text"]) == (True, False, "only supportive")
    dark = found(expectation, ["supportive"] * 7 + ["unknown"] * 3)
    assert (dark["is_testable"], dark["is_as_expected"], dark["found_text"]) == (False, None, None)
    assert dark["reason_text"] == "not testable: carry_state is known on 7 of 10 sessions"


def test_a_quiet_month_stays_quiet():
    quiet = expect("stays", "regime_class", None, None, 0, "CALM", "NORMAL")
    assert found(quiet, ["CALM"] * 5 + ["NORMAL"] * 5)["is_as_expected"] is True
    loud = found(quiet, ["CALM"] * 5 + ["unknown"] * 4 + ["CAUTION"])
    assert (loud["is_testable"], loud["is_as_expected"]) == (True, False), "one loud session is enough, dark or not"
    assert loud["found_text"] == "CAUTION on 1 sessions, first 2024-01-10"
    assert found(quiet, ["CALM"] * 5 + ["unknown"] * 5)["is_testable"] is False


def test_a_state_avoided():
    avoided = expect("avoids", "credit_state", None, None, 0, "stress", "crisis")
    assert found(avoided, ["tight"] * 10)["is_as_expected"] is True
    assert found(avoided, ["tight"] * 9 + ["stress"])["is_as_expected"] is False


def test_a_flag():
    assert found(expect("flag", "is_emergency_lending"), [False] * 9 + [True])["is_as_expected"] is True
    assert found(expect("flag", "is_emergency_lending"), [False] * 10)["is_as_expected"] is False
    assert found(expect("flag", "is_emergency_lending"), [False] * 2 + [None] * 8)["is_testable"] is False


def test_the_reason_names_the_dimension_and_its_reason():
    row = found(
        expect("maximum", "core_score_raw", 5, 6),
        [None] * 10,
        breadth_state=["unknown"] * 10,
        breadth_reason=["coverage"] * 9 + ["missing"],
        credit_state=["tight"] * 10,
        credit_reason=[None] * 10,
    )
    assert row["reason_text"] == (
        "not testable: core_score_raw is known on 0 of 10 sessions: breadth unknown on 10 (coverage, missing)"
    )


def test_a_lift_that_unknown_plumbing_could_have_made_is_not_testable():
    """The repo week without SOFR: the class stayed CALM because nobody could see the funding."""
    overlay = expect("reaches", "regime_class", None, None, 0, "CAUTION")
    dark = {
        "is_partial": [True] * 10,
        "funding_state": ["unknown"] * 10,
        "funding_reason": ["missing"] * 10,
        "credit_state": ["tight"] * 10,
        "credit_reason": [None] * 10,
    }
    row = found(overlay, ["CALM"] * 10, **dark)
    assert (row["is_testable"], row["is_as_expected"]) == (False, None)
    assert row["reason_text"] == (
        "not testable: regime_class with its overlay is known on 0 of 10 sessions: funding unknown on 10 (missing)"
    )
    assert found(overlay, ["CALM"] * 10, is_partial=[False] * 8 + [True] * 2)["is_as_expected"] is False
    assert found(overlay, ["CALM"] * 9 + ["CAUTION"], **dark)["is_as_expected"] is True, "lifted all the same"
    quiet = expect("stays", "regime_class", None, None, 0, "CALM", "NORMAL")
    assert found(quiet, ["CALM"] * 10, **dark)["is_as_expected"] is True, "what was published was quiet"


def test_a_window_before_the_history():
    row = regime_known_episodes(
        pl.DataFrame(schema={"session_date": pl.Date, "core_score_raw": pl.Int32}),
        is_simulated=False,
        expected=[expect("maximum", "core_score_raw", 5, 6)],
    ).row(0, named=True)
    assert (row["is_testable"], row["sessions_count"]) == (False, 0)
    assert row["reason_text"] == "not testable: no session of the window is in regime_daily"


def test_a_simulated_market_has_no_known_episodes():
    row = found(expect("maximum", "core_score_raw", 5, 6), [5] * 10, is_simulated=True)
    assert (row["is_testable"], row["is_as_expected"], row["value"]) == (False, None, None)
    assert "simulated" in row["reason_text"]


def test_the_expectations_are_about_columns_that_exist():
    known = {*COLUMN_NAMES, *_MEASURES, "above_200dma_pct"}
    assert {expectation.column for expectation in expectations()} <= known


def test_every_episode_and_control_of_the_design_is_there():
    by_kind: dict[str, set[str]] = {}
    for expectation in expectations():
        by_kind.setdefault(expectation.kind, set()).add(expectation.episode)
        assert expectation.first <= expectation.last
    assert {kind: len(names) for kind, names in by_kind.items()} == {
        "episode": 14,
        "negative control": 6,
        "yearly mean": 9,
    }
    for episode in by_kind["episode"]:
        assert any(e.episode == episode and e.column == "core_score_raw" for e in expectations())


@pytest.mark.parametrize(
    "line",
    [
        "maximum,core_score_raw,,,1,",
        "maximum,core_score_raw,5,,1,",
        "reaches,carry_state,,,,",
        "reaches,carry_state,1,2,,unwind",
        "guess,x,1,2,,",
    ],
)
def test_a_line_that_says_nothing_testable_is_refused(tmp_path: Path, line: str):
    path = tmp_path / "expectations.csv"
    head = EXPECTATIONS.read_text(encoding="utf-8").splitlines()[0]
    path.write_text(f"{head}\nx,episode,y,2024-01-01,2024-01-02,{line},here\n")
    with pytest.raises(ValueError, match="known episode x"):
        expectations(path)


def core_row(score: int | None, published: float | None, credit: int | None = 1) -> dict:
    """Return what with_published_breadth makes of a session with 1, `credit` and 0 raw points of the three others."""
    rows = pl.DataFrame(
        {
            "session_date": [FIRST],
            "core_score_raw": [score],
            "regime_class_raw": ["unknown" if score is None else class_of(score)],
            "volatility_raw_points": [1],
            "credit_raw_points": [credit],
            "rates_volatility_raw_points": [0],
            "published_above_200dma_pct": [published],
        },
        schema_overrides={
            "core_score_raw": pl.Int32,
            "credit_raw_points": pl.Int32,
            "published_above_200dma_pct": pl.Float64,
        },
    )
    return with_published_breadth(rows).row(0, named=True)


def test_published_breadth_stands_in_for_our_own():
    """29.99 % is washed out, two points: 1 + 1 + 0 + 2."""
    row = core_row(None, 29.99)
    assert (row["core_score_raw"], row["regime_class_raw"], row["is_breadth_published"]) == (4, "STRESS", True)
    assert core_row(None, 30.0)["core_score_raw"] == 3


def test_our_own_score_stays_and_other_gaps_are_not_filled():
    own = core_row(0, 9.0)
    assert (own["core_score_raw"], own["regime_class_raw"], own["is_breadth_published"]) == (0, "CALM", False)
    assert core_row(None, None)["core_score_raw"] is None
    dark = core_row(None, 29.0, credit=None)
    assert (dark["core_score_raw"], dark["regime_class_raw"]) == (None, "unknown")


def test_what_was_found_says_whose_breadth_it_was():
    row = found(expect("maximum", "core_score_raw", 5, 6), [5] * 10, is_breadth_published=[False] * 9 + [True])
    assert row["found_text"] == "maximum 5 on 2024-01-01; breadth from the published series"
    by_rule = found(expect("maximum", "core_score_raw", 5, 6), [5] * 10, breadth_quality=[None] * 9 + ["proxy"])
    assert by_rule["found_text"] == "maximum 5 on 2024-01-01; breadth from the published series"


def test_columns():
    row = found(expect("maximum", "core_score_raw", 5, 6), [5] * 10)
    assert list(row) == [name for name, *_ in KNOWN_EPISODES.columns]
