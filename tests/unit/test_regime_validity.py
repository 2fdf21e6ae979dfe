"""Validity by hand: weeks, changes, tops, and the conditions of withdrawal at their edges."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from analytics.regimes.falsification import CONDITIONS, FALSIFICATION, Evidence, own_only, regime_falsification
from analytics.regimes.validity import (
    MEASURES,
    MIN_PAIRS,
    VALIDITY,
    References,
    regime_validity,
    stands,
    weekly_score,
)

FIRST_FRIDAY = date(2020, 1, 3)
OBSERVED = {
    "series_id": pl.String,
    "provider": pl.String,
    "provider_rank": pl.Int64,
    "period_date": pl.Date,
    "value": pl.Float64,
}
NO_FLOWS = pl.DataFrame(schema={"category": pl.String, "week_end_date": pl.Date, "is_same_sign": pl.Boolean})
NO_BREADTH = pl.DataFrame(
    schema={"session_date": pl.Date, "above_200dma_pct": pl.Float64, "coverage_ratio": pl.Float64}
)


def observed(series_id: str, values: dict[date, float | None], provider: str = "fred", rank: int = 1) -> pl.DataFrame:
    rows = [(series_id, provider, rank, day, value) for day, value in values.items()]
    return pl.DataFrame(rows, schema=OBSERVED, orient="row")


def references(
    *observations: pl.DataFrame, flows: pl.DataFrame = NO_FLOWS, breadth: pl.DataFrame = NO_BREADTH
) -> References:
    return References(pl.concat([pl.DataFrame(schema=OBSERVED), *observations]), flows, breadth)


def scored(scores: dict[date, int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"session_date": list(scores), "core_score": list(scores.values())},
        schema={"session_date": pl.Date, "core_score": pl.Int32},
    )


def by_week(scores: list[int | None]) -> pl.DataFrame:
    """Return rows of whole weeks from Monday to Friday, each week with one score."""
    return scored(
        {
            FIRST_FRIDAY + timedelta(weeks=week, days=-day): score
            for week, score in enumerate(scores)
            for day in range(5)
        }
    )


def fridays(values: list[float | None]) -> dict[date, float | None]:
    return {FIRST_FRIDAY + timedelta(weeks=week): value for week, value in enumerate(values)}


def measured(frame: pl.DataFrame, reference: str, measure: str) -> dict:
    return frame.row(by_predicate=(pl.col("reference") == reference) & (pl.col("measure") == measure), named=True)


def test_a_week_ends_on_friday_and_needs_three_known_sessions():
    monday = date(2024, 1, 8)
    scores = {monday + timedelta(days=day): score for day, score in enumerate([1, 2, None, 4, None])}
    scores |= {monday + timedelta(days=7 + day): score for day, score in enumerate([3, None, None, None, 5])}
    assert weekly_score(scored(scores)).rows() == [(date(2024, 1, 12), pytest.approx(7 / 3))]


def test_the_rank_correlation_by_week():
    weeks = [week % 7 for week in range(40)]
    found = regime_validity(by_week(weeks), references(observed("nfci", fridays([week**3 for week in weeks]))))
    nfci = measured(found, "nfci", "spearman")
    assert (nfci["value"], nfci["is_met"], nfci["pairs_count"]) == (1.0, True, 40)
    assert (nfci["first_date"], nfci["last_date"]) == (FIRST_FRIDAY, FIRST_FRIDAY + timedelta(weeks=39))


def test_the_preferred_provider_speaks_where_two_do():
    weeks = [week % 7 for week in range(40)]
    both = references(
        observed("nfci", fridays([-week for week in weeks]), "user_file", 2),
        observed("nfci", fridays(weeks)),  # type: ignore[arg-type]
    )
    assert measured(regime_validity(by_week(weeks), both), "nfci", "spearman")["value"] == 1.0


def test_signs_are_those_of_changes_over_four_weeks():
    """Scores 0 0 0 0 1 1 1 1 0 …: each four-week change is one up or down; the index follows but for its last weeks."""
    weeks = [(week // 4) % 2 for week in range(44)]
    index = [float(week) for week in weeks[:40]] + [9.0, 9.0, 9.0, 9.0]  # the score falls, the index rises
    found = measured(
        regime_validity(by_week(weeks), references(observed("nfci", fridays(index)))), "nfci", "sign_agreement"
    )
    assert found["pairs_count"] == 40
    assert found["value"] == pytest.approx(36 / 40)


def test_stress_weeks_are_those_of_seven_and_more():
    weeks = [0] * 30 + [7, 8, 6]
    index = [-1.0] * 30 + [1.0, -0.1, -1.0]
    found = measured(
        regime_validity(by_week(weeks), references(observed("stlfsi", fridays(index)))),
        "stlfsi",
        "positive_when_stressed",
    )
    assert (found["value"], found["is_met"], found["pairs_count"]) == (0.5, False, 2)


def test_the_daily_index_is_compared_session_by_session():
    days = [FIRST_FRIDAY + timedelta(days=day) for day in range(50)]
    scores = dict(zip(days, [day % 5 for day in range(50)], strict=True))
    index = {day: float(score) * 2 for day, score in scores.items()}
    found = regime_validity(scored(scores), references(observed("ofr_fsi", index, "ofr")))  # type: ignore[arg-type]
    assert measured(found, "ofr_fsi", "spearman")["value"] == 1.0
    # five places, ten sessions at the edge on both sides: half a place each, 10 · ½ · ½ / 5
    assert measured(found, "ofr_fsi", "top_decile_overlap")["value"] == pytest.approx(0.5)


def test_vix_agrees_within_a_hundredth():
    days = [FIRST_FRIDAY + timedelta(days=day) for day in range(40)]
    fred = {day: 15.0 for day in days} | {days[0]: 15.01, days[1]: 15.02}
    found = regime_validity(
        scored(dict.fromkeys(days, 0)),
        references(observed("vix_close", dict.fromkeys(days, 15.0), "cboe"), observed("vix_close", fred)),  # type: ignore[arg-type]
    )
    vix = measured(found, "vix_close", "equal_within_0.011")
    assert (vix["value"], vix["is_met"]) == (pytest.approx(39 / 40), False)


def test_breadth_apart_at_full_coverage_only():
    days = [FIRST_FRIDAY + timedelta(days=day) for day in range(33)]
    breadth = pl.DataFrame(
        {
            "session_date": days,
            "above_200dma_pct": [50.0] * 33,
            "coverage_ratio": [0.98] * 31 + [0.97, 0.98],
        }
    )
    published = {day: 51.0 for day in days} | {days[31]: 90.0, days[32]: 57.0}
    found = regime_validity(
        scored({}),
        references(observed("sp500_above_200dma_published", published, "user_file"), breadth=breadth),  # type: ignore[arg-type]
    )
    assert measured(found, "sp500_above_200dma_published", "median_difference")["value"] == 1.0
    largest = measured(found, "sp500_above_200dma_published", "largest_difference")
    assert (largest["value"], largest["is_met"], largest["pairs_count"]) == (7.0, False, 32)


def test_what_is_not_there_says_why():
    found = regime_validity(by_week([1] * 5), references(observed("nfci", fridays([0.1] * 5))))
    few = measured(found, "nfci", "spearman")
    assert (few["value"], few["is_met"]) == (None, None)
    assert few["reason_text"] == f"5 days on which both are known; {MIN_PAIRS} are needed"
    assert measured(found, "cnn_fear_greed", "spearman")["reason_text"] == "the index is not collected"
    assert found.filter(pl.col("value").is_null() & pl.col("reason_text").is_null()).is_empty()


def test_a_score_that_never_moves_is_not_called_uncorrelated():
    found = regime_validity(by_week([0] * 40), references(observed("nfci", fridays([float(w) for w in range(40)]))))
    assert measured(found, "nfci", "spearman")["reason_text"] == "one of the two never varies"


def test_one_row_per_measure():
    found = regime_validity(by_week([0]), references())
    assert found.columns == [name for name, *_ in VALIDITY.columns]
    assert found.select("reference", "measure").unique().height == found.height == len(MEASURES)


@pytest.mark.parametrize(
    ("value", "comparison", "threshold", "verdict"),
    [
        (0.6, ">=", 0.6, True),
        (0.59, ">=", 0.6, False),
        (0.4, "<", 0.4, False),
        (0.39, "<", 0.4, True),
        (0.05, ">", 0.05, False),
        (0.0501, ">", 0.05, True),
        (3.0, "<=", 3.0, True),
        (None, "<=", 3.0, None),
        (1.0, ">=", None, None),
    ],
)
def test_stands(value: float | None, comparison, threshold: float | None, verdict: bool | None):
    assert stands(value, comparison, threshold) is verdict


# ---- what would make us withdraw it --------------------------------------------------------------------------------

NO_EPISODES = pl.DataFrame(schema={"episode": pl.String, "classes_off_count": pl.Int64, "first_date": pl.Date})


def classes(names: list[str | None], first: date = date(2019, 1, 1)) -> pl.DataFrame:
    days = [first + timedelta(days=day) for day in range(len(names))]
    return pl.DataFrame(
        {"session_date": days, "regime_class": names}, schema={"session_date": pl.Date, "regime_class": pl.String}
    )


def condition(rows: pl.DataFrame, name: str, episodes: pl.DataFrame = NO_EPISODES, rank: float | None = None) -> dict:
    validity = pl.DataFrame(
        {"reference": ["ofr_fsi"], "measure": ["spearman"], "value": [rank], "reason_text": [None]},
        schema={"reference": pl.String, "measure": pl.String, "value": pl.Float64, "reason_text": pl.String},
    )
    told = Evidence(rows, validity, episodes)
    is_asked = (pl.col("condition") == name) & (pl.col("basis") == "with_proxies")
    return regime_falsification(told, told).row(by_predicate=is_asked, named=True)


def test_more_than_five_percent_unknown_since_2019():
    at_the_edge = condition(classes(["unknown"] * 5 + ["CALM"] * 95), "often_unknown")
    assert (at_the_edge["value"], at_the_edge["is_met"]) == (0.05, False)
    beyond = condition(classes([None] * 6 + ["CALM"] * 94), "often_unknown")
    assert (beyond["value"], beyond["is_met"]) == (0.06, True)
    earlier = condition(classes(["unknown"] * 300, date(2015, 1, 1)), "often_unknown")
    assert (earlier["value"], earlier["reason_text"]) == (None, "no session since 2019-01-01")


def test_a_change_of_class_in_twelve_sessions():
    """300 sessions: 25 changes are one in 12, which is allowed; 26 are not. Unknown in between is no change."""
    calm, normal = ["CALM"] * 12, ["NORMAL"] * 12
    steady = condition(classes((calm + normal) * 12 + ["CALM"] * 11 + ["NORMAL"]), "restless")
    assert (steady["value"], steady["is_met"]) == (12.0, False)
    restless = condition(classes((calm + normal) * 12 + ["CALM"] * 10 + ["NORMAL", "CALM"]), "restless")
    assert restless["is_met"] is True
    holes = condition(classes((["CALM"] * 6 + ["unknown"] * 3 + ["CALM"] * 6 + normal) * 12), "restless")
    assert holes["value"] == pytest.approx(288 / 23, abs=1e-6)
    assert condition(classes(["CALM"] * 100), "restless")["value"] is None
    assert condition(classes(["CALM"] * 300), "restless")["reason_text"] == "it never changed"


def test_an_episode_two_classes_off():
    episodes = pl.DataFrame(
        {
            "episode": ["GFC", "Repo", "COVID"],
            "classes_off_count": [0, 1, None],
            "first_date": [date(2008, 9, 1), date(2019, 9, 1), date(2020, 2, 1)],
        }
    )
    one = condition(classes(["CALM"]), "wrong_episode", episodes)
    assert (one["value"], one["is_met"], one["reason_text"]) == (1.0, False, "2 tested, the furthest off: Repo")
    two = condition(classes(["CALM"]), "wrong_episode", episodes.with_columns(pl.col("classes_off_count") * 2))
    assert two["is_met"] is True
    assert condition(classes(["CALM"]), "wrong_episode")["is_met"] is None


def test_the_rank_correlation_is_the_one_of_the_validity_table():
    assert condition(classes(["CALM"]), "low_rank_correlation", rank=0.399)["is_met"] is True
    assert condition(classes(["CALM"]), "low_rank_correlation", rank=0.4)["is_met"] is False
    assert condition(classes(["CALM"]), "low_rank_correlation")["is_met"] is None


def test_one_row_per_condition_and_basis():
    told = Evidence(classes(["CALM"]), regime_validity(by_week([0]), references()), NO_EPISODES)
    found = regime_falsification(told, told)
    assert found.columns == [name for name, *_ in FALSIFICATION.columns]
    assert found.select("condition", "basis").rows() == [
        (name, basis) for name, *_ in CONDITIONS for basis in ("with_proxies", "own_only")
    ]


def test_a_class_that_stands_on_a_substitute_is_unknown_to_the_second_count():
    rows = classes(["CALM"] * 90 + ["STRESS"] * 10).with_columns(
        regime_class_raw="regime_class",
        core_score=pl.lit(3),
        core_score_raw=pl.lit(3),
        regime_class_quality=pl.Series(["own"] * 25 + ["proxy"] * 65 + ["own"] * 10),
    )
    kept = own_only(rows)
    assert kept["core_score"].null_count() == kept["core_score_raw"].null_count() == 65
    assert set(kept["regime_class_raw"]) == {"CALM", "STRESS", "unknown"}
    nothing = regime_validity(by_week([0]), references())
    found = regime_falsification(Evidence(rows, nothing, NO_EPISODES), Evidence(kept, nothing, NO_EPISODES))
    often = found.filter(pl.col("condition") == "often_unknown").select("basis", "value", "is_met").rows()
    assert often == [("with_proxies", 0.0, False), ("own_only", 0.65, True)]
