"""The golden figures of the consumer pack: six copies of consumer credit as vintages, card rates, what is past due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from pydantic import SecretStr

from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import build_context, collect
from ingest.connectors import connector
from ingest.gate import gate
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.new_york_fed import household_debt as report
from simulator import StandIn, folder_market
from tests.models import model_sql
from tests.unit.fakes import payload_of
from tests.unit.standin_helpers import KEY, new_york
from warehouse.connection import migrate
from warehouse.evidence import evidence
from warehouse.landing import land

CATALOG = load_catalog()

SNAPSHOTS = ("2026-01-19", "2026-04-23", "2026-06-04", "2026-06-08")
CHANGES: dict[str, tuple[float | None, ...]] = {  # USD millions, by copy
    "2025-11-01": (4229.37, 3253.07, 3396.19, 3492.87),
    "2025-12-01": (None, 15855.50, 15570.17, 15153.85),
    "2026-02-01": (None, 9484.09, 8844.82, 6752.36),
    "2026-03-01": (None, None, 24855.00, 22225.59),
    "2026-04-01": (None, None, None, 20732.81),
}


@pytest.fixture(scope="module")
def vintages(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Land the six copies as FRED serves vintages: asked with a key the day after the last, gated, landed, staged.

    The shared build is keyless and ends in April 2026, so it has the newest copy of that day and no older one.
    """
    now = new_york("2026-06-09T09:15")
    folder = tmp_path_factory.mktemp("vintages")
    with StandIn(folder_market(real_data), now) as stand_in, duckdb.connect() as con:
        migrate(con)
        settings = Settings(_env_file=None, upstream=stand_in.url, home=folder, fred_api_key=SecretStr(KEY))
        with Upstream(settings, clock_at(now), Archive(folder / "archive")) as upstream:
            context = build_context("fred", CATALOG, settings, clock_at(now), upstream)
            pairs = [pair for pair in context.pairs if pair[1].code in ("TOTALSL", "REVOLSL")]
            since = dict.fromkeys(series.id for series, _ in pairs)
            batch = collect(connector("fred"), replace(context, pairs=pairs, since=since))
        assert not batch.problems
        gated = gate(batch, CATALOG, evidence(con, batch, CATALOG), now)
        assert gated.held_back is None
        assert gated.refused["fred.observations"].is_empty()
        land(con, batch, gated, CATALOG, "run", now)
        assert con.execute("select distinct known_basis from fred.observations").fetchall() == [("vintage",)]
        yield con


def known(vintages: duckdb.DuckDBPyConnection, model: str, snapshot: str) -> str:
    """Return the select of a model over what was known on the morning after a copy, in the unit of the marts."""
    prints = (
        "(select series_id, period_date, provider, 1 as provider_rank, round(value * 0.001, 9) as value,"
        " 'usd_bn' as unit, known_at, known_basis, loaded_at, payload_sha256 from fred.observations"
        f" where known_at <= timestamp '{snapshot}' + interval 37 hour)"
    )
    nothing = f"(select * from {prints} where false)"
    return model_sql(model, {"int_observations": prints, "int_observations_latest": nothing})


@pytest.mark.parametrize(("place", "snapshot"), list(enumerate(SNAPSHOTS)))
def test_changes_of_total_credit_as_each_copy_had_them(vintages, place: int, snapshot: str) -> None:
    rows = vintages.execute(
        "select month_date::varchar, total_credit_change_first_usd_bn * 1000, total_credit_change_latest_usd_bn * 1000"
        f" from ({known(vintages, 'consumer_monthly', snapshot)})"
    ).fetchall()
    found = {month: (first, latest) for month, first, latest in rows}
    for month, by_copy in CHANGES.items():
        first = next(change for change in by_copy if change is not None)
        if by_copy[place] is None:
            assert month not in found, f"{month} was not out on {snapshot}"
        else:
            assert found[month] == pytest.approx((first, by_copy[place]), abs=0.005), "the first print stays"


@pytest.mark.parametrize(("place", "snapshot"), list(enumerate(SNAPSHOTS)))
def test_revisions_have_the_levels_that_the_changes_are_made_of(vintages, place: int, snapshot: str) -> None:
    rows = vintages.execute(
        "select period_date::varchar, first_print_number * 1000, latest_print_number * 1000, changes_count"
        f" from ({known(vintages, 'revisions', snapshot)}) where series_id = 'consumer_credit_total'"
    ).fetchall()
    revised = {month: numbers for month, *numbers in rows}
    once = dict(
        vintages.execute(
            "select period_date::varchar, max(value) from fred.observations where series_id = 'consumer_credit_total'"
            f" and known_at <= timestamp '{snapshot}' + interval 37 hour group by 1 having count(distinct value) = 1"
        ).fetchall()
    )
    latest = {**once, **{month: numbers[1] for month, numbers in revised.items()}}
    for month, by_copy in CHANGES.items():
        before = str((date.fromisoformat(month) - timedelta(days=1)).replace(day=1))
        if by_copy[place] is not None:
            assert latest[month] - latest[before] == pytest.approx(by_copy[place], abs=0.005)
    if place == len(SNAPSHOTS) - 1:
        assert {month for month in CHANGES if month in revised} == set(CHANGES) - {"2026-04-01"}
        assert latest["2026-04-01"] == pytest.approx(5153090.64)
        assert revised["2025-12-01"][0] == pytest.approx(5099639.18)
        assert revised["2025-12-01"][2] == 2


def test_the_shared_build_has_the_copy_of_its_day_and_says_that_first_prints_are_not_known(published) -> None:
    rows = published.execute(
        "select month_date::varchar, total_credit_change_first_usd_bn,"
        " round(total_credit_change_latest_usd_bn * 1000, 2)"
        " from marts.consumer_monthly where month_date in ('2025-11-01', '2025-12-01', '2026-02-01') order by 1"
    ).fetchall()
    assert rows == [("2025-11-01", None, 3253.07), ("2025-12-01", None, 15855.5), ("2026-02-01", None, 9484.09)]


def test_the_break_of_december_2024_is_no_flow(published) -> None:
    change, is_break = published.execute(
        "select revolving_change_latest_usd_bn, is_level_break from marts.consumer_monthly"
        " where month_date = '2024-12-01'"
    ).fetchone()
    assert round(change, 1) == -45.1
    assert is_break is True
    december, level, is_break = published.execute(
        "select max(revolving_change_latest_usd_bn) filter (where month_date = '2025-12-01'),"
        " max(revolving_credit_usd_bn) filter (where month_date = '2026-02-01'),"
        " bool_or(is_level_break) filter (where month_date = '2025-12-01') from marts.consumer_monthly"
    ).fetchone()
    assert (round(december * 1000, 2), round(level * 1000, 2), is_break) == (8158.36, 1327596.44, False)


def test_card_rates_stand_at_their_quarters_and_blank_months_are_nothing(published) -> None:
    rates = dict(
        published.execute(
            "select quarter_date::varchar, card_rate_all_pct from marts.consumer_quarterly"
            " where quarter_date >= '2025-01-01'"
        ).fetchall()
    )
    quarters = ("2025-01-01", "2025-04-01", "2025-07-01", "2025-10-01", "2026-01-01")
    assert [rates[quarter] for quarter in quarters] == [21.37, 21.16, 21.39, 20.97, 21.00]
    months = published.execute(
        "select distinct month(period_date) from marts.observations_latest where series_id = 'card_rate_all_accounts'"
        " and value is not null order by 1"
    ).fetchall()
    assert months == [(2,), (5,), (8,), (11,)]
    expected = published.execute(
        "select expected_period_date::varchar from meta.freshness where series_id = 'card_rate_all_accounts'"
    ).fetchone()
    assert expected[0][5:7] in ("02", "05", "08", "11"), "no month is due that is never printed"


def test_past_due_as_banks_and_the_new_york_fed_have_it(published) -> None:
    rows = published.execute(
        "select quarter_date::varchar, card_90dpd_pct, card_flow_90dpd_pct, card_30dpd_banks_pct, card_balance_usd_bn,"
        " household_debt_usd_bn, known_at::varchar from marts.consumer_quarterly"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    stock = {"2003-01-01": 8.84, "2010-01-01": 13.73, "2010-04-01": 13.74, "2022-07-01": 7.59, "2023-10-01": 9.74}
    stock |= {"2024-01-01": 10.69, "2024-04-01": 10.93}
    assert {quarter: found[quarter][0] for quarter in stock} == stock
    assert 9.87 not in {row[1] for row in rows}, "a figure that is quoted and that no quarter has"
    assert (found["2024-01-01"][1], found["2024-04-01"][1]) == (6.86, 7.18)
    banks = {"2025-01-01": 3.06, "2025-04-01": 3.04, "2025-07-01": 2.98, "2025-10-01": 2.94}
    assert {quarter: found[quarter][2] for quarter in banks} == banks
    assert (found["2024-04-01"][3], found["2024-04-01"][4]) == (1142.0, 17796.0)
    assert found["2024-04-01"][5] >= "2024-08-06 15:00", "not before the day on which the report was out"


def test_income_saving_and_sales(published) -> None:
    found = {
        row[0]: row[1:]
        for row in published.execute(
            "select month_date::varchar, saving_rate_pct, real_income_saar_usd_bn, real_pce_saar_usd_bn,"
            " real_retail_sales_usd_bn, retail_sales_usd_bn from marts.consumer_monthly"
            " where month_date >= '2025-09-01'"
        ).fetchall()
    }
    assert [found[month][0] for month in ("2025-09-01", "2025-10-01", "2025-11-01")] == [4.0, 3.7, 3.5]
    assert found["2025-12-01"][1] == 18032.2
    assert found["2025-11-01"][2] == 16715.4
    assert [found[month][3] for month in ("2025-10-01", "2025-11-01", "2025-12-01")] == [None, 226.136, 225.429]


def test_what_came_out_after_the_build_s_day(real_data: Path) -> None:
    """Sales of May to July and the sentiment of June 2026: the shared build ends before they were out."""
    market = folder_market(real_data)
    now = new_york("2026-08-20T09:15")
    sales = dict(market.known("retail_sales", "fred", now).iter_rows())
    assert [sales[date(2026, month, 1)] for month in (5, 6, 7)] == [766.192, 768.072, 763.602]
    assert dict(market.known("consumer_sentiment", "fred", now).iter_rows())[date(2026, 6, 1)] == 49.5


def test_margin_debt_of_may_2026(real_data: Path) -> None:
    """May was out in June: the mart's select over the whole recorded workbook."""
    shown = folder_market(real_data)
    parts = [
        shown.known(name, "finra", new_york("2026-07-22T09:15")).with_columns(pl.lit(name).alias("series_id"))
        for name in ("margin_debt", "free_credit_cash", "free_credit_margin")
    ]
    workbook = pl.concat(parts).with_columns(known_at=pl.lit(None, pl.Datetime("us")))  # noqa: F841  read by DuckDB
    sql = model_sql("margin_debt_monthly", {"int_observations_latest": "workbook"})
    row = duckdb.sql(
        f"select debit_usd_bn, round(yoy_pct, 2), round(change_3m_pct, 2) from ({sql}) where month_date = '2026-05-01'"
    ).fetchone()
    assert row == (1415.557, 53.7, 12.96)


def test_margin_debt_of_the_shared_build_crosses_the_break_of_2010(published) -> None:
    rows = published.execute(
        "select min(month_date)::varchar, max(month_date)::varchar, count(*) from marts.margin_debt_monthly"
        " where is_yoy_across_break"
    ).fetchall()
    assert rows == [("2010-02-01", "2011-01-01", 12)]


def test_the_recorded_workbook_whole(real_data: Path) -> None:
    body = (real_data / "packs/p1_consumer/HHD_C_Report_2024Q2.xlsx").read_bytes()
    meta = {"kind": "workbook", "quarter": "2024Q2"}
    rows = report.parse(payload_of("household_debt", body, meta=meta))[report.TABLE]
    assert rows.height == 86 * 7
    gaps = rows.null_count().row(0, named=True)
    # new delinquencies of student loans begin later than the rest
    assert (gaps["balance_usd_bn"], gaps["dpd90_pct"], gaps["flow_dpd90_pct"]) == (0, 0, 4)
    assert rows.filter(pl.col("flow_dpd90_pct").is_null())["loan_type"].unique().to_list() == ["student"]


def test_the_board_s_old_file_has_the_series_that_the_catalog_names(real_data: Path) -> None:
    """Its CSV of 2020: the very names, units and multipliers that the XML is asked for."""
    lines = pl.read_csv(
        real_data / "fed_releases/FRB_G19_2020-10.csv", has_header=False, infer_schema_length=0, n_rows=6
    )
    # the rows above: unit, multiplier, currency, and last the name
    names = dict(zip(lines.row(5), zip(lines.row(1), lines.row(3), lines.row(2), strict=True), strict=True))
    codes = [one for _, one in CATALOG.of_source("federal_reserve") if one.code.startswith("G19/")]
    assert len(codes) == 7
    for provider in codes:
        unit, currency, multiplier = names[provider.code.removeprefix("G19/")]
        assert provider.unit == f"{unit} {currency} x {multiplier}"
