"""Claims: conditions, events and statistics against figures worked by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from analytics.claims.chance import RESAMPLES, SEED, interval_of, line_of, shifted_statistics
from analytics.claims.definition import Claim, Outcome, read_claims, register, sources
from analytics.claims.events import onsets, spaced, spaced_in_blocks
from analytics.claims.expressions import evaluate, names_in
from analytics.claims.functions import FUNCTIONS, Known
from analytics.claims.known import Spine, as_known, declared_features
from analytics.claims.outcomes import Measured, _highest
from analytics.claims.testing import Sample, Trial, bucket_of, figures_of, weighted_median
from analytics.claims.verdicts import benjamini_hochberg, by_chance, verdict_of, with_verdicts
from ingest.errors import ConfigError

# ---- conditions ------------------------------------------------------------------------------------------------------


def known(*values: float | bool | str | None) -> Known:
    return Known(pl.Series(values))


def true_of(text: str, **features: Known) -> list[bool | None]:
    return evaluate(text, features, {}).to_list()


def test_a_missing_value_breaks_a_run_and_is_unknown():
    # the worked example of the design: 111, 112, 113, none, 115, 116, 117, 109 with three closes above 110
    vvix = known(111, 112, 113, None, 115, 116, 117, 109)
    found = evaluate("lowest(vvix, n) > level", {"vvix": vvix}, {"n": 3, "level": 110})
    assert found.to_list() == [None, None, True, None, None, None, True, False]


def test_logic_has_three_values():
    a, b = known(True, True, True, False, False, None), known(True, False, None, False, None, None)
    assert true_of("a and b", a=a, b=b) == [True, False, None, False, False, None]
    assert true_of("a or b", a=a, b=b) == [True, True, True, False, None, None]
    assert true_of("not a", a=a) == [False, False, False, True, True, None]


def test_a_state_that_is_unknown_is_neither():
    assert true_of('s == "unwind"', s=known("unwind", "narrowing", None)) == [True, False, None]


def test_a_reset_is_the_first_close_below_since_one_above():
    x = known(36, 30, 24, 20, 40, None, 24, 24)
    assert true_of("reset(x, 35, 25, 100)", x=x) == [False, False, True, False, False, None, True, False]
    assert true_of("reset(x, 35, 25, 1)", x=x) == [False, False, False, False, False, None, False, False]


def test_ever_and_streak_and_legs():
    seen = known(True, False, False, None, False, False)
    assert true_of("ever(x, 2)", x=seen) == [True, True, False, None, None, False]
    assert true_of("streak(x) >= 2", x=known(True, True, None, True, True)) == [False, True, None, False, True]
    told = true_of("at_least(t, u, 3)", t=known(3.0, 2.0, 1.0), u=known(0.0, 1.0, 1.0))
    assert told == [True, None, False]


def test_ranks_and_scores_look_back_only():
    x = known(5.0, 3.0, 4.0, 1.0)
    assert true_of("rank_from_least(x) <= 1", x=x) == [True, True, False, True]
    # 4 against the mean 2 and the deviation 1 of the three before it
    assert true_of("zscore(x, 3) == 2", x=known(1.0, 2.0, 3.0, 4.0)) == [None, None, False, True]
    assert true_of("percentile(x, 2) == 50", x=known(1.0, 3.0, 2.0)) == [None, None, True]


def test_a_monthly_value_counts_once_as_first_known():
    months = [date(2020, 1, 1), date(2020, 1, 1), date(2020, 2, 1), date(2020, 2, 1), date(2020, 3, 1)]
    x = Known(pl.Series([10.0, 10.0, 20.0, 99.0, 40.0]), pl.Series(months))  # 99: revised, which nobody knew at first
    assert true_of("period_growth(x, 1) == 1", x=x) == [None, None, True, True, True]


def test_own_leaves_out_what_is_about_an_earlier_day():
    days = pl.Series([date(2020, 1, 2), date(2020, 1, 3)])
    x = Known(pl.Series([1.0, 2.0]), pl.Series([date(2020, 1, 2), date(2020, 1, 2)]), days)
    assert true_of("own(x) > 0", x=x) == [True, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vix >", "is no expression"),
        ("vix + 1", "expected a statement"),
        ("nothing > 1", "no such feature"),
        ("future(vix, 1) > 1", "no such function"),
        ("lag(vix, -1) > 1", "whole number of sessions from 1 on"),
        ("lag(vix, 0) > 1", "whole number of sessions from 1 on"),
        ("lag(vix) > 1", "expected 2 arguments"),
        ("vix.shift(1) > 1", "expected comparisons"),
        ("(lambda: 1)() > 1", "expected comparisons"),
        ("[vix for vix in vix] > 1", "expected comparisons"),
        ("1 < vix < 2", "expected comparisons"),
        ("own(vix + 1) > 1", "expected the name of a feature"),
    ],
)
def test_what_a_condition_may_not_say(text: str, said: str):
    with pytest.raises(ConfigError, match=said):
        evaluate(text, {"vix": known(1.0)}, {})


def leaks(condition: pl.Series, make: object, lengths: range) -> list[int]:
    """Return the lengths at which the condition of what was there by then differs from the full one."""
    return [n for n in lengths if make(n).to_list() != condition[:n].to_list()]  # type: ignore[operator]


def test_no_function_looks_ahead():
    draw = np.random.default_rng(7)
    days = pl.Series([date(2020, 1, 1) + timedelta(days=n) for n in range(120)])
    months = days.dt.month_start()
    values = pl.Series(draw.normal(20, 5, 120))

    def at(text: str, length: int) -> pl.Series:
        x = Known(values[:length], months[:length], days[:length])
        y = Known(values[:length], days[:length], days[:length])
        return evaluate(text, {"x": x, "y": y}, {})

    texts = {
        "k": "{}(x, 2) > 0.1",
        "x": "{}(y, 5) > 0.1",
        "b": "{}(y > 20, 5)",
    }
    skipped = {"own", "count", "ever", "streak", "ended", "reset", "otherwise", "at_least", "period_count_above"}
    cases = [
        texts[kinds[0]].format(name)
        for name, (_, kinds) in FUNCTIONS.items()
        if name not in skipped and len(kinds) == 2
    ]
    cases += [
        "own(y) > 20",
        "count(y > 20, 5) > 2",
        "ever(y > 25, 5)",
        "streak(y > 20) > 2",
        "ended(y > 20)",
        "reset(y, 25, 15, 10)",
        "period_count_above(x, 20, 2) > 1",
        "rank_from_least(y) < 4",
    ]
    for text in cases:
        assert not leaks(at(text, 120), lambda n, text=text: at(text, n), range(40, 120, 7)), text


def test_a_leak_planted_on_purpose_is_caught():
    values = pl.Series(np.random.default_rng(7).normal(20, 5, 120))
    full = values.shift(-1) > 20  # tomorrow's value
    assert leaks(full, lambda n: values[:n].shift(-1) > 20, range(40, 120, 7))


def test_names_are_features_and_parameters():
    assert names_in("lowest(own(vvix), n) > level and not is_calendar_day") == {"vvix", "n", "level", "is_calendar_day"}


# ---- what was known ------------------------------------------------------------------------------------------------


def test_a_session_sees_the_greatest_period_that_stood_by_its_cutoff():
    days = [date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8), date(2020, 1, 9)]
    spine = Spine(
        pl.DataFrame(
            {"session_date": days, "cutoff_at": [datetime(2020, 1, day.day + 1, 14, 15) for day in days]},
            schema_overrides={"cutoff_at": pl.Datetime("us")},
        )
    )
    rows = pl.DataFrame(
        {
            "period": [date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 6)],
            # the first in time; the second a day late; a revision of the first that came last
            "clock": [datetime(2020, 1, 7, 14, 15), datetime(2020, 1, 9, 10), datetime(2020, 1, 9, 11)],
            "value": [1.0, 2.0, 9.0],
        }
    )
    found = as_known(spine, rows, oldest_days=1)
    assert found.values.to_list() == [1.0, 1.0, 2.0, None]
    assert found.periods.to_list() == [date(2020, 1, 6), date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 7)]


@pytest.mark.parametrize("feature", ["inverse_flow_usd_mn", "leveraged_long_3x_usd_mn"])
def test_a_sum_over_funds_hangs_on_no_order(feature: str):
    sums = []
    for order in ("asc", "desc"):
        with duckdb.connect() as con:
            con.execute(
                f"""
                create schema marts;
                create table marts.leveraged_etf_daily as
                select date '2020-01-06' as session_date, timestamp '2020-01-07' as settled_at, true as is_inverse,
                    3 as leverage_ratio, x as flow_usd_mn, x as net_assets_usd_mn
                from unnest([0.1::double, 0.2, 0.3]) as t(x) order by x {order}
                """
            )
            sums.append(con.execute(declared_features()[feature]["rows"]).fetchone()[1])
    assert sums == [0.6, 0.6]


# ---- events --------------------------------------------------------------------------------------------------------


def test_onsets_and_cooldown_of_the_design():
    condition = pl.Series([place in (3, 9, 20, 25, 40) for place in range(50)])
    began = onsets(condition)
    assert began.tolist() == [3, 9, 20, 25, 40]
    assert spaced(began, 10).tolist() == [3, 20, 40]
    assert spaced(began, 1).tolist() == [3, 9, 20, 25, 40]


def test_unknown_before_true_is_an_onset():
    assert onsets(pl.Series([None, True, True, None, True, False, True])).tolist() == [1, 4, 6]


# ---- statistics ----------------------------------------------------------------------------------------------------


def trial(values: list[float], events: list[int], claimed: str = "up", horizon: int = 2, **more: object) -> Trial:
    count = len(values)
    measured = Measured(
        np.array(values),
        np.array([np.isnan(one) for one in values]),
        pl.Series([date(2020, 1, 1)] * count),
    )
    sample = Sample(
        [date(2020, 1, 1) + timedelta(days=place) for place in range(count)],
        np.ones(count, dtype=bool),
        np.array(more.get("buckets", [3] * count)),
        np.ones(count, dtype=bool),
    )
    outcome = Outcome(kind="return", claimed=claimed)  # type: ignore[arg-type]
    return Trial(outcome, horizon, 1, np.array(events, dtype=np.int64), measured, sample, more.get("since"))  # type: ignore[arg-type]


def test_figures_of_a_row_by_hand():
    values = [0.01, -0.02, 0.03, 0.05, -0.01, 0.02, 0.04, -0.03, 0.0, float("nan")]
    row = figures_of(trial(values, [2, 3, 6, 9], since=date(2020, 1, 5)))
    assert (row["n_events"], row["n_pending"], row["n_events_raw"], row["n_sessions"]) == (3, 1, 4, 10)
    assert (row["median"], row["mean"], row["min"], row["max"]) == (0.04, 0.04, 0.03, 0.05)
    assert row["hit_ratio"] == 1
    assert row["hit_low_ratio"] == pytest.approx(0.4385, abs=5e-5)  # z² = 3.8415: 3/(3+z²)
    # of nine finished sessions five are above zero; their median is 0.01
    assert row["baseline_ratio"] == pytest.approx(5 / 9, abs=1e-8)
    assert row["baseline_median"] == 0.01
    assert row["effect"] == pytest.approx(0.03)
    assert (row["n_events_out_of_sample"], row["n_pending_out_of_sample"]) == (1, 1)
    assert row["event_dates"] == "2020-01-03, 2020-01-04, 2020-01-07, 2020-01-10"
    assert 0.03 <= row["bootstrap_low"] <= row["bootstrap_high"] <= 0.05


def test_like_is_compared_with_like():
    values = [0.10, 0.12, 0.14, 0.01, 0.02, 0.03]
    row = figures_of(trial(values, [1], buckets=[0, 0, 0, 3, 3, 3]))
    assert (row["matched_median"], row["effect_matched"]) == (0.12, 0)
    assert row["matched_ratio"] == 1
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.3])) == 1.0


def test_buckets_of_drawdowns():
    drawdowns = np.array([0.0, -0.04, -0.05, -0.0501, -0.10, -0.15, -0.20, -0.25, np.nan])
    assert bucket_of(drawdowns).tolist() == [3, 3, 2, 2, 1, 1, 0, 0, -1]


@pytest.mark.parametrize("count", [1, 2, 5, 16, 39])
def test_the_interval_of_resampled_medians_is_that_of_all_of_them(count: int):
    seen = np.sort(np.random.default_rng(count).normal(size=count).round(1))  # some are equal
    drawn = np.random.default_rng(SEED).integers(0, count, size=(count, RESAMPLES))
    assert interval_of(seen, is_share=False) == tuple(np.quantile(np.median(seen[drawn], axis=0), [0.025, 0.975]))
    shares = (seen > 0).astype(float)
    assert interval_of(shares, is_share=True) == tuple(np.quantile(shares[drawn].mean(axis=0), [0.025, 0.975]))


def test_rotations_are_those_of_the_outcomes_themselves():
    values = np.random.default_rng(1).normal(size=300)
    events = np.array([3, 40, 41, 120, 250, 299])
    distances = np.random.default_rng(SEED).integers(1, 300, size=400)
    found = shifted_statistics(line_of(values[None, :]), events * 0, events, is_share=False, shifts=400)
    assert found.tolist() == [np.median(values[(events + one) % 300]) for one in distances]


def test_the_best_of_a_holding_begins_with_its_entry():
    closes = np.array([10.0, 11.0, 14.0, 12.0, 13.0, np.nan, 15.0, 16.0])
    assert _highest(closes, 2, after=1)[:3].tolist() == [14.0, 14.0, 13.0]
    assert np.isnan(_highest(closes, 2, after=1)[3:5]).all()  # a price is missing
    assert _highest(closes, 2, after=2)[:2].tolist() == [14.0, 13.0]
    assert np.isnan(_highest(closes, 3, after=2)[4:]).all()  # not over


def test_rotation_keeps_the_spacing_and_wraps():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    line, events = line_of(values[None, :]), np.array([0, 2])
    found = set(shifted_statistics(line, np.array([0, 0]), events, is_share=False, shifts=200))
    # {1,3} {2,4} {3,0} {4,1}: the mean of two is their median
    assert found == {2.0, 3.0, 1.5, 2.5}


def test_members_of_a_panel_are_rotated_together_and_what_is_unknown_is_left_out():
    values = np.array([[0.0, 1.0, 2.0, 3.0], [10.0, 11.0, np.nan, 13.0]])
    members, events = np.array([0, 1]), np.array([0, 1])
    found = shifted_statistics(line_of(values), members, events, is_share=False, shifts=200)
    # by one: 1 and nothing; by two: 2 and 13; by three: 3 and 10
    assert set(found) == {1.0, 7.5, 6.5}
    assert set(shifted_statistics(line_of(values), members, events, is_share=True, shifts=200)) == {1.0, 7.5, 6.5}
    nothing = np.array([[np.nan, np.nan, 1.0], [np.nan, np.nan, 1.0]])
    assert len(shifted_statistics(line_of(nothing), np.array([0]), np.array([2]), is_share=False, shifts=50)) == 0


def test_a_cooldown_ends_with_its_block():
    # two members of ten sessions: 8 of the first and 1 of the second lie three places apart
    assert spaced_in_blocks(np.array([2, 4, 8, 11, 13]), 5, 10).tolist() == [2, 8, 11]
    assert spaced(np.array([2, 4, 8, 11, 13]), 5).tolist() == [2, 8, 13]
    assert spaced_in_blocks(np.array([], dtype=np.int64), 5, 10).tolist() == []


def test_figures_of_a_panel_are_those_of_its_members_together():
    values = np.array([0.01, 0.02, 0.03, 0.04, -0.01, -0.02, -0.03, np.nan])
    days = [date(2020, 1, 1) + timedelta(days=place) for place in range(4)]
    measured = Measured(values, np.isnan(values), pl.Series(days * 2))
    inside = np.array([False, True, True, True] + [True] * 4)
    sample = Sample(days * 2, inside, np.array([3] * 8), inside, ("AA", "BB"))
    events = np.array([2, 3, 5, 7])
    row = figures_of(Trial(Outcome(kind="return", claimed="up"), 1, 1, events, measured, sample, None))
    assert (row["n_events"], row["n_pending"], row["n_sessions"], row["n_windows"]) == (3, 1, 7, 4)
    assert row["event_dates"] == "2020-01-02 BB, 2020-01-03 AA, 2020-01-04 AA, 2020-01-04 BB"
    assert (row["median"], row["baseline_median"], row["hit_ratio"]) == (0.03, 0.005, round(2 / 3, 8))
    # the middle session is 3 January: one event before it, of sessions 0.02, -0.01, -0.02; two from it on
    assert row["effect_first_half"] == pytest.approx(-0.02 + 0.01)
    assert row["effect_second_half"] == pytest.approx(0.035 - 0.03)


def test_benjamini_hochberg_by_hand():
    # Benjamini and Hochberg (1995): p·m/rank, made monotone from above
    found = benjamini_hochberg([0.01, 0.04, None, 0.03, 0.005])
    assert found == [pytest.approx(0.02), pytest.approx(0.04), None, pytest.approx(0.04), pytest.approx(0.02)]


def row_of(**more: object) -> dict[str, object]:
    row = {
        "claim_id": "C-A-01",
        "parameter_set": "headline",
        "horizon_count": 21,
        "claimed": "up",
        "n_events": 30,
        "hit_ratio": 0.8,
        "q_value": 0.01,
        "q_value_opposite": 1.0,
        "p_shift": 0.001,
        "p_shift_opposite": 1.0,
        "effect_matched": 0.01,
        "effect_first_half": 0.01,
        "effect_second_half": 0.02,
        "reason_text": None,
    }
    return row | more


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "supported"),
        ({"n_events": 19}, "weak"),
        ({"effect_matched": -0.01}, "weak"),
        ({"effect_second_half": None}, "weak"),
        ({"effect_first_half": -0.01}, "weak"),
        ({"q_value": 0.11}, "not_supported"),
        ({"q_value": 0.9, "q_value_opposite": 0.05}, "refuted"),
        ({"n_events": 0, "hit_ratio": None}, "pending"),
        ({"claimed": "down", "effect_matched": -0.01, "effect_first_half": -1, "effect_second_half": -1}, "supported"),
    ],
)
def test_verdicts_by_the_rule(more: dict[str, object], verdict: str):
    assert verdict_of(row_of(**more), is_universal=False)[0] == verdict


def test_a_history_that_has_just_begun_is_judged_when_there_are_events_enough():
    row = row_of(n_events=19, hit_ratio=0.5)
    assert verdict_of(row, is_universal=True, is_young=True) == (
        "pending",
        "its history has just begun: 19 of 20 events are over",
    )
    assert verdict_of(row | {"n_events": 20}, is_universal=False, is_young=True)[0] == "supported"


def test_always_is_refuted_by_one_counter_example():
    assert verdict_of(row_of(hit_ratio=0.9), is_universal=True)[0] == "refuted"
    assert verdict_of(row_of(hit_ratio=1.0), is_universal=True)[0] == "supported"


def test_only_headline_rows_count_as_tests():
    rows = [row_of(), row_of(parameter_set="cooldown_21"), row_of(parameter_set="placebo_a", p_shift=0.0)]
    with_verdicts(rows, universal=())
    assert [row["verdict"] for row in rows] == ["supported", None, None]
    assert by_chance(rows) == (1, 0.05, 1, 1)


# ---- truth ---------------------------------------------------------------------------------------------------------


def drawn(seed: int, effect: float) -> dict[str, object]:
    """A market of 2,000 sessions whose 21-session outcomes overlap, with 40 events after which `effect` is added."""
    draw = np.random.default_rng(seed)
    steps = draw.normal(0, 0.01, 2021)
    events = np.sort(draw.choice(np.arange(0, 1990, 45), 40, replace=False))
    for place in events:
        steps[place + 1 : place + 22] += effect / 21
    values = np.convolve(steps[1:], np.ones(21), "valid")[:2000]
    return figures_of(trial(values.tolist(), events.tolist(), horizon=21))


def test_a_planted_effect_is_found():
    assert sum(drawn(seed, 0.06)["p_shift"] <= 0.01 for seed in range(5)) == 5


def rejections(seeds: range) -> int:
    return sum(drawn(seed, 0.0)["p_shift"] <= 0.05 for seed in seeds)


def test_chance_rejects_no_more_than_it_may():
    assert rejections(range(20)) <= 4  # binomial: 5 or more of 20 at 5 % has a chance of 0.3 %


@pytest.mark.slow
def test_none_rejects_at_the_nominal_rate():
    assert 10 <= rejections(range(500)) <= 42  # 25 expected; three and a half deviations of 4.9


# ---- the register --------------------------------------------------------------------------------------------------


def test_the_register_has_the_ledger_and_all_of_it_can_be_read():
    claims = register()
    assert len(claims) == 80
    assert {claim.source for claim in claims} <= set(sources())
    for claim in claims:
        assert len(claim.text.en.split()) <= 40
        if claim.kind == "test":
            assert set(claim.parameters) <= names_in(claim.condition or "")


def test_a_definition_hash_changes_with_what_decides_the_test_and_not_with_words():
    claim = next(one for one in register() if one.id == "C-VOL-01")
    other = claim.model_copy(update={"text": claim.text.model_copy(update={"en": "Something else altogether."})})
    assert claim.definition_sha256 == other.definition_sha256
    assert claim.definition_sha256 != claim.model_copy(update={"cooldown_sessions": 22}).definition_sha256


def test_a_claim_of_the_users_own_is_marked(tmp_path):
    (tmp_path / "mine.yml").write_text(MINE)
    mine = register(tmp_path)[-1]
    assert (mine.id, mine.source) == ("C-MINE-01", "user")
    (tmp_path / "again.yml").write_text(MINE)
    with pytest.raises(ConfigError, match="C-MINE-01 is there twice"):
        register(tmp_path)


MINE = """
- id: C-MINE-01
  text: {en: A VIX below twelve is a warning sign., zh: VIX 低于 12 是警示。}
  source: user
  condition: vix_index < level
  parameters: {level: {value: 12}}
  horizons: [21]
  outcomes: [{kind: return, claimed: down}]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("horizons: [21]", "horizons: [20]", "horizons are of"),
        ("condition: vix_index < level", "note: none", "a test takes condition"),
        ("claimed: down", "claimed: sideways", "Input should be 'up' or 'down'"),
        ("level: {value: 12}", "level: {valve: 12}", "level.value"),
        ("source: user", "source: user\n  kind: untestable", "says why"),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path, old: str, new: str, said: str):
    path = tmp_path / "mine.yml"
    path.write_text(MINE.replace(old, new))
    with pytest.raises(ConfigError, match=f"mine.yml: C-MINE-01: .*{said}"):
        read_claims(path)


def test_the_grid_is_ten_percent_and_one_step():
    claim = Claim.model_validate(
        {
            "id": "C-A-01",
            "text": {"en": "A claim of some kind.", "zh": "某个说法。"},
            "source": "user",
            "condition": "lowest(vix_index, n) > level",
            "parameters": {"level": {"value": 110}, "n": {"value": 5, "step": 1}},
            "horizons": [21],
            "outcomes": [{"kind": "return", "claimed": "up"}],
        }
    )
    assert [one["level"] for one in claim.grid()] == [99.0] * 3 + [110] * 3 + [121.0] * 3
    assert [one["n"] for one in claim.grid()][:3] == [4, 5, 6]
