"""US Treasury: the daily cash balance at the Fed (Daily Treasury Statement) and the daily par yield curve.

Where   https://api.fiscaldata.treasury.gov (keyless JSON, pages of 10,000 records) and https://home.treasury.gov
        (keyless CSV, one file a year, from 1990)
Grain   one closing balance per business day from 2005-10-03, one yield per tenor and business day
Units   the balance in millions of dollars, stated as "$1,000,000" in meta.dataFormats; yields in percent, not stated
Breaks  SourceChanged on another unit, an unknown account type, a day without its closing row, rows that do not add up,
        days outside the year asked for. New tenors are welcome: the curve has grown in 2018, 2022 and 2025

The closing balance has stood in three places. To 2021-09-30 in close_today_bal of "Federal Reserve Account" (without
Tax and Loan and Supplementary Financing accounts, which are not at the general account); to 2022-04-17 in
close_today_bal of "Treasury General Account (TGA)"; since then in open_today_bal of "... (TGA) Closing Balance".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import polars as pl

from ingest.batch import Window
from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.parsing import (
    changed,
    csv_of,
    dates_of,
    day,
    field,
    json_of,
    lines_of,
    number,
    numbers_of,
    oldest,
    quoted,
    require_unit,
    rows_of,
    series_of,
    together,
    windows_of,
)
from ingest.sources.treasury.fiscal_data import ask_table, page_count, page_of

PAR_YIELDS_URL = (
    "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/{year}/all"
)
_DTS_FIRST_DAY = date(2005, 10, 3)
_PAR_YIELDS_FIRST_YEAR = 1990
_LAST_MONTH_OF_LOOKING_BACK = 2  # corrections of December still come in January


class _Era(NamedTuple):
    first_day: date
    account_type: str
    column: str


_ERAS: Final = (  # newest first
    _Era(date(2022, 4, 18), "Treasury General Account (TGA) Closing Balance", "open_today_bal"),
    _Era(date(2021, 10, 1), "Treasury General Account (TGA)", "close_today_bal"),
    _Era(_DTS_FIRST_DAY, "Federal Reserve Account", "close_today_bal"),
)
_OPENING = "Treasury General Account (TGA) Opening Balance"
_DEPOSITS = "Total TGA Deposits (Table II)"
_WITHDRAWALS = "Total TGA Withdrawals (Table II) (-)"
_OTHER_ACCOUNT_TYPES: Final = frozenset(
    {
        _OPENING,
        _DEPOSITS,
        _WITHDRAWALS,
        "Total Operating Balance",
        "Financial Institution Account",
        "Short-Term Cash Investments",
        "Short-Term Cash Investments (Table V)",
        "Supplementary Financing Program Account",
        "Tax and Loan Note Accounts",
        "Tax and Loan Note Accounts (Table V)",
        # The same accounts, as some days of 2007 to 2012 spell or cut them.
        "Account Short-Term Cash Investments (Table V)",
        "Account Tax and Loan Note Accounts (Table V)",
        "Financial Institution Accoun",
        "Supplementary Financing Prog",
        "Supplementary Financing Program",
        "Supplementary Financing Programs",
    }
)
_ACCOUNT_TYPES: Final = _OTHER_ACCOUNT_TYPES | {era.account_type for era in _ERAS}
_ROUNDING = 1.0  # four figures, each rounded to a million, miss their sum by less than two: by one at most
_BROKEN_SHARE = 0.05  # one misprint in a month is for the reconciliation with H.4.1; a new meaning breaks every day

_TENOR: Final = re.compile(r"\d+(\.\d+)? (Mo|Month|Yr)$")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages of the cash balance, then the par yields year by year.

    Oldest first, and not past a page or year that failed: the next run goes on from the newest day held.
    """
    today = context.clock().astimezone(NEW_YORK).date()
    for prefix, ask in (("dts/", _fetch_balance), ("par_yield/", _fetch_par_yields)):
        pairs = [pair for pair in context.pairs if pair[1].code.startswith(prefix)]
        if not pairs:
            continue
        try:
            yield from ask(context, pairs, today)
        except SourceError as error:  # the other dataset lives on another host
            yield error


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return closing balances or par yields, whichever the payload holds."""
    prefix = "dts/" if payload.meta["part"] == "balance" else "par_yield/"
    wanted = [pair for pair in pairs if pair[1].code.startswith(prefix)]
    return (_balances if prefix == "dts/" else _par_yields)(payload, wanted)


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the days a page of the balance holds whole, or the year of the yields for the tenors it has."""
    if payload.meta["part"] == "balance":
        return _balance_windows(payload, rows)
    year = int(payload.meta["year"])
    served = rows["series_id"].unique(maintain_order=True)
    return [Window(series_id, date(year, 1, 1), date(year, 12, 31)) for series_id in served]


# ---- the daily cash balance ----------------------------------------------------------------------------------------


def _fetch_balance(context: FetchContext, pairs: Sequence[Pair], _today: date) -> Iterator[Payload]:
    held = oldest([context.since[series.id] for series, _ in pairs])
    meta = {"part": "balance", "series": series_of(pairs)}
    yield from ask_table(context, "operating_cash_balance", _DTS_FIRST_DAY, newest=held, meta=meta)


def _balances(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    page = page_of(payload, "JSON of the cash balance")
    for _, provider in pairs:
        for column in ("open_today_bal", "close_today_bal"):
            stated = field(payload, page.formats, column, "meta.dataFormats")
            require_unit(payload, provider, stated, f"meta.dataFormats.{column}")
    closing = _closing_balances(payload, _by_day(payload, page.records), page.pages)
    return together([rows_of(payload, pair, list(closing), list(closing.values())) for pair in pairs])


def _balance_windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the days from the one asked for, without the first and last day where another page may have their rest."""
    pages = page_count(payload, json_of(payload, "JSON of the cash balance"))
    page = int(payload.meta["page"])
    first, last = rows["period_date"].min(), rows["period_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    start = date.fromisoformat(payload.meta["start"]) if page == 1 else first + timedelta(days=1)
    return windows_of(payload, start, None if page == pages else last - timedelta(days=1))


def _by_day(payload: Payload, records: Sequence[Any]) -> dict[date, dict[str, dict[str, Any]]]:
    """Return the records by day and account type."""
    days: defaultdict[date, dict[str, dict[str, Any]]] = defaultdict(dict)
    for record in records:
        on = day(payload, field(payload, record, "record_date", "a record"), "%Y-%m-%d", "record_date")
        account_type = field(payload, record, "account_type", "a record")
        if not isinstance(account_type, str) or account_type not in _ACCOUNT_TYPES:
            raise changed(payload, "a known account_type", f"{quoted(account_type)} on {on}")
        other = days[on].setdefault(account_type, record)
        if other != record:
            differing = next((name for name in record if record[name] != other.get(name)), "")
            seen = f"two on {on}: {differing} {quoted(other.get(differing))} and {quoted(record.get(differing))}"
            raise changed(payload, f"one {account_type!r} a day", seen)
    return dict(sorted(days.items()))


def _closing_balances(
    payload: Payload, days: Mapping[date, Mapping[str, dict[str, Any]]], pages: int
) -> dict[date, float | None]:
    """Return the closing balance of each day, read where its era keeps it, whatever other rows the day has."""
    page = int(payload.meta["page"])
    torn = ({min(days)} if page > 1 else set()) | ({max(days)} if page < pages else set())  # cut by the page's edge
    closing: dict[date, float | None] = {}
    misses: list[str] = []
    complete = 0
    for on, accounts in days.items():
        era = _era(payload, on)
        if era.account_type not in accounts:
            if on in torn:
                continue
            raise changed(payload, f"a row {era.account_type!r} on {on}", f"only {', '.join(accounts)}")
        closing[on] = _closing(payload, on, era, accounts)
        if {_OPENING, _DEPOSITS, _WITHDRAWALS} <= accounts.keys():
            complete += 1
            misses += _miss(payload, on, accounts, closing[on])
    if len(misses) > _BROKEN_SHARE * complete:
        raise changed(payload, "Opening + Deposits - Withdrawals = Closing", misses[-1])
    return closing


def _era(payload: Payload, on: date) -> _Era:
    for era in _ERAS:
        if on >= era.first_day:
            return era
    raise changed(payload, f"records from {_DTS_FIRST_DAY} on", f"one of {on}")


def _closing(payload: Payload, on: date, era: _Era, accounts: Mapping[str, dict[str, Any]]) -> float | None:
    where = f"{era.account_type!r} on {on}"
    record = accounts[era.account_type]
    if era is _ERAS[0] and _amount(payload, record, "close_today_bal", where) is not None:
        raise changed(payload, f"close_today_bal null in {where}", quoted(record["close_today_bal"]))
    return _amount(payload, record, era.column, where)


def _amount(payload: Payload, record: dict[str, Any], column: str, where: str) -> float | None:
    return number(payload, field(payload, record, column, where), ("null",), f"{column} of {where}")


def _miss(payload: Payload, on: date, accounts: Mapping[str, dict[str, Any]], closing: float | None) -> list[str]:
    """Return a sentence when the day's four figures do not add up."""
    opening, deposits, withdrawals = (
        _amount(payload, accounts[name], "open_today_bal", f"{name!r} on {on}")
        for name in (_OPENING, _DEPOSITS, _WITHDRAWALS)
    )
    if opening is None or deposits is None or withdrawals is None or closing is None:
        return []
    if abs(opening + deposits - withdrawals - closing) <= _ROUNDING:
        return []
    return [f"{opening:.0f} + {deposits:.0f} - {withdrawals:.0f} against {closing:.0f} on {on}"]


# ---- the par yield curve -------------------------------------------------------------------------------------------


def _fetch_par_yields(context: FetchContext, pairs: Sequence[Pair], today: date) -> Iterator[Payload]:
    newest_year = working_days("sifma", today - timedelta(days=10), today)[-1].year
    years = _years(oldest([context.since[series.id] for series, _ in pairs]), newest_year, today)
    for done, year in enumerate(years, start=1):
        yield context.http.get(
            "treasury",
            f"par yields {year}",
            PAR_YIELDS_URL.format(year=year),
            params={
                "type": "daily_treasury_yield_curve",
                "field_tdr_date_value": str(year),
                "page": "",
                "_format": "csv",
            },
            meta={"part": "par_yields", "year": str(year), "series": series_of(pairs)},
        )
        context.progress("treasury: par yields", done, len(years))


def _years(held: date | None, newest: int, today: date) -> list[int]:
    """Return the years to ask for, up to `newest`, the year of the last business day."""
    if held is None:
        first = _PAR_YIELDS_FIRST_YEAR
    elif today.month <= _LAST_MONTH_OF_LOOKING_BACK:
        first = min(held.year, today.year - 1)
    else:
        first = min(held.year, newest)
    return list(range(first, newest + 1))


def _par_yields(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the wanted tenors that this year has; a tenor not issued then has no column, or empty cells."""
    expected = 'CSV starting Date,"1 Mo" or another tenor'
    frame = csv_of(payload, lines_of(payload, expected, may_end_bare=True), expected)
    if frame.columns[0] != "Date":
        raise changed(payload, expected, quoted(",".join(frame.columns)))
    strange = [name for name in frame.columns[1:] if not _TENOR.match(name)]
    present = [pair for pair in pairs if pair[1].code.removeprefix("par_yield/") in frame.columns]
    if strange or not present:
        raise changed(payload, 'tenors like "2 Yr" as columns', quoted(", ".join(strange or frame.columns)))
    days = dates_of(payload, frame, "Date", "%m/%d/%Y")
    year = int(payload.meta["year"])
    stray = days.filter(days.dt.year() != year)
    if len(stray):
        raise changed(payload, f"days of {year}", str(stray[0]))
    return together(
        [
            rows_of(payload, pair, days, numbers_of(payload, frame, pair[1].code.removeprefix("par_yield/")))
            for pair in present
        ]
    )
