"""Daily Treasury Statement, income tax refunds issued: to persons and to businesses, by check and by transfer.

Where   https://api.fiscaldata.treasury.gov, v1/accounting/dts/income_tax_refunds_issued (keyless JSON, pages of 10,000)
Grain   one row per business day, kind and way of payment, from 2005-10-03
Units   millions of dollars, stated as "$1,000,000" in meta.dataFormats
Breaks  SourceChanged on another unit, a line twice with two figures, and on a line that lines.yml does not place
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
from ingest.sources.treasury.fiscal_data import amounts_of, ask_table, day_windows, newest_of, one_of_each, text_of
from ingest.sources.treasury.statement_lines import bucket_of, plain

TABLE: Final = "treasury.tax_refunds"

_FIRST_DAY = date(2005, 10, 3)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages, oldest first."""
    yield from ask_table(context, "income_tax_refunds_issued", _FIRST_DAY, newest=newest_of(context))


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the refunds of each day."""
    rows: dict[tuple[Any, ...], tuple[str, float | None]] = {}
    for on, record, amount in amounts_of(payload, "tax_refund_today_amt"):
        line = text_of(payload, record, "tax_refund_type", on)
        bucket = bucket_of(payload, "refunds", line, on)
        key = (on, plain(line), text_of(payload, record, "tax_refund_type_desc", on))
        if one_of_each(payload, rows, key, (bucket, amount)):
            rows[key] = (bucket, amount)
    columns = {
        "record_date": [key[0] for key in rows],
        "line_name": [key[1] for key in rows],
        "line_detail": [key[2] for key in rows],
        "line_bucket": [bucket for bucket, _ in rows.values()],
        "amount_usd_mn": [amount for _, amount in rows.values()],
    }
    return {TABLE: panel_rows(payload, TABLE, columns)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the days that the page has whole."""
    return day_windows(payload, TABLE, rows[TABLE]["record_date"])
