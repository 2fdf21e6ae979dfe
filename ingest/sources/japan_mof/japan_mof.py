"""Japan's Ministry of Finance: constant-maturity yields of Japanese government bonds.

Where   https://www.mof.go.jp/english/policy/jgbs/reference/interest_rate (keyless): historical/jgbcme_all.csv up to the
        end of last month, jgbcme.csv for the current month; both are asked each time
Grain   one row per Tokyo business day from 1974-09-24; dates YYYY/M/D, or M/D/YY where Excel saved the file again
Units   percent, stated in the title line as "(Unit : %)"; "-" is a tenor not issued then
Breaks  SourceChanged without title unit, without a wanted tenor, on figures behind a cell that is no date. Footnotes
        (Japanese, Shift-JIS, mostly at the end) are passed over. More tenors are welcome: the file has grown before
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError
from ingest.payload import Payload
from ingest.readers.days import is_footnote, written_day
from ingest.readers.limits import oversize_of_text
from ingest.readers.parsing import (
    changed,
    csv_of,
    numbers_of,
    quoted,
    refuse_cut,
    refuse_no_data,
    refuse_oversize,
    require_unit,
    rows_of,
    series_of,
    together,
    windows_of,
)

_FOLDER = "https://www.mof.go.jp/english/policy/jgbs/reference/interest_rate"
HISTORY_URL = f"{_FOLDER}/historical/jgbcme_all.csv"
CURRENT_URL = f"{_FOLDER}/jgbcme.csv"

_EXPECTED = "CSV with a title, a line starting Date,1Y and dated lines"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_SHORT_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2})")  # as Excel in America saves the file
_UNIT: Final = re.compile(r"\(\s*Unit\s*:\s*([^)]*?)\s*\)")
_FIRST_YEAR = 74  # the file starts in 1974, so a two-digit year below that is of this century


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the history, then the current month.

    `meta["history_last"]` of the current file is the last day of the history file, read here because `parse` sees one
    payload at a time. When the history cannot be read the current month is not asked: the two belong together.
    """
    series = series_of(context.pairs)
    history = context.http.get(
        "japan_mof", "JGB yields, history", HISTORY_URL, meta={"part": "history", "series": series}
    )
    yield history
    try:
        newest = parse(history, context.pairs)["period_date"].max()
    except SourceChanged:
        return  # the collector parses the same payload and reports it
    assert isinstance(newest, date)
    meta = {"part": "current", "history_last": newest.isoformat(), "series": series}
    yield context.http.get("japan_mof", "JGB yields, current month", CURRENT_URL, meta=meta)


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the tenors that `pairs` ask for; of the current month only days later than the history's last.

    Where the two files overlap the history wins, so that a day is never landed back and forth between them.
    """
    refuse_no_data(payload, _EXPECTED)
    title, header, dated = _split(payload)
    stated = _UNIT.search(title)
    if stated is None:
        raise changed(payload, '"(Unit : %)" above the header', quoted(title))
    frame = csv_of(payload, [header, *(line for _, line in dated)], _EXPECTED)
    days = pl.Series([found for found, _ in dated], dtype=pl.Date)
    if payload.meta["part"] == "history" and not dated:
        raise changed(payload, "at least one dated line", "a header and no rows")
    frames = []
    for pair in pairs:
        require_unit(payload, pair[1], stated.group(1), "the title line")
        if pair[1].code not in frame.columns:
            raise changed(payload, f"a column {pair[1].code}", quoted(header))
        frames.append(rows_of(payload, pair, days, numbers_of(payload, frame, pair[1].code, gaps=("-", ""))))
    rows = together(frames)
    if payload.meta["part"] == "current":
        rows = rows.filter(pl.col("period_date") > date.fromisoformat(payload.meta["history_last"]))
    return rows


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return all days up to the history's last for the history, all later ones for the current month."""
    if payload.meta["part"] == "current":
        return windows_of(payload, date.fromisoformat(payload.meta["history_last"]) + timedelta(days=1))
    newest = rows["period_date"].max()
    assert isinstance(newest, date)
    return windows_of(payload, None, newest)


def _split(payload: Payload) -> tuple[str, str, list[tuple[date, str]]]:
    """Return the title, the header, and the dated lines with their dates, in whatever order the file has them."""
    refuse_oversize(payload, oversize_of_text)
    body = payload.body.removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in map(_text, _LINE_END.split(body)) if line.strip()]
    header = next((line for line in lines if line.startswith("Date,")), None)
    if header is None:
        raise changed(payload, "a line starting Date,", quoted(lines[0] if lines else ""))
    width = header.count(",") + 1
    title = next((line for line in lines if _UNIT.search(line)), None)
    dated: list[tuple[date, str]] = []
    for line in lines:
        if line in (header, title):
            continue
        found = _date(payload, line.split(",", 1)[0])
        if found is not None:
            dated.append((found, line))
        elif not is_footnote(line.split(","), width):
            raise changed(payload, "a date in front of figures", quoted(line))
    if lines[-1] in {line for _, line in dated}:
        refuse_cut(payload, _text(body[-1:]), lines[-1])
    repeated = dict.fromkeys(dated)
    return title or lines[0], header, list(repeated)


def _text(line: bytes) -> str:
    return line.decode("cp932", errors="replace")


def _date(payload: Payload, cell: str) -> date | None:
    """Return the day that a cell writes, None where it is no date or one with two meanings (2/11/2026)."""
    text = cell.strip().strip('"')
    try:
        if found := _SHORT_DATE.fullmatch(text):
            month, day, year = (int(part) for part in found.groups())
            return date(year + (1900 if year >= _FIRST_YEAR else 2000), month, day)
        return written_day(text)
    except ValueError:
        raise changed(payload, "dates that exist", quoted(text)) from None
