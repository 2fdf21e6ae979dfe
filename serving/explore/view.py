"""What an address asks for: columns, dates, a moment. All of a view is in its address, so it can be shared.

A column is written `mart.column~zscore252;key=value`: what is made of it, and the row of each date, are optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import unquote

from ingest.clock import NEW_YORK
from serving.explore import transforms
from serving.explore.refusals import Refused, said
from serving.explore.transforms import Transform
from warehouse.asof import moment_of

MOST_COLUMNS: Final = 12
_CLAIMS: Final = "claims"
_MOST_CHARACTERS: Final = 600  # of one column
_YEARS: Final = range(1900, 2200)
_MADE: Final = re.compile(rf"(.*)~({'|'.join(transforms.NAMES)})(-?\d+)?", re.DOTALL)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SWITCHES: Final = ("shade", "now", "joined")
ONCE: Final = ("from", "to", "asof", *_SWITCHES)


@dataclass(frozen=True, slots=True)
class Asked:
    """One column as it is asked for; `keys` are the selectors that are given."""

    mart: str
    column: str
    transform: Transform
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What one page shows. `moment` is aware; `shade` asks for the regimes, `now` for what is known today beside."""

    asked: tuple[Asked, ...]
    first: date | None = None
    last: date | None = None
    moment: datetime | None = None
    shade: bool = True
    now: bool = True

    @property
    def naive_moment(self) -> datetime | None:
        """The moment as the published file writes it: UTC without a zone."""
        return None if self.moment is None else self.moment.astimezone(UTC).replace(tzinfo=None)

    def has(self, day: date) -> bool:
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def view_of(given: Sequence[tuple[str, str]]) -> View:
    """Return what the parameters of an address ask for; Refused (400) says which of them cannot be."""
    once: dict[str, str] = {}
    columns = []
    for name, value in given:
        if name == "s":
            columns.append(value)
        elif name not in ONCE:
            raise Refused(400, f"{said(name)}: no parameter of this page; it has s, {', '.join(ONCE)}")
        elif name in once:
            raise Refused(400, f"{name} is given twice")
        elif value:
            once[name] = value
    if len(columns) > MOST_COLUMNS:
        raise Refused(400, f"a page has at most {MOST_COLUMNS} columns, this one asks for {len(columns)}")
    first, last = _date(once, "from"), _date(once, "to")
    if first is not None and last is not None and first > last:
        raise Refused(400, f"from {first} is after to {last}")
    switches = {name: _switch(once, name) for name in _SWITCHES}
    asked = tuple(asked_of(one) for one in columns)
    return View(asked, first, last, _moment(once.get("asof")), switches["shade"], switches["now"])


def asked_of(text: str) -> Asked:
    """Return the column that `text` asks for; Refused (400) for one that is not written as a column is."""
    if len(text) > _MOST_CHARACTERS:
        raise Refused(400, f"s: {len(text):,} characters are no column; at most {_MOST_CHARACTERS} are read")
    path, *chosen = text.split(";")
    made = _MADE.fullmatch(path)
    transform = _transform(made[2], made[3]) if made else Transform()
    mart, dot, column = (made[1] if made else path).partition(".")
    if mart == _CLAIMS:  # their tables are called by schema and name
        table, dot, column = column.partition(".")
        mart = f"{mart}.{table}"
    if not (mart and dot and column):
        raise Refused(400, f"s: expected mart.column, got {said(text)}")
    keys: dict[str, str] = {}
    for one in chosen:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise Refused(400, f"s: expected key=value after {said(path)}, got {said(one)}")
        if unquote(name) in keys:
            raise Refused(400, f"s: {said(unquote(name))} is given twice")
        keys[unquote(name)] = unquote(value)
    return Asked(unquote(mart), unquote(column), transform, tuple(keys.items()))


def day_of(text: str, name: str) -> date:
    """Return the day that `text` writes; Refused (400) where it is none."""
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise Refused(400, f"{name}: expected a day such as 2023-03-10, got {said(text)}")
    return found


def _date(once: Mapping[str, str], name: str) -> date | None:
    return day_of(once[name], name) if name in once else None


def _moment(text: str | None) -> datetime | None:
    """Return the moment of the slider: a day alone is meant to its end in New York."""
    if text is None:
        return None
    if _DAY.fullmatch(text):
        after = day_of(text, "asof") + timedelta(days=1)
        return datetime.combine(after, time(), NEW_YORK).astimezone(UTC)
    try:
        found = moment_of(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.year not in _YEARS:
        raise Refused(400, f"asof: expected a day or a moment such as 2023-03-10 09:15, New York, got {said(text)}")
    return found


def _switch(once: Mapping[str, str], name: str) -> bool:
    default = {"joined": "0"}.get(name, "1")
    value = once.get(name, default)
    if value not in {"0", "1"}:
        raise Refused(400, f"{name}: expected 0 or 1, got {said(value)}")
    return value == "1"


def _transform(name: str, rows: str | None) -> Transform:
    found: transforms.Name = next(one for one in transforms.NAMES if one == name)
    if found not in transforms.COUNTED:
        if rows is not None:
            raise Refused(400, f"{name} counts no rows, got {said(rows)}")
        return Transform(found)
    least = 2 if found == "zscore" else 1
    count = (
        transforms.COUNTED[found] if rows is None else int(rows) if len(rows) <= len(str(transforms.MOST_ROWS)) else -1
    )
    if not least <= count <= transforms.MOST_ROWS:
        raise Refused(400, f"{name}: expected {least} to {transforms.MOST_ROWS:,} rows, got {said(rows or '')}")
    return Transform(found, count)
