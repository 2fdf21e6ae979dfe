"""The table of bitcoin fund flows that the simulated user pastes."""

from __future__ import annotations

from datetime import date

import polars as pl

from ingest.sources.user_file import user_fund_flows
from simulator.bitcoin_flows import FLOWS_FILE, bitcoin_flows_file
from simulator.market import Market, first_prints
from tests.unit.fakes import payload_of
from tests.unit.standin_helpers import new_york


def market() -> Market:
    days = pl.date_range(date(2024, 1, 1), date(2024, 3, 1), eager=True)
    return Market(first_prints("bitcoin", days, pl.Series([40_000.0 + 10 * at for at in range(len(days))]).to_numpy()))


def test_the_table_is_one_that_the_parser_reads() -> None:
    text = bitcoin_flows_file(market(), new_york("2024-02-02T18:00"))[FLOWS_FILE]
    payload = payload_of("user_file", text, meta={"part": "fund_flows", "unit": "usd_mn"})
    rows = user_fund_flows.parse(payload)[user_fund_flows.TABLE]
    totals = rows.filter(rows["fund"] == "TOTAL").sort("flow_date")
    assert totals["flow_date"].to_list()[:4] == [
        date(2024, 1, 11),
        date(2024, 1, 12),
        date(2024, 1, 16),
        date(2024, 1, 17),
    ]
    assert totals["flow_date"].max() == date(2024, 2, 1)  # the day's own flows are there on the next
    assert rows["fund"].n_unique() == 6
    assert totals["flow_usd_mn"][0] > 0


def test_before_the_first_fund_there_is_no_file() -> None:
    assert bitcoin_flows_file(market(), new_york("2024-01-11T18:00")) == {}
