"""Golden figures of the packs on policy and valuation, in the marts of the run over the recorded history."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.sources.shiller import shiller
from tests.unit.fakes import payload_of


@pytest.fixture(scope="module")
def workbook(real_data: Path) -> pl.DataFrame:
    body = (real_data / "packs/p7_valuation/ie_data_2026-05.xls").read_bytes()
    return shiller.parse(payload_of("shiller", body))[shiller.TABLE]


def test_the_recorded_workbook_has_every_month(workbook: pl.DataFrame) -> None:
    months = workbook["month_date"]
    assert (workbook.height, months[0], months[9], months[-1]) == (
        *(1865, date(1871, 1, 1), date(1871, 10, 1)),
        date(2026, 5, 1),
    )
    newest = workbook.row(-1, named=True)
    assert newest["is_newest"] is True
    assert newest["price_index"] == 7259.22
    assert newest["earnings_index"] is None
    assert newest["note_text"].startswith("May price is May 5th close; Oct '25/Apr/May CPI estimated")
    assert workbook.filter(pl.col("month_date") == date(2026, 3, 1))["earnings_index"].item() == pytest.approx(277.10)


def test_cape_is_real_price_over_ten_years_of_real_earnings(workbook: pl.DataFrame) -> None:
    """The publisher's ratio, computed anew from his own columns: a column moved by one would show."""
    real = workbook.with_columns(
        (pl.col("price_index") / pl.col("cpi_index")).alias("price"),
        (pl.col("earnings_index") / pl.col("cpi_index")).alias("earnings"),
    ).with_columns(pl.col("earnings").shift(1).rolling_mean(120).alias("decade"))
    off = (real["price"] / real["decade"] / real["cape_ratio"] - 1).abs().drop_nulls()
    assert len(off) > 1700
    assert off.median() < 0.005


@pytest.mark.parametrize(
    ("month", "cape"),
    [
        (date(2025, 11, 1), 39.1417),
        (date(2025, 12, 1), 39.5579),
        (date(2026, 3, 1), 36.9398),
        (date(2026, 5, 1), 39.5835),
    ],
)
def test_cape_as_published(workbook: pl.DataFrame, month: date, cape: float) -> None:
    """The file is of May 2026, the recorded run ends before it: no mart has it."""
    assert workbook.filter(pl.col("month_date") == month)["cape_ratio"].item() == pytest.approx(cape, abs=0.00005)


def test_output_as_far_as_it_was_out(published: duckdb.DuckDBPyConnection) -> None:
    query = (
        "select value from marts.observations_latest where series_id = 'gdp' and period_date >= ? order by period_date"
    )
    found = published.execute(query, [date(2025, 7, 1)]).fetchall()
    assert found == [(31098.027,), (31422.526,)]


def test_what_the_folder_does_not_have_is_not_made_up(published: duckdb.DuckDBPyConnection) -> None:
    for mart, column in (
        ("treasury_supply_daily", "net_usd_bn"),
        ("fiscal_daily", "tax_refunds_individual_usd_bn"),
        ("fed_holdings_weekly", "fed_mbs_usd_bn"),
        ("global_liquidity_weekly", "three_banks_usd_bn"),
        ("valuation_quarterly", "buffett_pct"),
    ):
        assert published.execute(f"select count({column}) from marts.{mart}").fetchone() == (0,), mart
    plans = published.execute("select count(*) from marts.tga_plan").fetchone()
    assert plans is not None
    assert plans[0] >= 3


def test_the_yen_of_a_week_is_the_first_providers(published: duckdb.DuckDBPyConnection) -> None:
    """H.10, blank on 2020-12-24, came a quarter of an hour before the H.4.1."""
    row = published.execute(
        "select boj_usdjpy_rate, boj_usdjpy_obs_date, contains(missing_text, 'usdjpy')"
        " from marts.global_liquidity_weekly where week_date = '2020-12-23'"
    ).fetchone()
    assert row == (103.552002, date(2020, 12, 24), False)


def test_of_adjusted_prices_the_dollars_traded_are_not_known(published: duckdb.DuckDBPyConnection) -> None:
    """The recorded closes have no dividends: that of SPY in January 2000 is a third below what was paid."""
    row = published.execute(
        "select count(*), count(*) filter (where spy_price_basis = 'adjusted'), count(spy_move_bp_per_usd_bn),"
        " count(spy_amihud_21d_bp_per_usd_bn), count(spy_corwin_schultz_21d_bp) from marts.liquidity_conditions_daily"
    ).fetchone()
    assert row is not None
    assert row[0] == row[1] > 6000
    assert row[2:4] == (0, 0)
    assert row[4] > 6000


def test_the_rate_on_reserves_is_in_force_on_holidays_of_the_bond_market(published: duckdb.DuckDBPyConnection) -> None:
    rows = published.execute(
        "select session_date, iorb_pct, sofr_pct from marts.funding_daily"
        " where session_date in ('2025-10-13', '2025-11-11') order by 1"
    ).fetchall()
    assert rows == [(date(2025, 10, 13), 4.15, None), (date(2025, 11, 11), 3.9, None)]
    missing = "select count(*) from marts.funding_daily where session_date >= '2021-07-29' and iorb_pct is null"
    assert published.execute(missing).fetchone() == (0,)
