"""What counts as evidence for a figure that was said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import duckdb
import pytest

from analytics.claims.definition import sources
from analytics.claims.facts import Evidence, Fact, evidence_sql, fact_rows, facts, verdict_of
from ingest.catalog import load_catalog

MOMENT = datetime(2026, 2, 7, 14)
BY_ID = {one.id: one for one in facts()}

SAID: Mapping[str, tuple[str, ...]] = {
    "S2 S&P 500 at 5950, resistance at 6180 to 6200": ("spx_2025_11_21", "spx_resistance_6200"),
    "S2 dollar index above 106, gold about 2630": ("dollar_index_106", "gold_2630"),
    "S2 142nd session above the 50-day average": ("day_142_above_50dma",),
    "S2 high-yield spread 320 to 385": ("hy_oas_385",),
    "S2 447 rose and 55 fell in New York": ("nyse_447_55",),
    "S2 ten largest in 2000 at 36 percent": ("top10_2000",),
    "S2 180 billion of trend followers are 3.8 percent": ("cta_share_of_cap",),
    "S2 triple-leveraged funds of 280 billion": ("leveraged_280bn",),
    "S2 median of three months after three dates": ("inverse_median_3m",),
    "S2 December is best": ("december_mean",),
    "S2 October 2022 before inflation peaked": ("inflation_peak_2022",),
    "S2 overweight second only to January 2021": ("equity_overweight",),
    "S1 index of fear at the year's high": ("panic_index_high",),
    "S1 high yield 55 basis points wider": ("hy_55bp_november",),
    "S1 weekly inflows of 4.3 and of 43 billion": ("etf_inflow_scope",),
    "S1 Fed dovish in June 2022": ("fed_2022_06",),
    "S1 VVIX before the crisis of 2023": ("vvix_run_2023",),
    "S1 387 bankruptcies": ("bankruptcies_387",),
    "S1 card rate above 24.5, S0 22.3": ("card_rates", "card_rate_assessed"),
    "S1 asset managers turning in November 2025": ("cme_asset_managers",),
    "S3 Treasury's account drains to the end of March": ("tga_drain_to_march",),
    "S3 carry in February 2026": ("carry_february_2026",),
    "S3 Japan the largest creditor": ("japan_creditor",),
    "S4 August 2025: VIX 18 to 38, put/call above 1.3": ("vix_august_2025", "put_call_august_2025"),
    "S4 VIX at most 82.69, 80.86": ("vix_records", "vix_record_2008"),
    "S0 consumer credit of December": ("consumer_credit_december",),
    "S0 the figures of its market that are right": (
        *("spx_2026_02_06", "spx_2026_01_30", "spx_week_2026_02_06", "vix_2026_02_06"),
    ),
    "S3 reserves fall one for one": ("reserves_one_for_one",),
}
"""Every statement of the sources that fails a check of the public record, and the last two that pass: its facts."""


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute(
            """
            create schema marts;
            create table marts.observations as select * from (values
                ('close', date '2026-02-02', 100.0::double, 1, timestamp '2026-02-03'),
                ('close', date '2026-02-03', null, 1, timestamp '2026-02-04'),
                ('close', date '2026-02-04', 101.0, 1, timestamp '2026-02-05'),
                ('close', date '2026-02-05', 102.0, 1, timestamp '2026-02-06'),
                ('close', date '2026-02-05', 999.0, 1, timestamp '2026-02-08')
            ) as t(series_id, period_date, value, provider_rank, known_at);
            alter table marts.observations add column loaded_at timestamp;
            alter table marts.observations add column payload_sha256 varchar;
            alter table marts.observations add column known_basis varchar default 'release_rule';
            update marts.observations set loaded_at = known_at;
            create table marts.disagreements as select 'close' as series_id, date '2026-02-02' as period_date,
                true as is_disputed, timestamp '2026-02-09' as known_at
            """
        )
        yield con


def rows(con: duckdb.DuckDBPyConnection, moment: datetime) -> list[tuple]:
    query = "select strftime(period_date, '%d'), value from newest where series_id = 'close' order by 1"
    return con.execute(evidence_sql(query, moment)).fetchall()


def test_a_day_without_a_value_is_no_session_and_what_came_later_was_not_known(con):
    assert rows(con, MOMENT) == [("02", 100.0), ("04", 101.0), ("05", 102.0)]


def test_what_providers_dispute_is_no_evidence(con):
    assert rows(con, datetime(2026, 2, 10)) == [("04", 101.0), ("05", 999.0)]


def test_every_figure_that_was_said_has_a_fact_and_every_fact_one_of_them():
    named = [one for ids in SAID.values() for one in ids]
    assert len(SAID) == 26 + 2
    assert sorted(named) == sorted(BY_ID)
    for said, ids in SAID.items():
        assert BY_ID[ids[0]].source == said[:2]


def test_every_fact_asks_for_series_of_the_catalog_or_a_mart_and_says_what_it_would_take():
    known = {one.id for one in load_catalog().series}
    for fact in facts():
        assert fact.source in sources()
        assert "newest" in fact.query or "marts." in fact.query, fact.id
        assert (
            "marts." not in fact.query or "known_at <= $moment" in fact.query or "settled_at <= $moment" in fact.query
        )
        if fact.needs is None:
            asked = fact.lacking.removeprefix("values of ").rpartition(" of ")[0].split(", ")
            assert set(asked) <= known, fact.id
        elif "user_files/" in fact.needs:
            names = {
                word.removeprefix("user_files/").removesuffix(".csv") for word in fact.needs.split() if "/" in word
            }
            assert names <= known, fact.id


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sql": None}, "each figure has one query"),
        ({"series": "vix_close", "period": date(2026, 2, 6)}, "each figure has one query"),
        ({"compared_as": "lower_bound"}, "says what the figure of this data is"),
    ],
)
def test_a_fact_without_a_query_is_refused(change: dict[str, object], sentence: str):
    entry = BY_ID["vix_records"].model_dump()
    with pytest.raises(ValueError, match=sentence):
        Fact.model_validate(entry | change)


@pytest.mark.parametrize(
    ("then", "now", "verdict", "is_data"),
    [
        (6932.3, 6932.3, "confirmed", True),
        (6900.0, 6932.0, "refuted", True),  # what was known when it was said counts
        (None, 6900.0, "refuted", True),
        (6900.0, None, "confirmed", False),  # disputed since
        (None, None, "confirmed", False),
    ],
)
def test_a_verdict_rests_on_what_was_known_then_as_long_as_it_is_undisputed(then, now, verdict, is_data):
    fact = BY_ID["spx_2026_02_06"]
    found, why = verdict_of(fact, then, now, is_simulated=False)
    assert (found, why is None) == (verdict, is_data)
    found, why = verdict_of(fact, then, now, is_simulated=True)
    assert found == "confirmed"
    assert why is not None
    assert why.startswith("not held: values of sp500_close" if now is None else "a simulated market")


@pytest.mark.parametrize(
    ("name", "then", "now", "verdict", "why"),
    [
        ("consumer_credit_december", 24.05, 15.86, "confirmed", None),
        ("consumer_credit_december", 23.0, 24.05, "refuted", None),
        ("consumer_credit_december", None, 15.86, "confirmed", "what was known when it was said is not held"),
        ("inflation_peak_2022", None, -4, "refuted", None),
        ("inflation_peak_2022", None, 3, "confirmed", None),
        ("leveraged_280bn", None, 60, "refuted", "the figure of this data is a lower bound"),
        ("leveraged_280bn", None, 280, "refuted", "the figure of this data is a lower bound"),
        ("leveraged_280bn", None, 301, "refuted", None),
        ("nyse_447_55", 447, 447, "refuted", "the figure of this data is another thing"),
        ("card_rates", None, 21.4, "scope", "different things under one name"),
    ],
)
def test_a_figure_that_does_not_decide_leaves_the_public_record(name, then, now, verdict, why):
    found, said = verdict_of(BY_ID[name], then, now, is_simulated=False)
    assert (found, said is None) == (verdict, why is None)
    assert (said or "").startswith(why or "")


@pytest.fixture
def world(con):
    """An empty release: the tables that facts ask, and the session of now."""
    con.execute(
        """
        create table marts.market_known_daily as
            select date '2026-04-23' as session_date, timestamp '2026-04-24 13:15' as cutoff_at;
        create table marts.market_daily as select 'LIVE' as data_origin;
        create table marts.policy_events (event_date date, change_bp double, is_dovish boolean, known_at timestamp);
        create table marts.positioning_weekly (contract_id varchar, trader_class varchar, report_date date,
            known_at timestamp);
        create table marts.breadth_daily (universe varchar, session_date date, advances_count bigint,
            settled_at timestamp);
        create table marts.valuation_quarterly (quarter_date date, equities_nonfin_usd_bn double,
            equities_fin_usd_bn double, known_at timestamp);
        create table marts.leveraged_etf_daily (ticker varchar, session_date date, leverage_ratio double,
            net_assets_usd_mn double, settled_at timestamp);
        create table marts.etf_flows_weekly (category varchar, week_end_date date, ici_flow_usd_mn double,
            settled_at timestamp);
        create table marts.filings_8k_monthly (item varchar, month_date date, filings_count bigint, known_at timestamp)
        """
    )
    return con


def observe(con: duckdb.DuckDBPyConnection, series_id: str, values: Mapping[str, float], known_at: str) -> None:
    for period, value in values.items():
        con.execute(
            f"insert into marts.observations select '{series_id}', date '{period}', {value}, 1, timestamp '{known_at}',"
            f" timestamp '{known_at}', 'a', 'vintage'"
        )


def fact_of(con: duckdb.DuckDBPyConnection, name: str) -> tuple[object, ...]:
    """Return what is known then and now, the verdict and its basis; the query in the row gives the same."""
    (row,) = [one for one in fact_rows(Evidence(con)) if one["fact_id"] == name]
    (seen,) = con.execute(row["evidence_sql"]).fetchone() or (None,)
    assert row["known_now_number"] == (None if seen is None else pytest.approx(seen, abs=1e-6))
    return row["known_then_number"], row["known_now_number"], row["verdict"], row["verdict_basis"]


def test_without_data_each_fact_says_what_would_show_it_and_keeps_the_verdict_of_the_record(world):
    for row in fact_rows(Evidence(world)):
        assert (row["known_then_number"], row["known_now_number"]) == (None, None), row["fact_id"]
        assert row["verdict"] == BY_ID[row["fact_id"]].verdict
        assert row["verdict_basis"] == "public_record"
        assert row["reason_text"] == f"not held: {BY_ID[row['fact_id']].lacking}"


def test_a_file_of_the_users_decides(world):
    observe(world, "top10_weight_pct", {"2000-03-01": 26.9, "2000-12-01": 24.0}, "2001-01-10")
    assert fact_of(world, "top10_2000") == (26.9, 26.9, "refuted", "data")
    observe(world, "japan_net_iip", {"2024-01-01": 3400}, "2025-05-30")
    assert fact_of(world, "japan_creditor") == (None, None, "refuted", "public_record")  # one alone has no rank
    observe(world, "germany_net_iip", {"2024-01-01": 3600}, "2025-05-30")
    assert fact_of(world, "japan_creditor") == (2, 2, "refuted", "data")
    observe(world, "japan_net_iip", {"2024-01-01": 3700}, "2026-03-01")
    assert fact_of(world, "japan_creditor") == (2, 1, "refuted", "data")  # as known when it was said


def test_a_survey_counts_once_it_has_every_month(world):
    months = [f"{year}-{month:02}-01" for year in range(2021, 2026) for month in range(1, 13)][:59]
    survey = {month: 20.0 for month in months} | {"2021-01-01": 60.0, "2025-11-01": 34.0}
    observe(world, "fms_equity_net_pct", {month: survey[month] for month in months[1:]}, "2025-11-18")
    assert fact_of(world, "equity_overweight") == (None, None, "refuted", "public_record")
    observe(world, "fms_equity_net_pct", {"2021-01-01": 60.0}, "2025-11-18")
    assert fact_of(world, "equity_overweight") == (1, 1, "confirmed", "data")
    observe(world, "fms_equity_net_pct", {"2025-02-01": 35.0}, "2025-11-19")
    assert fact_of(world, "equity_overweight") == (2, 2, "refuted", "data")


def test_a_first_print_is_judged_as_it_was_known(world):
    observe(world, "consumer_credit_total", {"2025-11-01": 5084.83}, "2026-01-08 20:00")
    observe(world, "consumer_credit_total", {"2025-11-01": 5085.0, "2025-12-01": 5109.045}, "2026-02-06 20:00")
    observe(world, "consumer_credit_total", {"2025-11-01": 5083.78368, "2025-12-01": 5099.63918}, "2026-04-07 19:00")
    then, now, *verdict = fact_of(world, "consumer_credit_december")
    assert (then, now, verdict) == (pytest.approx(24.045), pytest.approx(15.8555), ["confirmed", "data"])
    # loaded later, when it may have been revised: it was not known then
    world.execute("update marts.observations set known_basis = 'latest_only'")
    assert fact_of(world, "consumer_credit_december")[::3] == (None, "public_record")


def test_prices_rose_fastest_in_the_year_to_the_highest_index_over_that_of_a_year_before(world):
    months = [f"{year}-{month:02}-01" for year in (2020, 2021, 2022) for month in range(1, 13)]
    level = {month: 100.0 for month in months} | {"2022-06-01": 109.0, "2022-11-01": 108.0}
    observe(world, "retail_sales", {month: 3 * value for month, value in level.items()}, "2025-01-15")
    observe(world, "real_retail_sales", dict.fromkeys(months, 3.0), "2025-01-15")
    assert fact_of(world, "inflation_peak_2022")[1] is None, (
        "what sales are deflated by is no evidence of consumer prices"
    )
    late = ("2021-02-01", "2022-11-01")
    observe(world, "consumer_prices", {month: level[month] for month in months if month not in late}, "2025-01-15")
    observe(world, "consumer_prices", {late[0]: 100.0}, "2025-01-15")
    assert fact_of(world, "inflation_peak_2022")[1] is None  # nothing after October: it might still have been ahead
    observe(world, "consumer_prices", {late[1]: 108.0}, "2025-01-15")
    assert fact_of(world, "inflation_peak_2022") == (-4, -4, "refuted", "data")


def test_a_month_without_an_index_leaves_the_peak_unknown(world):
    months = [f"{year}-{month:02}-01" for year in (2020, 2021, 2022) for month in range(1, 13)]
    observe(world, "consumer_prices", dict.fromkeys(set(months) - {"2021-06-01"}, 100.0), "2025-01-15")
    found = {row["fact_id"]: row for row in fact_rows(Evidence(world))}["inflation_peak_2022"]
    assert found["known_now_number"] is None
    assert found["reason_text"] == "not held: consumer_prices of 2020 to November 2022"


def test_bounds_and_figures_beside(world):
    world.execute(
        """
        insert into marts.breadth_daily values
            ('SPX', '2025-11-24', 400, '2025-11-25'), ('USCOMMON', '2025-11-24', 9, '2025-11-25');
        insert into marts.valuation_quarterly values
            ('2025-04-01', 70000, 10000, '2025-09-11'), ('2025-07-01', 75000, 15000, '2026-01-09');
        insert into marts.leveraged_etf_daily values
            ('AAA', '2025-11-25', 3, 20000, '2025-11-26'), ('AAA', '2025-11-26', 3, 21000, '2025-11-29'),
            ('BBB', '2025-11-24', -3, 5000, '2025-11-25'), ('CCC', '2025-11-25', 2, 900000, '2025-11-26');
        insert into marts.etf_flows_weekly values
            ('total', '2025-11-12', 30000, '2025-11-19'), ('total', '2025-11-19', 41000, '2025-11-28'),
            ('bond', '2025-11-19', 1, '2025-11-26');
        insert into marts.filings_8k_monthly select item, month::date, 7, month + interval 40 days
            from unnest(['1.03', '2.05']) as t (item),
                range(timestamp '2025-01-01', timestamp '2025-10-01', interval 1 month) as m (month)
        """
    )
    assert fact_of(world, "nyse_447_55") == (400, 400, "refuted", "public_record")
    assert fact_of(world, "cta_share_of_cap") == (0.225, 0.2, "refuted", "public_record")
    assert fact_of(world, "leveraged_280bn") == (25, 26, "refuted", "public_record")
    assert fact_of(world, "etf_inflow_scope") == (30, 41, "scope", "public_record")
    assert fact_of(world, "bankruptcies_387")[:2] == (None, None)  # October was not enumerated
    world.execute("insert into marts.filings_8k_monthly values ('2.05', '2025-10-01', 1, '2025-11-10')")
    assert fact_of(world, "bankruptcies_387") == (63, 63, "scope", "public_record")
    observe(world, "us_etf_flow_usd_bn", {"2025-11-19": 43.0}, "2025-11-20")
    assert fact_of(world, "etf_inflow_scope")[:2] == (43, 43)
    rates = {
        "card_rate_all_accounts": (21.39, "card_rates"),
        "card_rate_assessed_interest": (22.83, "card_rate_assessed"),
    }
    for series_id, (value, name) in rates.items():
        observe(world, series_id, {"2025-08-01": value}, "2025-10-07")
        assert fact_of(world, name) == (value, value, "scope", "public_record")


def test_values_on_which_providers_differ_are_named_as_the_reason(world):
    observe(world, "vix_close", {"2026-02-06": 0.0}, "2026-02-06 22:00")
    world.execute("insert into marts.disagreements values ('vix_close', '2026-02-06', true, '2026-02-09')")
    (row,) = [one for one in fact_rows(Evidence(world)) if one["fact_id"] == "vix_2026_02_06"]
    assert (row["known_now_number"], row["verdict_basis"]) == (None, "public_record")
    assert row["reason_text"] == "providers differ on it by more than they may: no evidence"
