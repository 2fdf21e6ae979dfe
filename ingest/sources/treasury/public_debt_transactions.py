"""Daily Treasury Statement, public debt transactions: what marketable securities were issued and redeemed.

Where   https://api.fiscaldata.treasury.gov, v1/accounting/dts/public_debt_transactions (keyless JSON, pages of 10,000)
Grain   one row per business day, Issues or Redemptions, and kind of security, from 2005-10-03
Units   face value in millions of dollars, stated as "$1,000,000" in meta.dataFormats
Breaks  SourceChanged on another unit, another kind of transaction or security, a line twice with two figures, rows of
        securities that are not marketable (they are not asked for: those of government accounts are no supply)

Notes have inflation-protected and floating-rate ones in them. Kinds that raise no money from the market have rows of
their own: the growth of inflation-protected principal, and what the Federal Financing Bank borrows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, quoted
from ingest.sources.treasury.fiscal_data import amounts_of, ask_table, day_windows, newest_of, one_of_each, text_of

TABLE: Final = "treasury.public_debt_transactions"

_FIRST_DAY = date(2005, 10, 3)
_MARKETABLE: Final = "Marketable"
_TRANSACTIONS: Final = ("Issues", "Redemptions")
_KINDS: Final = {
    "Bills": "bills",
    "Notes": "coupons",
    "Bonds": "coupons",
    "Inflation-Protected Securities": "coupons",
    "Floating Rate Notes": "coupons",
    "Inflation-Protected Securities Increment": "increment",
    "Federal Financing Bank": "federal_financing_bank",
}


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages of marketable securities, oldest first."""
    yield from ask_table(
        context,
        "public_debt_transactions",
        _FIRST_DAY,
        only=f"security_market:eq:{_MARKETABLE}",
        newest=newest_of(context),
    )


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return what was issued and redeemed, by day and kind."""
    rows: dict[tuple[Any, ...], tuple[str, float | None]] = {}
    for on, record, amount in amounts_of(payload, "transaction_today_amt"):
        market = text_of(payload, record, "security_market", on)
        transaction = text_of(payload, record, "transaction_type", on)
        kind = text_of(payload, record, "security_type", on)
        if market != _MARKETABLE:
            raise changed(payload, f"security_market {_MARKETABLE!r}", f"{quoted(market)} on {on}")
        if transaction not in _TRANSACTIONS:
            raise changed(payload, " or ".join(_TRANSACTIONS), f"transaction_type {quoted(transaction)} on {on}")
        if kind not in _KINDS:
            raise changed(payload, f"security_type {', '.join(_KINDS)}", f"{quoted(kind)} on {on}")
        key = (on, transaction, kind, text_of(payload, record, "security_type_desc", on))
        if one_of_each(payload, rows, key, (_KINDS[kind], amount)):
            rows[key] = (_KINDS[kind], amount)
    columns = {
        "record_date": [key[0] for key in rows],
        "transaction_type": [key[1] for key in rows],
        "security_type": [key[2] for key in rows],
        "security_detail": [key[3] for key in rows],
        "security_kind": [kind for kind, _ in rows.values()],
        "amount_usd_mn": [amount for _, amount in rows.values()],
    }
    return {TABLE: panel_rows(payload, TABLE, columns)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the days that the page has whole."""
    return day_windows(payload, TABLE, rows[TABLE]["record_date"])
