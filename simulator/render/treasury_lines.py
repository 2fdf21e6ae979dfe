"""Tables II, IIIA and V of the Daily Treasury Statement in the API's words: flows of the account, debt, tax refunds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from simulator.render.treasury_flows import ISSUES, REDEMPTIONS

Row = dict[str, str]
Labels = Mapping[str, tuple[str, str, str]]

TEXT: Final = ("STRING", "String")
MILLIONS: Final = ("CURRENCY0", "$1,000,000")
_NULL: Final = "null"
_ACCOUNT: Final = "Treasury General Account (TGA)"
_CUSTOMS_RENAMED: Final = date(2025, 11, 10)
_FISCAL_2024: Final = date(2023, 10, 1)
_LINES_RENAMED: Final = date(2023, 3, 1)


@dataclass(frozen=True, slots=True)
class StatementTable:
    """One table: its own columns, its number and names, and the lines of a day made of the day's flows."""

    number: str
    title: str
    labels: Labels
    amount: str
    first_day: date = date.min

    def rows(self, days: pl.DataFrame) -> Iterator[tuple[date, list[Row]]]:
        """Yield each day with its rows."""
        for day in days.filter(pl.col("period_date") >= self.first_day).iter_rows(named=True):
            on: date = day["period_date"]
            lines = _LINES[self.number](on, day)
            yield on, [{**self._common(on), **line, **self._amounts(amount)} for line, amount in lines]

    def _common(self, on: date) -> Row:
        names = {"table_nbr": self.number, "table_nm": self.title, "sub_table_name": _NULL}
        return {"record_date": on.isoformat(), **names}

    def _amounts(self, amount: int) -> Row:
        begun = self.amount.removesuffix("today_amt")
        return {f"{begun}{span}_amt": str(amount) if span == "today" else _NULL for span in ("today", "mtd", "fytd")}


def _labels(amount: str, **texts: str) -> Labels:
    begun = amount.removesuffix("today_amt")
    spans = {"today": "Today", "mtd": "This Month to Date", "fytd": "This Fiscal Year to Date"}
    return {name: (title, *TEXT) for name, title in texts.items()} | {
        f"{begun}{span}_amt": (title, *MILLIONS) for span, title in spans.items()
    }


def _flow_lines(on: date, day: Mapping[str, Any]) -> list[tuple[Row, int]]:
    """Return both sides with their totals; until September 2023 with sub-totals, too."""
    customs = "Customs Duties, Taxes, and Fees" if on >= _CUSTOMS_RENAMED else "Customs and Certain Excise Taxes"
    is_new = on >= _FISCAL_2024
    deposits = {
        "Taxes - Withheld Individual/FICA": day["taxes"],
        f"DHS - {customs}": day["customs"],
        "Unclassified - Deposits" if is_new else "Other Deposits": day["other_deposits"],
        "Public Debt Cash Issues (Table IIIB)": sum(day[name] for name in ISSUES),
    }
    withdrawals = {
        "SSA - Benefits Payments": day["transfers"],
        "DOL - Unemployment Benefits": day["unemployment"],
        "HHS - Grants to States for Medicaid": day["health"],
        "Interest on Treasury Securities": day["interest"],
        "Dept of Defense (DoD) - misc" if is_new else "Defense Vendor Payments (EFT)": day["defense"],
        "Federal Salaries (EFT)": day["salaries"],
        "Unclassified" if is_new else "Other Withdrawals": day["other_withdrawals"],
        "Taxes - Individual Tax Refunds ( EFT )": day["refunds_individual_transfer"],
        "Taxes - Individual Tax Refunds (Checks)": day["refunds_individual_check"],
        "Taxes - Business Tax Refunds (EFT)": day["refunds_business"],
        "Public Debt Cash Redemp. (Table IIIB)": sum(day[name] for name in REDEMPTIONS),
    }
    return [*_side("Deposits", deposits, has_subtotal=not is_new), *_side("Withdrawals", withdrawals, not is_new)]


def _side(side: str, lines: Mapping[str, int], has_subtotal: bool) -> Iterator[tuple[Row, int]]:
    def row(account: str, line: str) -> Row:
        words = {"account_type": account, "transaction_type": side, "transaction_catg": line}
        return {**words, "transaction_catg_desc": _NULL}

    for line, amount in lines.items():
        yield row(_ACCOUNT, line), amount
    total = sum(lines.values())
    if has_subtotal:
        yield row(_ACCOUNT, f"Sub-Total {side}"), total
    yield row(f"Treasury General Account Total {side}", _NULL), total


def _debt_lines(_on: date, day: Mapping[str, Any]) -> list[tuple[Row, int]]:
    """Return marketable securities, and those of government accounts that nobody can buy."""
    lines = (
        ("Issues", "Marketable", "Bills", "Regular Series", day["bills_issued"]),
        ("Issues", "Marketable", "Bills", "Cash Management Series", day["cash_bills"]),
        ("Issues", "Marketable", "Notes", _NULL, day["coupons_issued"] - day["coupons_issued"] // 4),
        ("Issues", "Marketable", "Bonds", _NULL, day["coupons_issued"] // 4),
        ("Issues", "Marketable", "Inflation-Protected Securities Increment", _NULL, 120),
        ("Issues", "Nonmarketable", "Government Account Series", _NULL, 240_000),
        ("Redemptions", "Marketable", "Bills", _NULL, day["bills_redeemed"]),
        ("Redemptions", "Marketable", "Notes", _NULL, day["coupons_redeemed"]),
        ("Redemptions", "Marketable", "Bonds", _NULL, 0),
        ("Redemptions", "Nonmarketable", "Government Account Series", _NULL, 238_000),
    )
    names = ("transaction_type", "security_market", "security_type", "security_type_desc")
    return [(dict(zip(names, texts, strict=True)), amount) for *texts, amount in lines]


def _refund_lines(on: date, day: Mapping[str, Any]) -> list[tuple[Row, int]]:
    """Return the refunds, under the names of before and after March 2023."""
    transfer, check, business = (
        day[name] for name in ("refunds_individual_transfer", "refunds_individual_check", "refunds_business")
    )
    if on < _LINES_RENAMED:
        lines = (
            ("IRS Tax Refunds Individual", "(EFT)", transfer),
            ("IRS Tax Refunds Individual", "(Checks)", check),
            ("IRS Tax Refunds Business", "(EFT)", business),
        )
    else:
        lines = (
            ("Taxes - Individual Tax Refunds (EFT)", _NULL, transfer),
            ("Taxes - Individual Tax Refunds (Checks)", _NULL, check),
            ("Taxes - Business Tax Refunds (EFT)", _NULL, business),
        )
    return [({"tax_refund_type": name, "tax_refund_type_desc": detail}, amount) for name, detail, amount in lines]


_LINES: Final = {"II": _flow_lines, "IIIA": _debt_lines, "V": _refund_lines}

TABLES: Final[Mapping[str, StatementTable]] = {
    "deposits_withdrawals_operating_cash": StatementTable(
        "II",
        "Deposits and Withdrawals of Operating Cash",
        _labels(
            "transaction_today_amt",
            account_type="Type of Account",
            transaction_type="Transaction Type",
            transaction_catg="Transaction Category",
            transaction_catg_desc="Transaction Category Description",
        ),
        "transaction_today_amt",
        first_day=_LINES_RENAMED,
    ),
    "public_debt_transactions": StatementTable(
        "IIIA",
        "Public Debt Transactions",
        _labels(
            "transaction_today_amt",
            transaction_type="Transaction Type",
            security_market="Security Market",
            security_type="Security Type",
            security_type_desc="Security Type Description",
        ),
        "transaction_today_amt",
    ),
    "income_tax_refunds_issued": StatementTable(
        "V",
        "Income Tax Refunds Issued",
        _labels(
            "tax_refund_today_amt",
            tax_refund_type="Federal Tax Refund Type",
            tax_refund_type_desc="Federal Tax Refund Type Description",
        ),
        "tax_refund_today_amt",
    ),
}
