"""The gate: what is refused, what holds a source back, what is only told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from ingest.batch import Window, observations_of
from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from ingest.gate import gate
from ingest.rules.evidence import Evidence
from tests.unit.series_batches import Judged, series_batch

CATALOG = load_catalog()
NOW = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # a Wednesday, 18:30 in New York
SESSIONS = working_days("nyse", date(2026, 3, 2), date(2026, 11, 17))


def rows(source, series_id, values, *, unit=None, sha="a" * 64, stated=None):
    provider = CATALOG.by_id(series_id).provider(source)
    days, numbers = list(values), list(values.values())
    return pl.DataFrame(
        {
            "series_id": series_id,
            "code": provider.code,
            "period_date": pl.Series(days, dtype=pl.Date),
            "value": pl.Series(numbers, dtype=pl.Float64),
            "unit": unit or provider.unit,
            "stated_at": pl.Series(stated or [None] * len(days), dtype=pl.Datetime("us")),
            "payload_sha256": sha,
            "fetched_at": pl.Series([datetime(2026, 11, 18, 23, 30)] * len(days), dtype=pl.Datetime("us")),
        }
    )


def judge(source, *frames, previous=None, now=NOW):
    table = pl.concat(frames)
    windows = [Window(series_id, None) for series_id in table["series_id"].unique()]
    evidence = Evidence() if previous is None else Evidence(held={observations_of(source): previous})
    return Judged.of(gate(series_batch(source, table, windows, (), (), now), CATALOG, evidence, now))


def held(source, series_id, days, value):
    return rows(source, series_id, dict.fromkeys(days, value)).select("series_id", "period_date", "value", "unit")


def check(result, name):
    return next(check for check in result.checks if check.name == name)


def failed(result):
    return {check.name for check in result.checks if not check.passed}


def summary(result, name):
    return json.loads(check(result, name).detail)["summary"]


RATIOS = {day: 0.9 for day in SESSIONS}


def ratios(**changes):
    return rows("cboe", "put_call_total_ratio", {**RATIOS, **{date.fromisoformat(k): v for k, v in changes.items()}})


def test_a_good_batch_passes_whole():
    result = judge("cboe", ratios())
    assert result.held_back is None
    assert result.accepted.height == len(SESSIONS)
    assert result.refused.is_empty()
    assert failed(result) == set()
    assert {check.asset for check in result.checks} == {"cboe.observations"}
    detail = json.loads(check(result, "value_not_above_bounds").detail)
    assert detail["expectation"] == "expect_column_pair_values_a_to_be_greater_than_b"
    assert detail["result"]["element_count"] == len(SESSIONS)


def test_nothing_came_is_nothing_to_judge():
    result = judge("cboe", ratios().clear())
    assert result.accepted.is_empty()
    assert result.refused.columns == [*result.accepted.columns, "reason"]
    assert result.checks == ()


def test_a_value_out_of_bounds_is_refused_and_the_rest_lands():
    result = judge("cboe", ratios(**{"2026-08-06": 11.0, "2026-08-07": 0.1}))
    assert result.refused.select("period_date", "reason").rows() == [
        (date(2026, 8, 6), "value_not_above_bounds: value 11.0 outside 0.3..3.0 ratio"),
        (date(2026, 8, 7), "value_not_below_bounds: value 0.1 outside 0.3..3.0 ratio"),
    ]
    assert result.accepted.height == len(SESSIONS) - 2
    assert result.accepted.columns == ratios().columns
    assert result.held_back is None
    assert failed(result) == {"value_not_above_bounds", "value_not_below_bounds", "step_is_plausible"}
    assert check(result, "value_not_above_bounds").failed_count == 1
    assert check(result, "value_not_above_bounds").severity == "warn"
    assert "put_call_total_ratio 2026-08-06 11.0 Ratio" in summary(result, "value_not_above_bounds")


@pytest.mark.parametrize("edge", [0.3, 3.0])
def test_the_bounds_themselves_are_inside(edge):
    assert judge("cboe", ratios(**{"2026-08-06": edge})).refused.is_empty()


def test_bounds_are_held_against_the_published_unit():
    days = {day: 4.5 for day in SESSIONS}  # per cent; the catalog's bounds are basis points, 150 to 3000
    result = judge("fred", rows("fred", "hy_oas", {**days, SESSIONS[5]: 1.5, SESSIONS[6]: 1.4}))
    assert result.refused["reason"].to_list() == [
        "value_not_below_bounds: value 140.0 outside 150.0..3000.0 bp (published 1.4 Percent)"
    ]


def test_a_gap_is_neither_out_of_bounds_nor_a_step():
    result = judge("cboe", ratios(**{"2026-08-06": None}))
    assert result.refused.is_empty()
    assert failed(result) == set()


WEDNESDAYS = [date(2020, 1, 1) + timedelta(days=7 * n) for n in range(359)]  # to 2026-11-11


def test_a_changed_unit_refuses_the_series_whole():
    # WTREGEN printed in billions where the catalog counts on millions; the keyless CSV has no unit
    billions = rows("fred", "tga_week_average", {day: 800.0 for day in WEDNESDAYS} | {WEDNESDAYS[0]: 20_000.0})
    other = rows("fred", "fed_total_assets", {day: 7_000_000.0 for day in WEDNESDAYS})
    result = judge("fred", billions, other)
    assert result.accepted["series_id"].unique().to_list() == ["fed_total_assets"]
    assert result.refused.height == len(WEDNESDAYS)  # also the one value that happens to fall inside
    assert result.refused["reason"].unique().to_list() == [
        "magnitude_fits_the_unit: tga_week_average: 358 of 359 values outside the plausible range: the unit is "
        "probably no longer Millions of U.S. Dollars; nothing of tga_week_average in this answer"
    ]
    unit = check(result, "magnitude_fits_the_unit")
    assert (unit.passed, unit.severity, unit.failed_count) == (False, "error", 1)
    assert "tga_week_average: 358 of 359" in unit.detail
    assert result.held_back is None


def test_two_bad_values_of_two_are_no_unit_change():
    result = judge("fred", rows("fred", "tga_week_average", {day: 800.0 for day in WEDNESDAYS[-2:]}))
    assert check(result, "magnitude_fits_the_unit").passed
    assert all(
        reason.startswith("value_not_below_bounds: value 0.8 outside 2.0..2500.0 usd_bn")
        for reason in result.refused["reason"]
    )


def test_an_unknown_unit_holds_the_source_back():
    result = judge("cboe", ratios(), rows("cboe", "vix_close", {day: 20.0 for day in SESSIONS}, unit="Furlongs"))
    assert result.accepted.is_empty()
    assert result.held_back == (
        f"cboe: held back, nothing of this answer landed: {len(SESSIONS)} rows in a unit that the catalog "
        "cannot convert "
        "(vix_close 2026-03-02 20.0 Furlongs, vix_close 2026-03-03 20.0 Furlongs, vix_close 2026-03-04 20.0 Furlongs, "
        "vix_close 2026-03-05 20.0 Furlongs, vix_close 2026-03-06 20.0 Furlongs, …)"
    )
    assert result.refused["series_id"].unique().to_list() == ["vix_close"]
    assert not check(result, "unit_is_known").passed


def test_a_row_that_came_twice_counts_once():
    result = judge("cboe", ratios(), ratios().head(1))
    assert result.held_back is None
    assert result.accepted.height == ratios().height
    assert result.refused.is_empty()


def test_a_filled_row_counts_before_a_gap_of_the_same_day():
    gap = ratios().head(1).with_columns(pl.lit(None, dtype=pl.Float64).alias("value"))
    for frames in ((ratios(), gap), (gap, ratios())):
        result = judge("cboe", *frames)
        assert result.accepted.sort("period_date")["value"].to_list() == ratios()["value"].to_list()


def test_two_values_of_one_day_refuse_their_series_alone_and_name_both():
    other = ratios().head(1).with_columns(pl.lit(0.77).alias("value"))
    vix = rows("cboe", "vix_close", dict.fromkeys(SESSIONS, 20.0))
    result = judge("cboe", ratios(), vix, other)
    assert result.held_back is None
    assert result.accepted["series_id"].unique().to_list() == ["vix_close"]
    first = ratios().row(0, named=True)
    assert result.refused["reason"].unique().to_list() == [
        f"key_is_unique: two rows for {first['period_date']}: value {first['value']} and value 0.77; "
        "nothing says which one counts"
    ]
    assert not check(result, "key_is_unique").passed


def test_vintages_of_one_period_are_no_doubles():
    stated = [datetime(2026, 11, 12), datetime(2026, 11, 13)]
    twice = pl.concat([rows("fred", "nfci", {date(2026, 11, 6): -0.5}, stated=[moment]) for moment in stated])
    assert judge("fred", twice).held_back is None


def test_a_key_that_is_missing_holds_the_source_back():
    broken = ratios().with_columns(pl.lit(None, dtype=pl.Date).alias("period_date"))
    assert (
        "1 rows without a key (put_call_total_ratio - 0.9 Ratio)"
        in judge("cboe", pl.concat([ratios(), broken.head(1)])).held_back
    )


def test_a_large_step_is_told_and_lands():
    result = judge("cboe", rows("cboe", "vix_close", {**{day: 15.0 for day in SESSIONS}, SESSIONS[50]: 82.69}))
    assert failed(result) == {"step_is_plausible"}
    assert check(result, "step_is_plausible").failed_count == 2  # up and down again
    assert check(result, "step_is_plausible").severity == "warn"
    assert result.refused.is_empty()


def test_steps_are_taken_between_periods_of_one_series():
    low = rows("cboe", "vix_close", {day: 15.0 for day in SESSIONS})
    high = rows("cboe", "vvix_close", {day: 120.0 for day in SESSIONS})
    assert "step_is_plausible" not in failed(judge("cboe", low, high))


@pytest.mark.parametrize(("ahead", "is_refused"), [(7, False), (8, True)])
def test_a_period_too_far_ahead_is_refused(ahead, is_refused):
    day = date(2026, 11, 18) + timedelta(days=ahead)
    result = judge("cboe", ratios(**{day.isoformat(): 0.9}))
    assert result.refused["reason"].to_list() == (
        ["period_is_not_ahead: 2026-11-26 lies after 2026-11-25"] if is_refused else []
    )
    assert check(result, "period_is_not_ahead").passed is not is_refused


def test_missing_sessions_of_an_exchange_are_told():
    full = dict(RATIOS)
    del full[SESSIONS[-10]], full[SESSIONS[-20]], full[SESSIONS[-100]]  # the last one lies further back than 60
    result = judge("cboe", rows("cboe", "put_call_total_ratio", full))
    assert failed(result) == {"sessions_are_complete"}
    assert "put_call_total_ratio (newest 2026-11-17, 2 sessions missing)" in summary(result, "sessions_are_complete")
    assert result.refused.is_empty()


def test_a_publisher_with_its_own_calendar_misses_no_nyse_sessions():
    sofr = {day: 4.0 for day in working_days("sifma", date(2026, 9, 1), date(2026, 11, 17))}
    assert date(2026, 10, 12) not in sofr  # Columbus day: NYSE is open, SOFR is not published
    assert failed(judge("new_york_fed", rows("new_york_fed", "sofr", sofr))) == set()


@pytest.mark.parametrize(("kept", "is_told"), [(0.9, False), (0.7, True)])
def test_an_answer_that_lost_rows_is_told(kept, is_told):
    previous = held("cboe", "put_call_total_ratio", SESSIONS, 0.9)
    fewer = {day: 0.9 for number, day in enumerate(SESSIONS[:-1]) if number % 10 < kept * 10} | {SESSIONS[-1]: 0.9}
    result = judge("cboe", rows("cboe", "put_call_total_ratio", fewer), previous=previous)
    assert ("answer_did_not_shrink" in failed(result)) is is_told
    assert result.refused.is_empty()


def test_a_shorter_history_alone_is_no_loss_of_rows():
    # FRED's ICE series keep three rolling years: landing records that, nothing is refused
    previous = held("fred", "hy_oas", working_days("sifma", date(1996, 12, 31), date(2026, 11, 16)), 3.0)
    days = {day: 3.0 for day in working_days("sifma", date(2023, 11, 17), date(2026, 11, 17))}
    result = judge("fred", rows("fred", "hy_oas", days), previous=previous)
    assert failed(result) == set()
    assert result.accepted.height == len(days)


def test_an_answer_that_ends_before_what_we_hold_is_refused():
    previous = held("cboe", "put_call_total_ratio", SESSIONS, 0.9)
    short = {day: 0.9 for day in SESSIONS[:-3]}
    other = rows("cboe", "vix_close", {day: 20.0 for day in SESSIONS})
    result = judge("cboe", rows("cboe", "put_call_total_ratio", short), other, previous=previous)
    assert result.refused["reason"].unique().to_list() == [
        "newest_period_does_not_go_back: stale answer: newest period 2026-11-12, we hold 2026-11-17"
    ]
    assert result.accepted["series_id"].unique().to_list() == ["vix_close"]
    assert check(result, "newest_period_does_not_go_back").severity == "error"
    assert not check(result, "newest_period_does_not_go_back").passed


def test_a_frozen_upstream_fails_its_freshness_and_lands():
    # the put/call archives end in 2019 and still answer 200
    frozen = rows("cboe", "put_call_total_ratio", {day: 1.0 for day in working_days("nyse", date(2019, 7, 1), date(2019, 10, 4))})  # noqa: E501  # fmt: skip
    result = judge("cboe", frozen)
    assert failed(result) == {"upstream_is_not_frozen"}
    frozen_check = check(result, "upstream_is_not_frozen")
    assert (frozen_check.severity, frozen_check.stage) == ("error", "freshness")
    assert "newest 2019-10-04" in frozen_check.detail
    assert result.accepted.height == frozen.height


@pytest.mark.parametrize(
    ("source", "series_id", "newest", "value", "is_frozen"),
    [
        ("federal_reserve", "fed_total_assets", date(2026, 11, 10), 6_500_000.0, False),
        # due on Thursday the 19th is the 18th: on the 18th the newest one due is the 11th
        ("fred", "fed_total_assets", date(2026, 11, 4), 6_500_000.0, False),
        ("fred", "fed_total_assets", date(2026, 10, 28), 6_500_000.0, True),
        ("fred", "usdjpy", date(2026, 11, 13), 155.0, False),
        ("fred", "ted_spread", date(2022, 1, 21), 0.2, False),
        ("user_file", "hy_oas", date(2020, 1, 2), 400.0, False),
        ("japan_mof", "jgb_2y_yield", date(2026, 11, 2), 1.0, True),
        ("japan_mof", "jgb_2y_yield", date(2026, 11, 11), 1.0, False),
    ],
)
def test_behind_is_measured_against_what_is_due(source, series_id, newest, value, is_frozen):
    result = judge(source, rows(source, series_id, {newest: value}))
    assert ("upstream_is_not_frozen" in failed(result)) is is_frozen
