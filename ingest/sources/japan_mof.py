"""Japan's Ministry of Finance: constant-maturity yields of Japanese government bonds.

Where   https://www.mof.go.jp/english/policy/jgbs/reference/interest_rate (keyless): historical/jgbcme_all.csv up to the
        end of last month, jgbcme.csv for the current month; both are asked each time
Grain   one row per Tokyo business day from 1974-09-24; dates YYYY/M/D, or M/D/YY where Excel saved the file again
Units   percent, stated in the title line as "(Unit : %)"; "-" is a tenor not issued then
Breaks  SourceChanged without title unit, without a wanted tenor, or when dated lines go on behind the first line that
        is none (the file ends in Japanese footnotes, Shift-JIS). More tenors are welcome: the file has grown before
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.errors import SourceChanged, SourceError
from ingest.kit import FetchContext, Pair, Payload, Window
from ingest.parsing import (
    changed,
    csv_of,
    numbers_of,
    quoted,
    refuse_no_data,
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
_LONG_DATE: Final = re.compile(rb"(\d{4})/(\d{1,2})/(\d{1,2})$")
_SHORT_DATE: Final = re.compile(rb"(\d{1,2})/(\d{1,2})/(\d{2})$")
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
    """Return the text above the header, the header, and the dated lines with their dates; footnotes are left out."""
    lines = [line.rstrip(b"\r") for line in payload.body.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    start = next((number for number, line in enumerate(lines) if line.startswith(b"Date,")), None)
    if start is None:
        raise changed(payload, "a line starting Date,", quoted(_text(lines[0])))
    dated: list[tuple[date, str]] = []
    rest = iter(lines[start + 1 :])
    for line in rest:
        found = _date(payload, line)
        if found is None:
            break
        dated.append((found, _text(line)))
    for line in rest:
        if _date(payload, line) is not None:
            raise changed(payload, "nothing but footnotes behind the last dated line", quoted(_text(line)))
    return _text(b" ".join(lines[:start])), _text(lines[start]), dated


def _text(line: bytes) -> str:
    return line.decode("cp932", errors="replace")


def _date(payload: Payload, line: bytes) -> date | None:
    cell = line.split(b",", 1)[0].strip()
    if found := _LONG_DATE.match(cell):
        year, month, day = (int(part) for part in found.groups())
    elif found := _SHORT_DATE.match(cell):
        month, day, year = (int(part) for part in found.groups())
        year += 1900 if year >= _FIRST_YEAR else 2000
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        raise changed(payload, "dates that exist", quoted(_text(cell))) from None
