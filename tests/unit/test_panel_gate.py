"""The gate of panel tables: what is refused, what holds a desk back, what only warns."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.catalog.calendars import working_days
from ingest.catalog.confirmed_moves import load_confirmed_moves
from ingest.errors import ConfigError
from ingest.panel import panel_table
from ingest.panel_gate import Evidence, large_moves, panel_gate, rule_names
from ingest.panel_kit import PanelBatch, PanelGateResult
from tests.unit.test_panel_landing import price, rows_of

NOW = datetime(2026, 6, 12, 23, tzinfo=UTC)
DAYS = working_days("nyse", date(2026, 6, 1), date(2026, 6, 11))


def judged(
    *rows: tuple[Any, ...],
    table_id: str = "yahoo.prices",
    splits: list[tuple[Any, ...]] | None = None,
    evidence: Evidence | None = None,
) -> PanelGateResult:
    tables = {table_id: rows_of(table_id, NOW, *rows)}
    if splits is not None:
        tables["yahoo.splits"] = rows_of("yahoo.splits", NOW, *splits)
    batch = PanelBatch(panel_table(table_id).source, tables, (), (), (), NOW)
    return panel_gate(batch, evidence or Evidence.none(), NOW)


def refused(result: PanelGateResult, table_id: str = "yahoo.prices") -> list[tuple[date, str]]:
    table = panel_table(table_id)
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
        assert sorted(names) == sorted(rule_names(panel_table(table_id)))


def test_a_doubled_key_holds_the_desk_back():
    result = judged(*walk(10, 11), price("AAA", DAYS[1], 11.5))
    assert result.held_back is not None
    assert "share their key" in result.held_back
    assert all(rows.is_empty() for rows in result.accepted.values())
    assert refused(result) == [(DAYS[1], "key_is_unique")] * 2


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
    assert refused(judged(*walk(100, 101, after), evidence=replace(Evidence.none(), splits=held))) == []
    assert refused(judged(*walk(100, 101, after), splits=[("BBB", DAYS[2], ratio)])) != []


def test_a_split_that_the_prices_do_not_show_is_refused():
    assert refused(judged(*walk(100, 101, 101), splits=[("AAA", DAYS[2], 2.0)])) == [
        (DAYS[2], "large_return_is_confirmed")
    ]


def test_a_second_provider_confirms_a_move():
    rows = walk(100, 101, 55)
    closes = pl.DataFrame({"ticker": ["AAA"], "session_date": [DAYS[2]], "close_usd": [55.01]})
    assert refused(judged(*rows, evidence=replace(Evidence.none(), closes=closes))) == []
    other = closes.with_columns(close_usd=pl.lit(60.0))
    assert refused(judged(*rows, evidence=replace(Evidence.none(), closes=other))) != []


def test_a_listed_move_is_confirmed():
    rows = [price("OXY", date(2020, 3, 6), 26.86), price("OXY", date(2020, 3, 9), 12.51)]
    assert refused(judged(*rows)) == []
    assert load_confirmed_moves().height > 10


def test_a_list_that_cannot_be_read_says_so(tmp_path):
    path = tmp_path / "moves.yml"
    path.write_text("- {ticker: AAA}")
    with pytest.raises(ConfigError, match="session_date"):
        load_confirmed_moves(path)


def test_large_moves_names_what_is_in_doubt():
    rows = rows_of("yahoo.prices", NOW, *walk(100, 101, 55))
    assert large_moves(rows, Evidence.none().splits).rows() == [("AAA", DAYS[2], 55.0)]


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


def test_a_missing_session_warns_and_names_the_ticker():
    rows = [row for row in [*walk(10, 11, 12, 13), *walk(5, 5, 5, 5, ticker="BBB")] if row[:2] != ("BBB", DAYS[1])]
    result = judged(*rows)
    check = next(check for check in result.checks if check.name == "sessions_are_complete")
    assert (check.passed, check.severity, check.failed_count) == (False, "warn", 1)
    assert "BBB (1 missing)" in json.loads(check.detail)["summary"]
    assert result.accepted["yahoo.prices"].height == 7


def test_an_empty_batch_has_nothing_to_judge():
    result = judged()
    assert (result.checks, result.held_back) == ([], None)
    assert "reason" in result.refused["yahoo.prices"].columns


@pytest.mark.slow
def test_400_000_rows_are_judged_quickly():
    days = working_days("nyse", date(2000, 1, 3), date(2026, 6, 11))
    tickers = pl.DataFrame({"ticker": [f"T{number:03}" for number in range(61)]})
    one = rows_of("yahoo.prices", NOW, price("AAA", DAYS[0], 10.0)).drop("ticker", "session_date")
    frame = tickers.join(pl.DataFrame({"session_date": days}), how="cross").join(one, how="cross")
    batch = PanelBatch("yahoo", {"yahoo.prices": frame}, (), (), (), NOW)
    panel_gate(PanelBatch("yahoo", {"yahoo.prices": frame.head(9)}, (), (), (), NOW), Evidence.none(), NOW)  # imports
    began = time.perf_counter()
    assert panel_gate(batch, Evidence.none(), NOW).refused["yahoo.prices"].is_empty()
    assert frame.height > 400_000
    assert time.perf_counter() - began < 5
