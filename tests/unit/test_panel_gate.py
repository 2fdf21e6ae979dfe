"""The gate of panel tables: what is refused, what holds a desk back, what only warns."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from ingest.catalog.confirmed_moves import load_confirmed_moves
from ingest.dataset import TABLES, dataset
from ingest.errors import ConfigError
from ingest.gate import gate
from ingest.rules.declared import rules_of
from ingest.rules.evidence import Evidence
from ingest.rules.price_moves import large_moves
from tests.unit.databases import empty_build
from tests.unit.test_panel_landing import price, rows_of
from warehouse.evidence import evidence as evidence_of
from warehouse.landing import land

CATALOG = load_catalog()
NOW = datetime(2026, 6, 12, 23, tzinfo=UTC)
DAYS = working_days("nyse", date(2026, 6, 1), date(2026, 6, 11))


def judged(
    *rows: tuple[Any, ...],
    table_id: str = "yahoo.prices",
    splits: list[tuple[Any, ...]] | None = None,
    evidence: Evidence | None = None,
) -> GateResult:
    tables = {table_id: rows_of(table_id, NOW, *rows)}
    if splits is not None:
        tables["yahoo.splits"] = rows_of("yahoo.splits", NOW, *splits)
    batch = Batch(dataset(table_id).source, tables, (), (), (), NOW)
    return gate(batch, CATALOG, evidence or Evidence(), NOW)


def closes(before: float | None, close: float) -> Evidence:
    """Another provider's closes of AAA on the second day and on the third."""
    days = pl.DataFrame({"ticker": "AAA", "session_date": DAYS[1:3], "close_usd": [before, close]})
    return replace(Evidence(), closes=days)


def refused(result: GateResult, table_id: str = "yahoo.prices") -> list[tuple[date, str]]:
    table = dataset(table_id)
    rows = result.refused[table_id].select(table.period, "reason").rows()
    return [(day, reason.split(":")[0]) for day, reason in rows]


def walk(*closes: float, ticker: str = "AAA") -> list[tuple[Any, ...]]:
    return [price(ticker, day, close) for day, close in zip(DAYS, closes, strict=False)]


def test_good_rows_pass_whole():
    result = judged(*walk(10, 11, 12, 11.5))
    assert result.refused["yahoo.prices"].is_empty()
    assert result.accepted["yahoo.prices"].height == 4
    assert result.held_back is None
    assert [check.name for check in result.checks if not check.passed] == []


def test_every_check_of_a_table_is_declared():
    for table_id, rows in (("yahoo.prices", walk(10, 11)), ("ssga.fund_days", [("SPY", DAYS[0], 1.0, 2.0, 2.0)])):
        names = [check.name for check in judged(*rows, table_id=table_id).checks]
        assert sorted(names) == sorted(rule.name for rule in rules_of(dataset(table_id)))


def test_two_bars_of_one_day_refuse_their_ticker_alone_and_name_both():
    result = judged(*walk(10, 11), price("BBB", DAYS[1], 7.0), price("AAA", DAYS[1], 11.5))
    assert result.held_back is None
    assert result.accepted["yahoo.prices"]["ticker"].to_list() == ["BBB"]
    assert {reason for _, reason in refused(result)} == {"key_is_unique"}
    reasons = result.refused["yahoo.prices"]["reason"].unique().to_list()
    assert reasons == [reasons[0]]
    assert f"two rows for {DAYS[1]}: " in reasons[0]
    assert "11.0" in reasons[0]
    assert "11.5" in reasons[0]


def test_a_bar_that_came_twice_counts_once():
    result = judged(*walk(10, 11), *walk(10, 11)[1:])
    assert result.refused["yahoo.prices"].is_empty()
    assert result.accepted["yahoo.prices"].height == 2


def test_a_missing_key_holds_the_desk_back():
    assert "without a key" in str(judged(*walk(10, 11), price(None, DAYS[2], 11.5)).held_back)


def test_an_infinite_value_is_refused():
    rows = walk(10, 11)
    rows[1] = (*rows[1][:6], math.inf)
    assert refused(judged(*rows)) == [(DAYS[1], "values_are_finite")]


def test_a_close_outside_its_range_is_refused_and_float32_noise_is_not():
    rows = [("AAA", DAYS[0], 10.0, 10.0, 9.0, 10.00005, 1.0), ("AAA", DAYS[1], 10.0, 10.0, 9.0, 10.01, 1.0)]
    assert refused(judged(*rows)) == [(DAYS[1], "close_is_between_low_and_high")]


@pytest.mark.parametrize("amount", [0.0, -1.0])
def test_prices_are_above_zero(amount):
    rows = [*walk(10), ("AAA", DAYS[1], amount, 10.0, 9.0, 10.0, 1.0)]
    assert refused(judged(*rows)) == [(DAYS[1], "amounts_are_positive")]


@pytest.mark.parametrize(("count", "reasons"), [(0.0, []), (-1.0, [(DAYS[1], "amounts_are_positive")])])
def test_a_count_may_be_zero_and_not_less(count, reasons):
    assert refused(judged(*walk(10), ("AAA", DAYS[1], 10.0, 10.0, 10.0, 10.0, count))) == reasons
    for shares, assets in ((count, None), (None, count)):
        rows = [("IVV", DAYS[0], 500.0, 1e9, None), ("IVV", DAYS[1], 500.0, shares, assets)]
        assert refused(judged(*rows, table_id="ishares.fund_days"), "ishares.fund_days") == reasons


def test_a_gap_is_no_fault():
    assert refused(judged(*walk(10), price("AAA", DAYS[1], None), price("AAA", DAYS[2], 10.5))) == []


def test_a_day_without_a_session_is_refused():
    assert refused(judged(*walk(10), price("AAA", date(2026, 6, 6), 10.0))) == [
        (date(2026, 6, 6), "period_is_a_session")
    ]


def test_a_large_move_is_refused_and_what_follows_stands():
    assert refused(judged(*walk(100, 101, 55, 56))) == [(DAYS[2], "large_return_is_confirmed")]


def test_after_a_bad_close_the_good_one_stands():
    assert refused(judged(*walk(100, 101, 10.1, 102, 103))) == [(DAYS[2], "large_return_is_confirmed")]


def test_40_percent_itself_passes():
    assert refused(judged(*walk(100, 140))) == []


@pytest.mark.parametrize(("ratio", "after"), [(2.0, 50.5), (0.1, 1010.0)])
def test_a_split_explains_a_move(ratio, after):
    assert refused(judged(*walk(100, 101, after), splits=[("AAA", DAYS[2], ratio)])) == []
    held = pl.DataFrame({"ticker": ["AAA"], "session_date": [DAYS[2]], "split_ratio": [ratio]})
    assert refused(judged(*walk(100, 101, after), evidence=replace(Evidence(), splits=held))) == []
    assert refused(judged(*walk(100, 101, after), splits=[("BBB", DAYS[2], ratio)])) != []


def test_a_split_that_the_prices_do_not_show_holds_the_ticker_back():
    result = judged(*walk(100, 101, 101), *walk(10, 11, 12, ticker="BBB"), splits=[("AAA", DAYS[2], 2.0)])
    assert {reason for _, reason in refused(result)} <= {"splits_show_in_prices", "large_return_is_confirmed"}
    assert result.accepted["yahoo.prices"]["ticker"].unique().to_list() == ["BBB"]
    assert result.held_back is None


def test_a_second_provider_confirms_a_move():
    assert refused(judged(*walk(100, 101, 55), evidence=closes(101.02, 55.01))) == []
    assert refused(judged(*walk(100, 101, 55), evidence=closes(101.02, 60.0))) != []
    assert refused(judged(*walk(100, 101, 55), evidence=closes(None, 55.01))) != []


def test_what_is_held_of_the_second_provider_has_the_close_before_too():
    batch = Batch("yahoo", {"yahoo.prices": rows_of("yahoo.prices", NOW, *walk(100, 101, 55))}, (), (), (), NOW)
    held = {"nasdaq.prices": rows_of("nasdaq.prices", NOW, *walk(100.02, 101.02, 55.02))}
    gated = GateResult(held, {"nasdaq.prices": held["nasdaq.prices"].clear()}, (), None)
    with empty_build() as con:
        land(con, Batch("nasdaq", held, (), (), (), NOW), gated, CATALOG, "run", NOW)
        evidence = evidence_of(con, batch, CATALOG)
    assert sorted(evidence.closes["close_usd"]) == [55.02, 101.02]
    assert gate(batch, CATALOG, evidence, NOW).refused["yahoo.prices"].is_empty()


def test_a_split_that_the_first_provider_did_not_tell_is_not_confirmed_by_the_second():
    assert refused(judged(*walk(100, 101, 50.5), evidence=closes(50.5, 50.5))) == [
        (DAYS[2], "large_return_is_confirmed")
    ]


def test_a_split_that_did_not_happen_yet_is_not_confirmed_by_the_second():
    told = [("AAA", DAYS[2], 2.0)]
    result = judged(*walk(100, 101, 101), splits=told, evidence=closes(101.0, 101.0))
    assert result.accepted["yahoo.prices"].is_empty()
    assert result.accepted["yahoo.splits"].is_empty()


def test_a_move_on_the_day_of_a_split_is_confirmed_on_its_basis():
    told = [("AAA", DAYS[2], 2.0)]
    assert judged(*walk(100, 101, 25), splits=told).accepted["yahoo.prices"].is_empty()
    assert refused(judged(*walk(100, 101, 25), splits=told, evidence=closes(50.5, 25.0))) == []


def test_a_listed_move_is_confirmed():
    rows = [price("OXY", date(2020, 3, 6), 26.86), price("OXY", date(2020, 3, 9), 12.51)]
    assert refused(judged(*rows)) == []
    assert load_confirmed_moves().height > 10


def test_a_list_that_cannot_be_read_says_so(tmp_path):
    path = tmp_path / "moves.yml"
    path.write_text("- {ticker: AAA}")
    with pytest.raises(ConfigError, match="session_date"):
        load_confirmed_moves(path)


@pytest.mark.parametrize("text", ["AAA: 2020-01-02", "- {ticker: AAA, session_date: 2020-01-02 16:00:00}", "- [", ""])
def test_a_list_of_another_shape_says_so_too(tmp_path, text):
    path = tmp_path / "moves.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"confirmed moves moves\.yml: "):
        load_confirmed_moves(path)


def test_large_moves_names_what_is_in_doubt():
    rows = rows_of("yahoo.prices", NOW, *walk(100, 101, 55))
    assert large_moves(rows, Evidence().splits).rows() == [("AAA", DAYS[2]), ("AAA", DAYS[1])]


def test_assets_that_are_not_shares_times_nav_are_refused():
    rows = [
        ("SPY", DAYS[0], 500.0, 1e9, 5e11),
        ("SPY", DAYS[1], 500.0, 1e9, 5.004e11),
        ("SPY", DAYS[2], 500.0, 1e9, 5.006e11),
        ("SPY", DAYS[3], 500.0, 1e9, None),
    ]
    result = judged(*rows, table_id="ssga.fund_days")
    assert refused(result, "ssga.fund_days") == [(DAYS[2], "assets_are_shares_times_nav")]


def test_a_period_far_ahead_is_refused():
    rows = [("AAA", date(2026, 9, 1), 2.0), ("BBB", date(2026, 6, 15), 2.0)]
    assert refused(judged(*rows, table_id="yahoo.splits"), "yahoo.splits") == [
        (date(2026, 9, 1), "period_is_not_ahead")
    ]


def test_no_price_and_no_share_count_is_dated_after_its_fetch():
    today, monday = date(2026, 6, 12), date(2026, 6, 15)
    ahead = [(monday, "period_is_not_ahead")]
    assert refused(judged(price("AAA", today, 10.0), price("AAA", monday, 10.0))) == ahead
    rows = [("SPY", day, 500.0, 1e9, 5e11) for day in (today, monday)]
    assert refused(judged(*rows, table_id="ssga.fund_days"), "ssga.fund_days") == ahead


def test_a_missing_session_warns_and_names_the_ticker():
    rows = [row for row in [*walk(10, 11, 12, 13), *walk(5, 5, 5, 5, ticker="BBB")] if row[:2] != ("BBB", DAYS[1])]
    result = judged(*rows)
    check = next(check for check in result.checks if check.name == "sessions_are_complete")
    assert (check.passed, check.severity, check.failed_count) == (False, "warn", 1)
    assert "BBB (1 missing)" in json.loads(check.detail)["summary"]
    assert result.accepted["yahoo.prices"].height == 7


def test_an_empty_batch_has_nothing_to_judge():
    result = judged()
    assert (result.checks, result.held_back) == ((), None)
    assert "reason" in result.refused["yahoo.prices"].columns


@pytest.mark.parametrize("value", [1e308, 1e300, 5e-324, -1e308])
def test_sizes_that_no_value_has_are_refused(value):
    rows = [("SPY", day, 500.0, 1e9, None) for day in DAYS]
    for column in (2, 3, 4):
        bad = [row if at != 3 else (*row[:column], value, *row[column + 1 :]) for at, row in enumerate(rows)]
        result = judged(*bad, table_id="ishares.fund_days")
        assert [day for day, _ in refused(result, "ishares.fund_days")] == [DAYS[3]]
        assert not next(check for check in result.checks if check.name == "values_are_possible").passed


def test_every_number_of_a_panel_table_has_a_bound_and_every_table_a_first_day():
    for table in TABLES:
        declared = {name: said for entry in table.expect for name, said in entry.items()}
        assert declared["since"] is not None
        assert {column.name for column in table.values if column.dtype == pl.Float64} == {*declared.get("sizes", ())}


def test_a_bar_of_several_sizes_is_refused():
    rows = walk(100, 101, 102, 103)
    for column in (2, 3, 4):
        bad = (*rows[2][:column], 10_200.0 if column < 4 else 1.02, *rows[2][column + 1 :])
        assert [day for day, _ in refused(judged(*rows[:2], bad, rows[3]))] == [DAYS[2]]


@pytest.mark.parametrize("day", [date(1773, 6, 1), date(2016, 6, 10)])
def test_a_day_years_before_all_others_is_refused(day):
    assert refused(judged(price("AAA", day, 100.0), *walk(100, 101, 102, 103))) == [(day, "period_is_sensible")]
    fund = [("SPY", on, 500.0, 1e9, None) for on in (day, *DAYS)]
    assert refused(judged(*fund, table_id="ssga.fund_days"), "ssga.fund_days") == [(day, "period_is_sensible")]
