"""Daily Treasury Statement, deposits and withdrawals: every line of what moved the Treasury's account, by bucket.

Where   https://api.fiscaldata.treasury.gov, v1/accounting/dts/deposits_withdrawals_operating_cash (keyless JSON, pages
        of 10,000 records, about 180 a day)
Grain   one row per business day, side and line; asked for from 2023-03-01: before, the lines have other names
Units   millions of dollars, stated as "$1,000,000" in meta.dataFormats
Breaks  SourceChanged on another unit, another account or side, a line twice with two figures, and on a line that
        lines.yml does not place: the error names it. Sub-Totals (to September 2023) are left out; the two totals of the
        account are kept as lines of the bucket total, to hold the others against
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
from ingest.sources.treasury.statement_lines import Side, bucket_of, plain

TABLE: Final = "treasury.deposits_withdrawals"
TOTAL: Final = "total"

_FIRST_DAY = date(2023, 3, 1)
_ACCOUNT: Final = "Treasury General Account (TGA)"
_SIDES: Final[Mapping[str, Side]] = {"Deposits": "deposits", "Withdrawals": "withdrawals"}
_SUBTOTAL: Final = "Sub-Total "


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages, oldest first."""
    yield from ask_table(context, "deposits_withdrawals_operating_cash", _FIRST_DAY, newest=newest_of(context))


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the lines of each day and what they are counted as."""
    rows: dict[tuple[Any, ...], tuple[str, float | None]] = {}
    for on, record, amount in amounts_of(payload, "transaction_today_amt"):
        account = text_of(payload, record, "account_type", on)
        side = text_of(payload, record, "transaction_type", on)
        if side not in _SIDES:
            raise changed(payload, " or ".join(_SIDES), f"transaction_type {quoted(side)} on {on}")
        total = f"Treasury General Account Total {side}"
        if account not in (_ACCOUNT, total):
            raise changed(payload, f"account_type {_ACCOUNT!r} or {total!r}", f"{quoted(account)} on {on}")
        line = text_of(payload, record, "transaction_catg", on)
        if line.startswith(_SUBTOTAL):
            continue
        bucket = TOTAL if account == total else bucket_of(payload, _SIDES[side], line, on)
        name = total if account == total else plain(line)
        key = (on, side, name, text_of(payload, record, "transaction_catg_desc", on))
        if one_of_each(payload, rows, key, (bucket, amount)):
            rows[key] = (bucket, amount)
    columns = {
        "record_date": [key[0] for key in rows],
        "transaction_type": [key[1] for key in rows],
        "line_name": [key[2] for key in rows],
        "line_detail": [key[3] for key in rows],
        "line_bucket": [bucket for bucket, _ in rows.values()],
        "amount_usd_mn": [amount for _, amount in rows.values()],
    }
    return {TABLE: panel_rows(payload, TABLE, columns)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the days that the page has whole."""
    return day_windows(payload, TABLE, rows[TABLE]["record_date"])
