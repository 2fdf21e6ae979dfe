"""The stand-in's Treasury: lines that add up to the balance, in the words of each era; Shiller's workbook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest

from ingest.sources.shiller import shiller
from simulator import StandIn
from tests.unit.fakes import payload_of
from tests.unit.standin_helpers import ask, market, new_york

NOW = "2026-11-18T09:15"
STATEMENT = "/api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with StandIn(market(), new_york(NOW)) as running:
        yield running


def records(stand_in: StandIn, table: str, first: str, last: str, *more: str) -> list[dict[str, Any]]:
    clauses = quote(",".join((f"record_date:gte:{first}", f"record_date:lte:{last}", *more)))
    answer = ask(stand_in, f"{STATEMENT}/{table}?filter={clauses}&sort=record_date,src_line_nbr&page%5Bsize%5D=10000")
    assert answer.status == 200
    return json.loads(answer.text)["data"]


def test_the_flows_of_a_day_are_the_change_of_its_balance(stand_in: StandIn) -> None:
    balances = records(stand_in, "operating_cash_balance", "2026-09-01", "2026-10-30")
    closing = {row["record_date"]: int(row["open_today_bal"]) for row in balances if "Closing" in row["account_type"]}
    stated = {row["record_date"]: int(row["open_today_bal"]) for row in balances if "Deposits" in row["account_type"]}
    lines = pl.DataFrame(records(stand_in, "deposits_withdrawals_operating_cash", "2026-09-01", "2026-10-30"))
    amount = pl.col("transaction_today_amt").cast(pl.Int64)
    signed = pl.when(pl.col("transaction_type") == "Deposits").then(amount).otherwise(-amount)
    is_line = pl.col("transaction_catg") != "null"
    days = lines.group_by("record_date").agg(
        signed.filter(is_line).sum().alias("lines"),
        signed.filter(~is_line).sum().alias("totals"),
        amount.filter(~is_line & (pl.col("transaction_type") == "Deposits")).sum().alias("deposits"),
    )
    before = next(iter(closing.values()))
    assert days.height == len(closing)
    for on, by_line, total, deposits in days.sort("record_date").rows()[1:]:
        assert by_line == total == closing[on] - before
        assert deposits == stated[on]
        before = closing[on]


@pytest.mark.parametrize("table", ["operating_cash_balance", "income_tax_refunds_issued"])
@pytest.mark.parametrize(
    ("clauses", "passes"),
    [
        ("record_date:gte:2026-10-30,record_date:gte:2026-11-05", lambda day: day >= "2026-11-05"),
        ("record_date:lte:2021-10-06", lambda day: day <= "2021-10-06"),
        ("record_date:gt:2026-11-05,record_date:lt:2026-11-10", lambda day: "2026-11-05" < day < "2026-11-10"),
        ("record_date:eq:2026-11-05", lambda day: day == "2026-11-05"),
        ("record_date:gte:2026-11-05,record_date:lte:2026-11-01", lambda _: False),
        ("record_date:gte:2026-9", lambda day: day >= "2026-9"),  # compared as texts: no day is after it
    ],
)
def test_a_filter_passes_the_rows_that_the_whole_table_has_of_its_days(
    stand_in: StandIn, table: str, clauses: str, passes: Callable[[str], bool]
) -> None:
    def rows(query: str) -> list[dict[str, Any]]:
        answer = ask(stand_in, f"{STATEMENT}/{table}?{query}page%5Bsize%5D=10000&sort=record_date,src_line_nbr")
        found: list[dict[str, Any]] = json.loads(answer.text)["data"]
        return found

    assert rows(f"filter={quote(clauses)}&") == [row for row in rows("") if passes(row["record_date"])]


@pytest.mark.parametrize(
    ("on", "lines", "others"),
    [
        ("2023-09-01", {"Sub-Total Deposits", "Defense Vendor Payments (EFT)"}, {"Unclassified"}),
        ("2025-11-07", {"DHS - Customs and Certain Excise Taxes", "Unclassified"}, {"Sub-Total Deposits"}),
        ("2025-11-10", {"DHS - Customs Duties, Taxes, and Fees"}, {"DHS - Customs and Certain Excise Taxes"}),
    ],
)
def test_lines_have_the_names_of_their_era(stand_in: StandIn, on: str, lines: set[str], others: set[str]) -> None:
    names = {row["transaction_catg"] for row in records(stand_in, "deposits_withdrawals_operating_cash", on, on)}
    assert lines <= names
    assert not others & names


def test_debt_of_government_accounts_is_served_to_who_asks(stand_in: StandIn) -> None:
    day = ("public_debt_transactions", "2026-09-02", "2026-09-02")
    everything = records(stand_in, *day)
    market_only = records(stand_in, *day, "security_market:eq:Marketable")
    assert {row["security_market"] for row in everything} == {"Marketable", "Nonmarketable"}
    assert {row["security_type_desc"] for row in market_only} == {"Regular Series", "Cash Management Series", "null"}
    assert len(market_only) < len(everything)


def test_shillers_page_links_to_a_workbook_that_ends_with_this_month(stand_in: StandIn) -> None:
    page = ask(stand_in, "/shillerdata.com/")
    link = shiller.link_in(payload_of("shiller", page.body))
    body = ask(stand_in, link.removeprefix("https:/")).body
    rows = shiller.parse(payload_of("shiller", body))[shiller.TABLE]
    newest = rows.row(-1, named=True)
    assert (newest["month_date"], newest["is_newest"], newest["earnings_index"]) == (date(2026, 11, 1), True, None)
    assert newest["note_text"] == "November price is the last close"
