"""Where in an archived body a value of a period stands, as text: the sentence of a JSON, the line of a CSV, a cell."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Final

_AROUND: Final = 90
_NEAR: Final = 400
"""A value belongs to a date that stands so close to it, or on its line."""
_LARGEST: Final = 64 * 1024**2
_TEXTS: Final = (".xml", ".csv", ".txt", ".json")


def excerpt(body: bytes, period: date | None, value: object) -> str | None:
    """Return the text around `value` beside `period` in a body, white space folded; None where it is not found.

    ZIP files and workbooks are searched member by member. A workbook has dates as numbers: there the value decides.
    """
    for found in _texts(body):
        hit = _hit(found, list(_dates(period)), list(_numbers(value)))
        if hit is not None:
            first, last = max(0, hit - _AROUND), min(len(found), hit + _AROUND)
            return re.sub(r"\s+", " ", found[first:last]).strip()
    return None


def _texts(body: bytes) -> Iterator[str]:
    if not body.startswith(b"PK"):
        yield body.decode("utf-8", errors="replace")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith(_TEXTS) and member.file_size <= _LARGEST:
                    yield archive.read(member).decode("utf-8", errors="replace")
    except zipfile.BadZipFile:
        return


def _dates(period: date | None) -> Iterator[str]:
    """Yield how publishers write a day."""
    if period is None:
        return
    y, m, d = f"{period.year}", f"{period.month:02}", f"{period.day:02}"
    yield from (f"{y}-{m}-{d}", f"{m}/{d}/{y}", f"{y}{m}{d}", f"{period.month}/{period.day}/{y}", f"{y}/{m}/{d}")
    yield from (f"{y}/{period.month}/{period.day}", f"{d}-{period:%b}-{y}", f"{period:%b} {d}, {y}")
    yield from (f"{m}/{d}/{y[2:]}", f"{d} {period:%b} {y}")
    if period.day == 1:  # a month or quarter, dated on its first day
        yield f"{y}-{m}"


def _numbers(value: object) -> Iterator[str]:
    """Yield how publishers write a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield str(value)
        return
    plain = f"{value:.10f}".rstrip("0").rstrip(".")
    yield plain
    yield repr(value)
    for decimals in (1, 2, 3, 4):
        if round(value, decimals) == value:
            yield f"{value:.{decimals}f}"
            yield f"{value:,.{decimals}f}"
    if float(value).is_integer():
        yield f"{int(value):,}"


def _hit(found: str, dates: list[str], numbers: list[str]) -> int | None:
    """Return where the value stands: in the element or line of its date, else soon behind it; without a date the first.

    Publishers write the date before the value or after it, inside one element (XML, JSON) or on one line (CSV).
    """
    for day in dates:
        for at in _places(found, day):
            first, last = _element(found, at, at + len(day))
            for start, end in ((first, last), (at + len(day), at + _NEAR)):
                hit = _number(found, numbers, start, end, day)
                if hit is not None:
                    return hit
    if not any(day in found for day in dates):
        return _number(found, numbers, 0, len(found), "")
    return None


def _element(found: str, first: int, last: int) -> tuple[int, int]:
    """Return where the element or line around a date begins and ends."""
    starts = max(found.rfind(mark, max(0, first - _NEAR), first) for mark in "<{\n")
    ends = [end for mark in ">}\n" if (end := found.find(mark, last, last + 20 * _NEAR)) >= 0]
    return starts + 1, min(ends, default=last + _NEAR)


def _number(found: str, numbers: list[str], start: int, end: int, day: str) -> int | None:
    """Return where one of the numbers stands between two places, not as part of another number or of the date."""
    part = found[start:end].replace(day, "~" * len(day)) if day else found[start:end]
    for number in numbers:
        zeros = "0*" if "." in number else r"(?:\.0+)?"
        near = re.search(rf"(?<![\d.,]){re.escape(number)}{zeros}(?![\d.])", part) or re.search(
            rf"(?<=[;,\s]){re.escape(number)}{zeros}(?![\d.])", part
        )
        if near:
            return start + near.start()
    return None


def _places(found: str, day: str) -> Iterator[int]:
    at = found.find(day)
    tries = 0
    while at >= 0 and tries < 200:
        yield at
        at, tries = found.find(day, at + 1), tries + 1
