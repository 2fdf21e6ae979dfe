"""Dates as publishers write them when they change their mind: which forms can be read without guessing.

Used where a parser passes over lines that are none of its own: a line is a footnote only if it holds no figures, and a
date in another form is read where it has one meaning, refused where it has two (2/11/2026).
"""

from __future__ import annotations

import re
from calendar import month_abbr, month_name
from collections.abc import Sequence
from datetime import date
from typing import Final

_TIME: Final = r"(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?Z?)?"
_YEAR_FIRST: Final = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_DIGITS: Final = re.compile(rf"(\d{{4}})(\d{{2}})(\d{{2}}){_TIME}")
_ERA: Final = re.compile(r"([MTSHRmtshr])(\d{1,2})([./-])(\d{1,2})\3(\d{1,2})")
_ERAS: Final = {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
"""The year before the first one of each Japanese era."""

_DAY_FIRST: Final = re.compile(r"(?P<day>\d{1,2})(?P<between>-|\s+)(?P<month>[A-Za-z]+)(?P=between)(?P<year>\d{4})")
_MONTH_FIRST: Final = re.compile(r"(?P<month>[A-Za-z]+)\s+(?P<day>\d{1,2}),\s*(?P<year>\d{4})")
_MONTH_NUMBERS: Final = {
    name.lower(): number for names in (month_name, month_abbr) for number, name in enumerate(names) if number
}
_FIRST_YEAR: Final = 1000
_DATE_LIKE: Final = re.compile(
    r"[A-Za-z]{0,9}[-./ ]?\d{1,4}[-./,]? ?[\dA-Za-z]{0,9}[-./,]{0,2} ?\d{0,4}(?:[ T][\d:.]{1,16})?"
)
_FIGURE: Final = re.compile(r"[-+(]?[$€£¥]?\d[\d,]*(?:\.\d*)?(?:[eE][-+]?\d+)?\)?%?")


def written_day(text: str) -> date | None:
    """Return the day that `text` writes in a form with one meaning, None for any other text.

    Year first (2026-11-02, 2026/11/2, 2026.11.02, 20261102, with or without midnight behind it), a month by name, or
    a year of a Japanese era (R8.11.2). ValueError for a day that does not exist.
    """
    cell = text.strip()
    if found := _YEAR_FIRST.fullmatch(cell):
        year, _, month, day = found.groups()
        return date(int(year), int(month), int(day)) if int(year) >= _FIRST_YEAR else None
    if found := _DIGITS.fullmatch(cell):
        year, month, day = found.groups()
        return date(int(year), int(month), int(day)) if int(year) >= _FIRST_YEAR else None
    if found := _DAY_FIRST.fullmatch(cell) or _MONTH_FIRST.fullmatch(cell):
        number, named_year = _MONTH_NUMBERS.get(found["month"].lower()), int(found["year"])
        return date(named_year, number, int(found["day"])) if number and named_year >= _FIRST_YEAR else None
    if found := _ERA.fullmatch(cell):
        era, in_era, _, month, day = found.groups()
        return date(_ERAS[era.upper()] + int(in_era), int(month), int(day))
    return None


def is_note(cells: Sequence[str]) -> bool:
    """Say whether a line may stand beside a table without being of it: no figure in it, no date in front."""
    first, *others = [cell.strip() for cell in cells] or [""]
    if any(_FIGURE.fullmatch(cell) for cell in others):
        return False
    return not (others and any(sign.isdigit() for sign in first) and _DATE_LIKE.fullmatch(first))


def is_footnote(cells: Sequence[str], width: int) -> bool:
    """Say whether a line without a readable date may be passed over among those of a table of `width` columns.

    As `is_note`, and not if it has as many cells as a line of data with any of them but the first filled.
    """
    return is_note(cells) and not (len(cells) >= width and any(cell.strip() for cell in cells[1:]))
