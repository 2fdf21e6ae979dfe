"""CFTC: who is long and short in financial futures (Traders in Financial Futures, futures only), week by week.

Where   https://www.cftc.gov/dea/newcot/FinFutWk.txt (keyless; the newest week, without a header) and, for those before,
        https://www.cftc.gov/files/dea/history/fut_fin_txt_YEAR.zip (the same 87 columns with a header). Where one of
        them fails: https://publicreporting.cftc.gov/resource/gpe5-46if.json, the same rows as JSON
Grain   one row per contract and report date, of the contracts of ingest/catalog/reported_contracts.yml
Units   contracts, padded with blanks; "." is no value. In the JSON numbers are texts, a value that is null has no key,
        and some keys end in _all, others not
Breaks  SourceChanged on a missing column, another number of columns, dates that differ within a row, the combined
        report (futures and options), text or fractions for a number, two reports of one contract and day, none of ours

Nothing is asked until a report is due that is not held. The gate refuses rows whose sides are not the open interest,
and an open interest that is a unit away from that of the week before. Where a contract of the week before is not in the
newest one, that is said, and the JSON is asked for it for a week and more: its line may have been broken.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.reported_contracts import contracts
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.limits import MAX_TEXT_BYTES
from ingest.readers.parsing import changed, field, json_of, lines_of, quoted, refuse_no_data, to_dates
from ingest.readers.zips import members

WEEK_URL: Final = "https://www.cftc.gov/dea/newcot/FinFutWk.txt"
YEAR_URL: Final = "https://www.cftc.gov/files/dea/history/fut_fin_txt_{year}.zip"
JSON_URL: Final = "https://publicreporting.cftc.gov/resource/gpe5-46if.json"
TABLE: Final = "cftc.positions"
FIRST_REPORT: Final = date(2010, 7, 20)
"""The first one in the CFTC's files of single years."""

WIDTH: Final = 87
_MOST: Final = 50_000  # rows of one JSON answer
_ENOUGH: Final = 3  # so many years that cannot be had, and the others cannot either
_RECENT: Final = timedelta(days=14)
_LACKING_FOR: Final = timedelta(days=20)
_GAPS: Final = ("", ".")
_FUTURES_ONLY: Final = "FutOnly"
_CLASSES: Final = {
    "dealer": "dealer",
    "asset_mgr": "asset_manager",
    "lev_money": "leveraged",
    "other_rept": "other_reportable",
    "nonrept": "nonreportable",
}
_SIDES: Final = ("long", "short", "spread")
POSITIONS: Final = {
    "open_interest": "open_interest_contracts",
    **{
        f"{theirs}_positions_{side}": f"{ours}_{side}_contracts"
        for theirs, ours in _CLASSES.items()
        for side in _SIDES
        if (theirs, side) != ("nonrept", "spread")
    },
}
"""The CFTC's columns, without _all at their end, and ours."""

_NAMED: Final = {
    "date": "report_date_as_yyyy_mm_dd",
    "code": "cftc_contract_market_code",
    "kind": "futonly_or_combined",
}
_SHORT_DATE: Final = "as_of_date_in_form_yymmdd"
_AT: Final = {
    _SHORT_DATE: 1,
    _NAMED["date"]: 2,
    _NAMED["code"]: 3,
    "open_interest": 7,
    **{name: 8 + at for at, name in enumerate(list(POSITIONS)[1:13])},
    "nonrept_positions_long": 22,
    "nonrept_positions_short": 23,
    _NAMED["kind"]: WIDTH - 1,
}
"""Where the columns stand in a file without a header."""


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield what has the reports that are due and not held: the newest week alone, or years, the last one first."""
    held = context.held.get("")
    if held is None:  # nobody says what is held: a look at the publisher
        yield _week(context)
        return
    missing = _due(context, max(held, default=None))
    if not missing:
        newest = max(held, default=FIRST_REPORT)
        if _behind(context, newest) and _today(context) - newest <= _LACKING_FOR:
            yield from _json(context, newest, newest)
        return
    if held and len(missing) == 1:
        yield from _newest(context, missing[0])
        return
    years = sorted({report.year for report in missing}, reverse=True)
    broken = 0
    for done, year in enumerate(years):
        context.progress(f"positions of {year}", done, len(years))
        try:
            yield context.http.get("cftc", f"positions {year}", YEAR_URL.format(year=year), meta=_meta(year))
        except SourceError as error:
            yield error
            broken += 1
            yield from _json(context, date(year, 1, 1), date(year, 12, 31))
        if broken == _ENOUGH:
            return


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of our contracts."""
    found = _of_json(payload) if payload.meta["kind"] == "json" else _of_text(payload)
    ours = found.with_columns(pl.all().str.strip_chars()).filter(pl.col(_NAMED["code"]).is_in(list(contracts())))
    if ours.is_empty():
        if payload.meta["kind"] == "json" and found.is_empty():
            return {TABLE: pl.DataFrame(schema=dict(dataset(TABLE).rows_schema))}
        seen = ", ".join(found[_NAMED["code"]].head(3).fill_null("none")) or "no row"
        raise changed(payload, f"contracts such as {next(iter(contracts()))}", quoted(seen))
    for kind in ours[_NAMED["kind"]].unique(maintain_order=True):
        if kind != _FUTURES_ONLY:
            raise changed(payload, f"{_FUTURES_ONLY} in the last column of each row", quoted(kind))
    codes, days = ours[_NAMED["code"]], _dates(payload, ours)
    known = [contracts()[code] for code in codes]
    columns = {name: _whole(payload, ours, theirs) for theirs, name in POSITIONS.items()}
    rows = panel_rows(
        payload,
        TABLE,
        {
            "contract_code": codes,
            "report_date": days,
            "contract_id": [one.id for one in known],
            "asset_class": [one.asset_class for one in known],
            **columns,
        },
    ).unique(maintain_order=True)
    twice = rows.filter(pl.struct("contract_code", "report_date").is_duplicated())
    if twice.height:
        code, day = twice.row(0)[:2]
        raise changed(payload, f"one report of {code} on {day}", "two that differ")
    return {TABLE: rows}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return, of each contract in the answer, the span that was asked for."""
    found = rows[TABLE]
    codes = found["contract_code"].unique().sort().to_list()
    if payload.meta["kind"] == "week":
        days = found["report_date"]
        return [Window(code, days.min(), days.max(), table_id=TABLE) for code in codes]  # type: ignore[arg-type]
    first, last = (date.fromisoformat(payload.meta[name]) for name in ("first", "last"))
    return [Window(code, first, last, table_id=TABLE) for code in codes]


# -- asking ------------------------------------------------------------------------------------------------------------


def _due(context: FetchContext, newest: date | None) -> list[date]:
    """Return the Tuesdays after the newest report held whose reports are out."""
    # two days on: after a report of a Monday the Tuesday behind it is none that is due
    first = FIRST_REPORT if newest is None else newest + timedelta(days=2)
    first += timedelta(days=(1 - first.weekday()) % 7)
    now = context.clock()
    tuesdays = pl.Series(
        "report_date", [first + timedelta(days=7 * week) for week in range((now.date() - first).days // 7 + 1)], pl.Date
    )
    out: list[date] = tuesdays.filter(dataset(TABLE).own_release.released_at(tuesdays) <= naive_utc(now)).to_list()
    return out


def _newest(context: FetchContext, report: date) -> Iterator[Payload | SourceError]:
    """Yield the newest week; where it cannot be had or read, or is an older one, the JSON from `report` on too."""
    try:
        payload = _week(context)
        yield payload
        rows = parse(payload)[TABLE]
        newest = rows["report_date"].max()
        if lacking := ", ".join(sorted(_behind(context, report) - set(rows["contract_code"]))):
            yield changed(payload, f"also the contracts {lacking}, as in the weeks before", f"{rows.height} others")
            newest = None
    except SourceError as error:
        newest = None
        if isinstance(error, SourceUnavailable):
            yield error
    # in a week with a holiday the report is of the Monday
    if not isinstance(newest, date) or newest < report - timedelta(days=1):
        yield from _json(context, report - timedelta(days=1), _today(context))


def _behind(context: FetchContext, report: date) -> set[str]:
    """Return the contracts whose newest report held is of the weeks before `report`, and not of its own."""
    return {code for code, last in context.since.items() if last is not None and report - _RECENT <= last < report}


def _today(context: FetchContext) -> date:
    return context.clock().astimezone(NEW_YORK).date()


def _week(context: FetchContext) -> Payload:
    return context.http.get("cftc", "newest positions", WEEK_URL, meta={"kind": "week"})


def _json(context: FetchContext, first: date, last: date) -> Iterator[Payload | SourceError]:
    codes = ",".join(f"'{code}'" for code in contracts())
    asked = {
        "$where": f"report_date_as_yyyy_mm_dd between '{first}T00:00:00' and '{last}T00:00:00'"
        f" and cftc_contract_market_code in({codes})",
        "$order": "report_date_as_yyyy_mm_dd,cftc_contract_market_code",
        "$limit": str(_MOST),
    }
    meta = {"kind": "json", "first": first.isoformat(), "last": last.isoformat()}
    try:
        yield context.http.get("cftc", f"positions {first} to {last}", JSON_URL, params=asked, meta=meta)
    except SourceError as error:
        yield error


def _meta(year: int) -> dict[str, str]:
    return {"kind": "year", "first": f"{year}-01-01", "last": f"{year}-12-31"}


# -- reading -----------------------------------------------------------------------------------------------------------


def _of_text(payload: Payload) -> pl.DataFrame:
    """Return the columns that are read of a text file, by the CFTC's names without _all."""
    expected = f"comma-separated text of {WIDTH} columns"
    if payload.meta["kind"] == "year":
        refuse_no_data(payload, "a zip")
        found = members(payload, "a zip with one text file", MAX_TEXT_BYTES, "a zip that cannot be unpacked")
        if len(found) != 1:
            raise changed(payload, "a zip with one text file", f"{len(found)} members")
        payload = _unpacked(payload, next(iter(found.values())))
    lines = [line for line in lines_of(payload, expected) if line.strip()]
    if not lines:
        raise changed(payload, expected, "no line")
    try:
        frame = pl.read_csv(
            io.BytesIO("\n".join(lines).encode()), has_header=False, infer_schema=False, empty_string_is_null=False
        )
    except pl.exceptions.PolarsError as error:
        raise changed(payload, expected, f"text that cannot be read: {error}") from None
    if frame.width != WIDTH:
        raise changed(payload, expected, f"{frame.width} columns, beginning {quoted(lines[0])}")
    first = [_plain(str(cell)) for cell in frame.row(0)]
    if _NAMED["code"] in first:
        at = _places(payload, first)
        frame = frame.slice(1)
    else:
        at = _AT
    short = frame.filter(pl.col(frame.columns[-1]).fill_null("") == "")
    if short.height:
        raise changed(payload, f"{WIDTH} cells in each line", quoted(",".join(c for c in short.row(0) if c)))
    return frame.select(pl.col(frame.columns[place]).alias(name) for name, place in at.items())


def _unpacked(payload: Payload, body: bytes) -> Payload:
    return replace(payload, body=body)


def _plain(name: str) -> str:
    """Return a column's name in one spelling: small letters, no _all at the end, any date form of the long date."""
    plain = name.strip().lower().replace("-", "_").removesuffix("_all")
    return _NAMED["date"] if plain.startswith("report_date_as_") else plain


def _places(payload: Payload, header: list[str]) -> dict[str, int]:
    if missing := [name for name in _AT if header.count(name) != 1]:
        raise changed(payload, f"the column {missing[0]} once", quoted(", ".join(header)))
    return {name: header.index(name) for name in _AT}


def _of_json(payload: Payload) -> pl.DataFrame:
    """Return the same of the JSON. A key that no row has is another name, one that some rows lack is a null."""
    expected = "a JSON list of reports"
    document = json_of(payload, expected)
    if not isinstance(document, list):
        raise changed(payload, expected, quoted(document))
    if len(document) >= _MOST:
        raise changed(payload, f"fewer than {_MOST} rows", str(len(document)))
    names = [*_NAMED.values(), *POSITIONS]
    rows = []
    for record in document:
        for name in _NAMED.values():
            field(payload, record, name, "a report")
        plain = {_plain(key): value for key, value in record.items()}
        rows.append([plain.get(name) for name in names])
    if strange := next((cell for row in rows for cell in row if cell is not None and not isinstance(cell, str)), None):
        raise changed(payload, "every value as text", quoted(strange))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    if rows and (missing := [name for name in names if frame[name].null_count() == frame.height]):
        raise changed(payload, f"{missing[0]} in some report", f"only {quoted(', '.join(document[0]))}")
    return frame


def _dates(payload: Payload, rows: pl.DataFrame) -> pl.Series:
    """Return the report dates; SourceChanged where the two of a row differ."""
    long = rows[_NAMED["date"]].str.slice(0, 10)
    days = to_dates(long, "%Y-%m-%d")
    if _SHORT_DATE in rows.columns and days.null_count():  # month first in older files, which the short date bears out
        days = days.fill_null(to_dates(long.str.split(" ").list.first(), "%m/%d/%Y"))
    if days.null_count():
        raise changed(payload, "report dates like 2026-01-06", quoted(rows[_NAMED["date"]].filter(days.is_null())[0]))
    if _SHORT_DATE in rows.columns:
        other = days.dt.strftime("%y%m%d") != rows[_SHORT_DATE]
        if other.any():
            at = other.arg_max() or 0
            seen = f"{rows[_SHORT_DATE][at]} beside {long[at]}"
            raise changed(payload, "one date in both columns of a row", quoted(seen))
    return days


def _whole(payload: Payload, rows: pl.DataFrame, name: str) -> pl.Series:
    cells: pl.Series = rows[name].fill_null("")
    numbers = cells.cast(pl.Int64, strict=False)
    broken: Any = cells.filter(numbers.is_null() & ~cells.is_in(list(_GAPS)))
    if len(broken):
        raise changed(payload, f"whole numbers in {name}", quoted(broken[0]))
    return numbers
