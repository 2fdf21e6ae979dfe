"""The lines of the Daily Treasury Statement: debt, flows of the account, refunds, and the map of what each line is."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.errors import ConfigError, SourceChanged
from ingest.sources.treasury import deposits_withdrawals, fiscal_data, public_debt_transactions, tax_refunds
from ingest.sources.treasury.statement_lines import bucket_of, load_lines, plain
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

TGA = "Treasury General Account (TGA)"
SEPTEMBER = "2026-09-02"


def answer(*records: dict[str, str], pages: int = 1, unit: str = "$1,000,000", **meta: Any) -> bytes:
    described = {
        "count": len(records),
        "dataFormats": {"transaction_today_amt": unit, "tax_refund_today_amt": unit},
        "total-count": len(records),
        "total-pages": pages,
        **meta,
    }
    return json.dumps({"data": records, "meta": described, "links": {}}).encode()


def debt(kind: str, amount: str, transaction: str = "Issues", detail: str = "null", **other: str) -> dict[str, str]:
    return {
        "record_date": SEPTEMBER,
        "transaction_type": transaction,
        "security_market": "Marketable",
        "security_type": kind,
        "security_type_desc": detail,
        "transaction_today_amt": amount,
    } | other


def flow(line: str, amount: str, side: str = "Withdrawals", account: str = TGA, **other: str) -> dict[str, str]:
    return {
        "record_date": SEPTEMBER,
        "account_type": account,
        "transaction_type": side,
        "transaction_catg": line,
        "transaction_catg_desc": "null",
        "transaction_today_amt": amount,
    } | other


def refund(line: str, amount: str, detail: str = "null", on: str = SEPTEMBER) -> dict[str, str]:
    names = {"record_date": on, "tax_refund_type": line, "tax_refund_type_desc": detail}
    return {**names, "tax_refund_today_amt": amount}


def payload(body: bytes, part: str = "table", page: int = 1, start: str = "2005-10-03"):
    meta = {"part": part, "start": start, "page": str(page)}
    return payload_of("treasury", body, name="a statement", meta=meta)


def rows(module: ModuleType, *records: dict[str, str], **fields: Any) -> pl.DataFrame:
    return whole(module.parse(payload(answer(*records, **fields))), module.TABLE)


def refusal(module: ModuleType, body: bytes) -> str:
    with pytest.raises(SourceChanged) as caught:
        module.parse(payload(body))
    assert str(caught.value).startswith("treasury: a statement: expected ")
    return str(caught.value)


# ---- public debt


def test_bills_come_in_two_series_and_null_is_no_figure() -> None:
    found = rows(
        public_debt_transactions,
        debt("Bills", "-9", detail="Regular Series"),
        debt("Bills", "35000", detail="Cash Management Series"),
        debt("Notes", "null", transaction="Redemptions"),
        debt("Inflation-Protected Securities Increment", "-9"),
    )
    assert found.select("security_detail", "security_kind", "amount_usd_mn").rows() == [
        ("Regular Series", "bills", -9.0),
        ("Cash Management Series", "bills", 35000.0),
        ("", "coupons", None),
        ("", "increment", -9.0),
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (debt("Bills", "1", security_market="Nonmarketable"), "security_market 'Marketable', got 'Nonmarketable' on"),
        (debt("Perpetuals", "1"), "Federal Financing Bank, got 'Perpetuals' on 2026-09-02"),
        (debt("Bills", "1", transaction="Buybacks"), "Issues or Redemptions, got transaction_type 'Buybacks' on"),
        (debt("Bills", "1,000"), "a number for transaction_today_amt on 2026-09-02, got '1,000'"),
        (debt("Bills", "many"), "a number for transaction_today_amt on 2026-09-02, got 'many'"),
        (debt("Bills", "1", record_date="02/09/2026"), "a date like %Y-%m-%d for record_date, got '02/09/2026'"),
        (debt("Bills", "1", record_date="2004-09-02"), "records from 2005-10-03 on, got one of 2004-09-02"),
    ],
)
def test_what_is_no_marketable_debt_is_named(record: dict[str, str], message: str) -> None:
    assert message in refusal(public_debt_transactions, answer(record))


def test_one_line_has_one_figure_and_twice_the_same_is_once() -> None:
    assert rows(public_debt_transactions, debt("Bonds", "5"), debt("Bonds", "5")).height == 1
    doubled = answer(debt("Bonds", "5"), debt("Bonds", "6"))
    assert "expected one line 'Issues Bonds ' on 2026-09-02, got ('coupons', 5.0) and ('coupons', 6.0)" in refusal(
        public_debt_transactions, doubled
    )


@pytest.mark.parametrize("module", [public_debt_transactions, deposits_withdrawals, tax_refunds])
def test_a_page_that_is_none_is_refused(module: ModuleType) -> None:
    record = {
        public_debt_transactions: debt("Bonds", "5"),
        deposits_withdrawals: flow("NASA", "5"),
        tax_refunds: refund("Individual", "5"),
    }[module]
    assert "got '$1,000'" in refusal(module, answer(record, unit="$1,000"))
    assert "expected at least one record, got no records" in refusal(module, answer())
    assert "expected meta.count 1" in refusal(module, answer(record, count=2))
    assert "got an HTML page" in refusal(module, b"<!DOCTYPE html><html></html>")
    assert refusal(module, answer(record)[:-40])
    del record["record_date"]
    assert "expected record_date in a record" in refusal(module, answer(record))


# ---- flows of the account


def test_lines_are_counted_by_their_bucket_and_totals_stay_apart() -> None:
    found = rows(
        deposits_withdrawals,
        flow("Public Debt Cash Issues (Table III-B)", "90000", side="Deposits"),
        flow("Sub-Total Deposits", "90000", side="Deposits"),
        flow("null", "90000", side="Deposits", account="Treasury General Account Total Deposits"),
        flow("Taxes - Individual Tax Refunds ( EFT )", "412"),
        flow("SSA -  Benefits Payments", "7000"),
    )
    assert found.select("line_name", "line_bucket", "amount_usd_mn").rows() == [
        ("Public Debt Cash Issues (Table III-B)", "public_debt", 90000.0),
        ("Treasury General Account Total Deposits", "total", 90000.0),
        ("Taxes - Individual Tax Refunds (EFT)", "refunds_individual", 412.0),
        ("SSA - Benefits Payments", "transfers", 7000.0),
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            flow("SSA - Lottery", "1"),
            "expected a line of lines.yml, got 'SSA - Lottery' of withdrawals on 2026-09-02",
        ),
        (
            flow("DHS - Customs and Certain Excise Taxes", "1", side="Deposits"),
            "of deposits on 2026-09-02, which is placed from 0001-01-01 to 2025-11-09",
        ),
        (flow("null", "1"), "expected a line of lines.yml, got '' of withdrawals"),
        (flow("NASA", "1", account="Federal Reserve Account"), "got 'Federal Reserve Account' on 2026-09-02"),
        (
            flow("null", "1", account="Treasury General Account Total Deposits"),
            "'Treasury General Account Total Withdrawals', got 'Treasury General Account Total Deposits'",
        ),
        (flow("NASA", "1", side="Transfers"), "Deposits or Withdrawals, got transaction_type 'Transfers'"),
    ],
)
def test_a_line_that_nobody_placed_is_named(record: dict[str, str], message: str) -> None:
    assert message in refusal(deposits_withdrawals, answer(record))


def test_the_customs_line_is_one_bucket_under_both_names() -> None:
    anywhere = payload(b"")
    before = bucket_of(anywhere, "deposits", "DHS - Customs and Certain Excise Taxes", date(2025, 11, 7))
    after = bucket_of(anywhere, "deposits", "DHS - Customs Duties, Taxes, and Fees", date(2025, 11, 10))
    assert before == after == "customs"


def test_the_map_places_each_line_once(tmp_path: Path) -> None:
    assert {side for side, _ in load_lines()} == {"deposits", "withdrawals", "refunds"}
    path = tmp_path / "lines.yml"
    path.write_text("deposits: {a: [Gifts], b: [{name: Gifts, valid_from: 2026-01-01}]}")
    with pytest.raises(ConfigError, match=r"lines lines\.yml: deposits: 'Gifts' stands twice for the same days"):
        load_lines(path)
    path.write_text("deposits: {a: [{name: Gifts, valid_to: 2025-12-31}], b: [{name: Gifts, valid_from: 2026-01-01}]}")
    assert [place.bucket for place in load_lines.__wrapped__(path)["deposits", "Gifts"]] == ["a", "b"]
    path.write_text("deposits: {a: [{name: Gifts, until: 2025-12-31}]}")
    with pytest.raises(ConfigError, match="lines: deposits: a: until"):
        load_lines.__wrapped__(path)


def test_blanks_do_not_tell_lines_apart() -> None:
    assert plain(" IRS  Tax Refunds Individual ( EFT ) ") == "IRS Tax Refunds Individual (EFT)"


# ---- refunds


def test_refunds_by_name_and_way_of_payment_in_every_era() -> None:
    found = rows(
        tax_refunds,
        refund("Individual", "10", "Checks", on="2006-03-01"),
        refund("IRS Tax Refunds Individual", "20", "(EFT)", on="2015-03-02"),
        refund("Taxes - Individual Tax Refunds (EFT)", "30"),
        refund("Taxes - Business Tax Refunds (Checks)", "4"),
        refund("IRS - Advanced Child Tax Credit (EFT)", "5", on="2021-07-15"),
    )
    assert found["line_bucket"].to_list() == [*["refunds_individual"] * 3, "refunds_business", "refunds_other"]
    assert "got 'Lottery' of refunds on 2026-09-02" in refusal(tax_refunds, answer(refund("Lottery", "1")))


# ---- pages


def test_pages_are_asked_for_in_the_order_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fiscal_data, "_PAGE_SIZE", 2)
    url = fiscal_data.STATEMENT_URL.format(table="public_debt_transactions")
    one = answer(debt("Bills", "1", record_date="2026-09-01"), debt("Bills", "2"), pages=2)
    two = answer(debt("Notes", "3"), debt("Notes", "4", record_date="2026-09-03"), pages=2)
    asked = (
        "?filter=record_date%3Agte%3A2005-10-03%2Crecord_date%3Alte%3A2026-11-17%2Csecurity_market%3Aeq%3AMarketable"
    )
    sort = "&sort=record_date%2Csrc_line_nbr&page%5Bnumber%5D="
    http = FakeHttp({f"{url}{asked}{sort}1": one, f"{url}{asked}{sort}2": two})
    first, second = public_debt_transactions.fetch(panel_context("treasury", http))
    parsed = [public_debt_transactions.parse(page) for page in (first, second)]
    # the edge cuts 2026-09-02: neither page answers for all of it
    table = public_debt_transactions.TABLE
    assert public_debt_transactions.windows(first, parsed[0]) == [
        Window("", date(2005, 10, 3), date(2026, 9, 1), table_id=table)
    ]
    assert public_debt_transactions.windows(second, parsed[1]) == [Window("", date(2026, 9, 3), None, table_id=table)]


def test_later_asks_overlap() -> None:
    http = FakeHttp(
        {fiscal_data.STATEMENT_URL.format(table="income_tax_refunds_issued"): answer(refund("Business", "1"))}
    )
    (page,) = tax_refunds.fetch(panel_context("treasury", http, since={"": date(2026, 11, 13)}))
    assert "gte%3A2026-09-29" in http.asked[0]
    assert tax_refunds.windows(payload(page.body, start="2026-09-02"), tax_refunds.parse(payload(page.body))) == [
        Window("", date(2026, 9, 2), None, table_id=tax_refunds.TABLE)
    ]
