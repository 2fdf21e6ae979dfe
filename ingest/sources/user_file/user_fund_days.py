"""User files of fund share counts: for Invesco, Vanguard and others that publish none, or for history of one's own.

Where   <home>/user_files/fund_days/<TICKER>.csv with date,nav_usd,shares_outstanding_count[,net_assets_usd][,known_at]
Grain   one row per date, or per date and known_at where the file tells when each row became known
Units   NAV USD per share, shares in units (not thousands), net assets USD; nothing or "." is a gap. Dates YYYY-MM-DD;
        known_at is ISO 8601, New York time where it names no zone, and the end of the day where it names no hour
Breaks  SourceChanged naming file and line; a file whose name is no fund of funds.yml is named with the nearest ones;
        net assets that are not NAV x shares, a known_at before its date
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.funds import load_funds
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows, require_identity
from ingest.sources.user_file.user_csv import (
    refuse_doubled_days,
    refuse_first,
    refuse_foreknown,
    user_dates,
    user_lines,
    user_moments,
    user_numbers,
    user_payload,
)

FOLDER: Final = "fund_days"

_REQUIRED: Final = ("date", "nav_usd", "shares_outstanding_count")
_OPTIONAL: Final = ("net_assets_usd", "known_at")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file of a fund we follow, and an error for each file that belongs to none."""
    folder = Home(context.settings.home).user_files / FOLDER
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    known = {fund.ticker for fund in load_funds()}  # also issuers' funds: a user may bring their history
    for done, path in enumerate(files):
        name = f"{FOLDER}/{path.name}"
        context.progress(name, done, len(files))
        if path.suffix != ".csv" or path.stem not in known:
            yield _stranger(name, path, known)
            continue
        try:
            meta = {"part": FOLDER, "fund": path.stem}
            yield context.http.keep(user_payload(path, name, context.clock, meta))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the file; `stated_at` where it has a known_at."""
    lines = user_lines(payload, _REQUIRED, _OPTIONAL)
    days = user_dates(payload, lines, "date")
    stated = user_moments(payload, lines)
    refuse_doubled_days(payload, lines, days, stated)
    refuse_foreknown(payload, lines, days, stated)
    values = {name: user_numbers(payload, lines, name) for name in (*_REQUIRED[1:], "net_assets_usd")}
    for name, numbers in values.items():
        refuse_first(payload, lines, (numbers < 0).fill_null(False), f"no negative {name}", name)
    rows = panel_rows(
        payload,
        "user_file.fund_days",
        {"ticker": payload.meta["fund"], "report_date": days, **values, "stated_at": stated},
    )
    require_identity(payload, rows)
    return {"user_file.fund_days": rows.sort("report_date", maintain_order=True)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the fund: the file is all the user gives."""
    return [Window(payload.meta["fund"], None, None, table_id="user_file.fund_days")]


def _stranger(name: str, path: Path, known: set[str]) -> SourceChanged:
    near = difflib.get_close_matches(path.stem.upper(), sorted(known), n=3, cutoff=0.4)
    hint = f" (nearest: {', '.join(near)})" if near else ""
    return SourceChanged("user_file", name, expected=f"a name like <TICKER>.csv{hint}", seen="no fund of funds.yml")
