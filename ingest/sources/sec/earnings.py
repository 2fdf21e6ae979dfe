"""Which 8-K filings of a day report earnings (item 2.02), of the names whose option chains are collected.

A filing says so by its item and the company by its ticker, which EDGAR shows behind the name: "A COMPANY (AAA, AAB)".
The search has no time of day unless a hit says when it was accepted; amendments report nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.catalog.underlyings import load_underlyings
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows

RELEASES: Final = "sec.earnings_releases"
ITEM: Final = "2.02"

_TICKERS: Final = re.compile(r"\(([A-Z][A-Z0-9.-]*(?:, ?[A-Z][A-Z0-9.-]*)*)\)")


def earnings_releases(payload: Payload, day: date, filings: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """Return the releases among a page's filings by accession number."""
    collected = {one.underlying for one in load_underlyings()}
    found = [
        (number, ticker, one)
        for number, one in filings.items()
        if one["form"] == "8-K" and ITEM in one["items"]
        for ticker in sorted(_tickers(one["names"]) & collected)
    ]
    columns = {
        "accession_number": [number for number, _, _ in found],
        "ticker": [ticker for _, ticker, _ in found],
        "file_date": [day] * len(found),
        "ciks": [",".join(one["ciks"]) or None for *_, one in found],
        "stated_at": [one["accepted"] for *_, one in found],
    }
    return panel_rows(payload, RELEASES, columns)


def _tickers(names: Collection[str]) -> set[str]:
    return {ticker for name in names for listed in _TICKERS.findall(name) for ticker in re.split(r", ?", listed)}
