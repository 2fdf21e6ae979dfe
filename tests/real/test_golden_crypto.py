"""The golden figures of bitcoin funds and of the Crypto Fear & Greed Index."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.sources.user_file import user_fund_flows
from simulator.folder_crypto import flows_file
from tests.unit.fakes import payload_of
from tests.unit.standin_helpers import new_york

PACK = "packs/p8_crypto"


@pytest.mark.parametrize(
    ("day", "index"),
    [
        ("2019-08-22", 5),
        ("2022-06-18", 6),
        ("2025-11-21", 14),
        ("2025-11-22", 11),
        ("2025-11-23", 13),
        ("2025-11-24", 19),
        ("2026-02-12", 5),
        ("2026-02-23", 5),
    ],
)
def test_fear_and_greed(published, day, index):
    found = published.execute(
        "select value from marts.observations_latest where series_id = 'crypto_fear_greed' and period_date = ?", [day]
    ).fetchone()
    assert found == (index,)


def test_lows_and_days_that_were_never_printed(published):
    days = published.execute(
        "select period_date, value from marts.observations_latest where series_id = 'crypto_fear_greed'"
    ).fetchall()
    lows = sorted(day for day, value in days if value == min(value for _, value in days))
    assert lows == [date(2019, 8, 22), date(2026, 2, 12), date(2026, 2, 23)]
    printed = {day for day, _ in days}
    assert printed.isdisjoint({date(2018, 4, 14), date(2018, 4, 15), date(2018, 4, 16), date(2024, 10, 26)})


def test_cost_by_four_methods(published):
    row = published.execute(
        "select round(btc_close_usd, 2), round(cost_gross_usd), round(cost_avg_usd), round(cost_gross_ex_gbtc_usd),"
        " round(cost_avg_ex_gbtc_usd), reason_text from marts.crypto_etf_daily where session_date = '2025-11-21'"
    ).fetchone()
    assert row == (85090.69, 83394, 89879, 77506, 79946, None)


@pytest.mark.parametrize(
    ("day", "flow", "of_ibit"),
    [
        ("2024-11-07", 1373.8, 1119.9),
        ("2025-02-25", -1113.7, -164.4),
        ("2025-11-20", -903.2, -355.5),
        ("2025-11-21", 238.4, -122.0),
    ],
)
def test_flows_of_a_day(published, day, flow, of_ibit):
    row = published.execute(
        "select flow_usd_mn, ibit_flow_usd_mn from marts.crypto_etf_daily where session_date = ?", [day]
    ).fetchone()
    assert row == (flow, of_ibit)


def test_a_flow_is_known_on_the_next_session(published):
    row = published.execute(
        "select known_at > timestamp '2025-11-24 00:00', known_at <= timestamp '2025-11-24 14:15'"
        " from marts.crypto_etf_daily where session_date = '2025-11-21'"
    ).fetchone()
    assert row == (True, True)


def test_all_flows_add_up(real_data: Path):
    text = flows_file(real_data, new_york("2026-08-22T09:05"))["fund_flows/bitcoin_usd_mn"]
    totals = totals_of(text)
    assert (min(totals), max(totals)) == (date(2024, 1, 11), date(2026, 8, 21))
    assert round(sum(totals.values()), 1) == 53150.9
    assert max(totals.items(), key=lambda one: one[1]) == (date(2024, 11, 7), 1373.8)
    assert min(totals.items(), key=lambda one: one[1]) == (date(2025, 2, 25), -1113.7)


def test_a_pasted_table_with_its_footer(real_data: Path):
    totals = totals_of((real_data / PACK / "btc_etf_total_flows_farside_2024_2026-01.csv").read_text())
    assert round(sum(totals.values()), 1) == 56594.2
    assert max(totals) == date(2025, 12, 31)  # the zero of 2 January 2026 was printed before the day was over


def totals_of(text: str) -> dict[date, float]:
    payload = payload_of("user_file", text, meta={"part": "fund_flows", "unit": "usd_mn"})
    rows = user_fund_flows.parse(payload)[user_fund_flows.TABLE]
    return dict(rows.filter(rows["fund"] == user_fund_flows.TOTAL).select("flow_date", "flow_usd_mn").iter_rows())
