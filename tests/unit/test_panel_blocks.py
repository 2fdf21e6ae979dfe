"""Whole blocks of a panel: what is held back or refused, and what legitimate history stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from ingest.dataset import dataset
from ingest.gate import gate
from ingest.rules.evidence import Evidence
from ingest.rules.findings import Findings
from tests.unit.databases import empty_build
from tests.unit.searches import looked_through
from tests.unit.test_panel_landing import price, rows_of
from warehouse.evidence import evidence as evidence_of
from warehouse.landing import land

CATALOG = load_catalog()
NOW = datetime(2026, 11, 17, 23, tzinfo=UTC)
DAYS = working_days("nyse", date(2026, 9, 1), date(2026, 11, 17))
LONG = working_days("nyse", date(2026, 3, 2), date(2026, 11, 17))
FACTORS = [1000.0, 100.0, 10.0, 2.0, 0.5, 0.1, 0.01, 0.001, -1.0, 1.37]


def frame(table_id: str, *rows: tuple[Any, ...]) -> pl.DataFrame:
    return rows_of(table_id, NOW, *rows)


def looked(tables: dict[str, pl.DataFrame], evidence: Evidence, splits: pl.DataFrame | None = None) -> Findings:
    known = evidence if splits is None else replace(evidence, splits=splits)
    (table_id,) = tables
    return looked_through(Batch(dataset(table_id).source, tables, (), (), (), NOW), known)


def held_of(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("stated_at", "payload_sha256", "fetched_at")


def splits_of(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=Evidence().splits.schema, orient="row")


def fund(ticker: str = "IVV", days: list[date] = LONG, assets: bool = False) -> list[tuple[Any, ...]]:
    rows = []
    for at, day in enumerate(days):
        nav, shares = 500.0 + at % 7, 1e8 + 50_000 * (at % 11)
        rows.append((ticker, day, nav, shares, nav * shares if assets else None))
    return rows


def walk(closes: list[float], ticker: str = "AAA", days: list[date] = DAYS) -> list[tuple[Any, ...]]:
    return [price(ticker, day, close) for day, close in zip(days, closes, strict=False)]


# ---- one factor over what is held ------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("table_id", "column"),
    [
        ("ishares.fund_days", "shares_outstanding_count"),
        ("ishares.fund_days", "nav_usd"),
        ("ssga.fund_days", "net_assets_usd"),
        ("proshares.fund_days", "shares_outstanding_count"),
        ("user_file.fund_days", "nav_usd"),
        ("yahoo.prices", "close_usd"),
        ("yahoo.prices", "open_usd"),
        ("yahoo.prices", "volume_shares"),
        ("nasdaq.prices", "high_usd"),
        ("ici.weekly_flows", "flow_usd_mn"),
    ],
)
def test_a_history_that_comes_back_multiplied_is_held_back(table_id, column, factor):
    if "fund_days" in table_id:
        rows = frame(table_id, *fund(assets=True))
    elif "prices" in table_id:
        rows = frame(table_id, *walk([100.0 + at % 9 for at in range(len(DAYS))], "IVV"))
    else:
        rows = frame(table_id, *((day, "IVV", 100.0 + at) for at, day in enumerate(DAYS)))
    bad = rows.with_columns(pl.col(column) * factor)
    found = looked({table_id: bad}, replace(Evidence(), held={table_id: held_of(rows)}))
    reason = found.groups[table_id]["IVV"]
    assert reason.startswith("history_is_not_multiplied: ")
    assert f"{bad.height} of {bad.height} values held of {column}" in reason
    assert (f"{factor:,.4g}" if abs(factor) < 1000 else "1,000") in reason


@pytest.mark.parametrize("part", [slice(-5, None), slice(0, 60)])
def test_a_part_of_the_history_is_enough(part):
    table_id = "ishares.fund_days"
    rows = frame(table_id, *fund())
    days = rows["report_date"].to_list()[part]
    shares = pl.col("shares_outstanding_count")
    bad = rows.with_columns(pl.when(pl.col("report_date").is_in(days)).then(shares * 1000).otherwise(shares))
    found = looked({table_id: bad}, replace(Evidence(), held={table_id: held_of(rows)}))
    assert f"{len(days)} of {rows.height} values" in found.groups[table_id]["IVV"]


def test_one_value_a_unit_off_is_refused_alone():
    table_id = "ishares.fund_days"
    rows = frame(table_id, *fund())
    shares = pl.col("shares_outstanding_count")
    bad = rows.with_columns(pl.when(pl.col("report_date") == LONG[50]).then(shares * 1000).otherwise(shares))
    found = looked({table_id: bad}, replace(Evidence(), held={table_id: held_of(rows)}))
    assert found.groups == {}
    assert list(found.rows[table_id]) == [50]


@pytest.mark.parametrize("table_id", ["yahoo.splits", "proshares.splits", "yahoo.dividends"])
@pytest.mark.parametrize(
    ("factor", "lands"), [(1000.0, False), (0.001, False), (100.0, False), (10.0, False), (1.5, True)]
)
def test_a_split_or_dividend_that_comes_back_a_unit_away_is_refused_and_a_correction_is_not(table_id, factor, lands):
    held = frame(table_id, ("AAA", DAYS[3], 0.5), ("AAA", DAYS[40], 0.25))
    rows = frame(table_id, ("AAA", DAYS[3], 0.5 * factor), ("AAA", DAYS[40], 0.25))
    found = looked({table_id: rows}, replace(Evidence(), held={table_id: held_of(held)}))
    assert (found.rows == {}) is lands
    assert found.groups == {}


def test_revisions_are_no_block():
    table_id = "ishares.fund_days"
    rows = frame(table_id, *fund())
    wobble = pl.Series([1 + (at % 13 - 6) / 1000 for at in range(rows.height)])
    revised = rows.with_columns(pl.col("shares_outstanding_count") * wobble)
    found = looked({table_id: revised}, replace(Evidence(), held={table_id: held_of(rows)}))
    assert (found.groups, found.rows) == ({}, {})


@pytest.mark.parametrize(
    ("split", "factor", "stands"),
    [
        (date(2026, 11, 17), 2.0, True),
        (date(2026, 11, 17), 4.0, False),  # done twice
        (date(2026, 6, 1), 2.0, False),  # a split of months ago is in what is held
        (date(2027, 3, 1), 2.0, False),
    ],
)
def test_a_new_split_rewrites_the_history_of_a_fund_and_nothing_else_does(split, factor, stands):
    table_id = "proshares.fund_days"
    rows = frame(table_id, *fund("TQQQ", LONG[:-1]))
    restated = rows.with_columns(pl.col("nav_usd") / factor, pl.col("shares_outstanding_count") * factor)
    evidence = replace(Evidence(), held={table_id: held_of(rows)})
    found = looked({table_id: restated}, evidence, splits_of(("TQQQ", split, 2.0)))
    assert (found.groups == {}) is stands


def test_holdings_of_a_fund_that_all_grew_a_thousandfold_are_held_back():
    table_id = "ishares.holdings"

    def snapshot(day, factor):
        return frame(table_id, *(
            ("IVV", day, at, f"T{at}", None, None, 5.0, 1000.0 * (at + 1) * factor, None) for at in range(20)
        ))  # fmt: skip

    held = held_of(snapshot(DAYS[0], 1.0))
    for factor, is_held in ((1000.0, True), (1.03, False)):
        found = looked({table_id: snapshot(DAYS[1], factor)}, replace(Evidence(), held={table_id: held}))
        assert (found.groups != {}) is is_held


def test_what_is_held_reaches_the_gate_and_the_other_funds_land():
    table_id = "ishares.fund_days"
    good = frame(table_id, *fund("IVV"), *fund("AGG"))
    shares = pl.col("shares_outstanding_count")
    bad = good.with_columns(pl.when(pl.col("ticker") == "IVV").then(shares * 1000).otherwise(shares))
    with empty_build() as con:
        gated = GateResult({table_id: good}, {table_id: good.clear()}, (), None)
        land(con, Batch("ishares", {table_id: good}, (), (), (), NOW), gated, load_catalog(), "run", NOW)
        batch = Batch("ishares", {table_id: bad}, (), (), (), NOW)
        result = gate(batch, CATALOG, evidence_of(con, batch, CATALOG), NOW)
    assert result.held_back is None
    assert result.accepted[table_id]["ticker"].unique().to_list() == ["AGG"]
    assert result.refused[table_id].height == len(LONG)
    check = next(check for check in result.checks if check.name == "history_is_not_multiplied")
    assert (check.passed, check.severity) == (False, "error")
    for told in ("ishares", "IVV", "shares_outstanding_count", "1,000", str(len(LONG))):
        assert told in check.detail


# ---- runs at another level -------------------------------------------------------------------------------------------


def off_level(closes, held=None, splits=None, evidence=None):
    table_id = "yahoo.prices"
    rows = frame(table_id, *walk(closes))
    known = evidence or Evidence()
    if held is not None:
        known = replace(known, held={table_id: held_of(frame(table_id, *held))})
    found = looked({table_id: rows}, known, splits)
    return sorted(found.rows.get(table_id, {})), found.groups.get(table_id, {})


@pytest.mark.parametrize("factor", [1000.0, 100.0, 10.0, 2.0, 0.5, 0.1, 0.01])
def test_a_run_that_leaves_and_comes_back_is_refused_whole_and_the_first_good_close_stands(factor):
    closes = [100.0] * 21 + [100.0 * factor] * 10 + [100.0] * 24
    assert off_level(closes) == (list(range(21, 31)), {})


@pytest.mark.parametrize("factor", [1000.0, 100.0, 10.0, 2.0, 0.5, 0.1, 0.01])
def test_new_closes_at_another_level_at_the_end_are_refused(factor):
    assert off_level([100.0] * 45 + [100.0 * factor] * 10) == (list(range(45, 55)), {})


def test_new_closes_at_another_level_than_what_is_held_are_refused():
    held = [price("AAA", date(2026, 8, 31), 100.0)]
    assert off_level([10_000.0] * 5, held) == ([0, 1, 2, 3, 4], {})
    assert off_level([10_000.0] * 5 + [100.0] * 30, held) == ([0, 1, 2, 3, 4], {})
    assert off_level([101.0] * 30, held) == ([], {})


def test_an_older_half_at_another_level_holds_the_ticker_back_where_nothing_held_tells():
    rows, groups = off_level([10_000.0] * 25 + [100.0] * 30)
    assert rows == []
    assert "nothing held says which is right" in groups["AAA"]


def test_a_crash_is_one_doubtful_close_and_what_follows_stands():
    assert off_level([100.0] * 10 + [44.0] * 45) == ([10], {})


@pytest.mark.parametrize("place", [10, 45])
def test_a_rise_of_41_percent_is_doubted_wherever_it_stands(place):
    assert off_level([100.0] * place + [141.0] * (55 - place)) == ([place], {})


@pytest.mark.parametrize("column", ["shares_outstanding_count", "nav_usd", "net_assets_usd"])
@pytest.mark.parametrize("factor", [1000.0, 100.0, 0.01, 0.001])
def test_new_days_of_a_fund_a_unit_away_are_refused(column, factor):
    table_id = "ssga.fund_days"
    rows = frame(table_id, *fund(assets=True))
    for part in (slice(170, 180), slice(100, 110)):
        days = LONG[part]
        value = pl.col(column)
        bad = rows.with_columns(pl.when(pl.col("report_date").is_in(days)).then(value * factor).otherwise(value))
        found = looked({table_id: bad}, Evidence())
        assert [LONG[at] for at in sorted(found.rows[table_id])] == days


def test_a_young_fund_may_grow_tenfold():
    rows = frame(
        "ishares.fund_days", *(("IBIT", day, 25.0, 1e5 * 10 ** min(at, 3), None) for at, day in enumerate(DAYS))
    )
    found = looked({"ishares.fund_days": rows}, Evidence())
    assert (found.groups, found.rows) == ({}, {})


# ---- splits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [2.0, 1.5, 3.0, 10.0, 0.1, 0.25])
@pytest.mark.parametrize("power", [1, -1])
def test_a_split_that_is_not_in_the_prices_or_is_there_twice_holds_the_ticker_back(ratio, power):
    # as traded after the split of the same answer was undone: too large by it, or too small
    right = [100.0] * 21 + [100.0 / ratio] * 34
    wrong = [close * ratio**power if at < 21 else close for at, close in enumerate(right)]
    splits = splits_of(("AAA", DAYS[21], ratio))
    assert off_level(right, splits=splits) == ([], {})
    assert "splits_show_in_prices" in off_level(wrong, splits=splits)[1]["AAA"]


@pytest.mark.parametrize("part", [slice(0, 10), slice(10, 21)])
def test_a_split_in_a_part_of_the_prices_holds_the_ticker_back(part):
    right = [100.0] * 21 + [50.0] * 34
    places = range(55)[part]
    wrong = [close * 2 if at in places else close for at, close in enumerate(right)]
    assert "AAA" in off_level(wrong, splits=splits_of(("AAA", DAYS[21], 2.0)))[1]


def test_a_second_provider_on_another_split_basis_is_held_back_with_the_ratio():
    rows = frame("nasdaq.prices", *walk([50.0] * 20 + [51.0] * 20))
    preferred = pl.DataFrame({"ticker": "AAA", "session_date": DAYS[:40], "close_usd": [100.0] * 20 + [51.0] * 20})
    found = looked({"nasdaq.prices": rows}, replace(Evidence(), preferred=preferred))
    assert "20 of 40 closes are 0.5 times those of the provider before" in found.groups["nasdaq.prices"]["AAA"]
    near = preferred.with_columns(close_usd=pl.Series([50.001] * 20 + [50.999] * 20))
    assert looked({"nasdaq.prices": rows}, replace(Evidence(), preferred=near)).groups == {}


def test_prices_of_a_file_that_was_adjusted_do_not_show_a_split_and_are_held_back():
    rows = frame("user_file.prices", *walk([50.0] * 21 + [50.5] * 34))
    found = looked({"user_file.prices": rows}, Evidence(), splits_of(("AAA", DAYS[21], 2.0)))
    assert "they were adjusted already" in found.groups["user_file.prices"]["AAA"]
