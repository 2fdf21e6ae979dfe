"""What an address asks for: columns, dates, a moment. All of a view is in its address, so it can be shared.

A column is written `mart.column~zscore252;key=value`: what is made of it, and the row of each date, are optional.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final, TypeVar
from urllib.parse import unquote

from ingest.clock import NEW_YORK
from serving.explore import transforms
from serving.explore.refusals import LeftOut, Refused, said
from serving.explore.transforms import Transform
from warehouse.asof import moment_of

T = TypeVar("T")

MOST_COLUMNS: Final = 12
_CLAIMS: Final = "claims"
_MOST_CHARACTERS: Final = 600  # of one column
_MOST_NAMED: Final = 3
_YEARS: Final = range(1900, 2200)
_MADE: Final = re.compile(rf"(.*)~({'|'.join(transforms.NAMES)})(-?\d+)?", re.DOTALL)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SWITCHES: Final = ("shade", "now", "joined")
_USUALLY: Final = ("shade", "now")  # on where the address says nothing
ONCE: Final = ("from", "to", "asof", *_SWITCHES)


@dataclass(frozen=True, slots=True)
class Asked:
    """One column as it is asked for; `keys` are the selectors that are given, `place` is the one among the columns."""

    mart: str
    column: str
    transform: Transform
    keys: tuple[tuple[str, str], ...] = ()
    place: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What one page shows. `moment` is aware; `shade` asks for the regimes, `now` for what is known today beside.

    `left_out` is what the address says beside, and cannot be.
    """

    asked: tuple[Asked, ...]
    first: date | None = None
    last: date | None = None
    moment: datetime | None = None
    shade: bool = True
    now: bool = True
    left_out: tuple[LeftOut, ...] = ()

    @property
    def naive_moment(self) -> datetime | None:
        """The moment as the published file writes it: UTC without a zone."""
        return None if self.moment is None else self.moment.astimezone(UTC).replace(tzinfo=None)

    def has(self, day: date) -> bool:
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def view_of(given: Sequence[tuple[str, str]]) -> View:
    """Return what the parameters of an address ask for; what of them cannot be is left out, and `left_out` says why."""
    left_out: list[LeftOut] = []

    def read(reading: Callable[[], T], otherwise: T, *parameters: str, place: int | None = None) -> T:
        try:
            return reading()
        except Refused as refused:
            places = () if place is None else (place,)
            left_out.append(LeftOut(refused.status, refused.sentence, places, parameters))
            return otherwise

    columns = [value for name, value in given if name == "s"]
    asked = [read(partial(asked_of, one, place), None, place=place) for place, one in enumerate(columns[:MOST_COLUMNS])]
    if len(columns) > MOST_COLUMNS:
        sentence = f"a page has at most {MOST_COLUMNS} columns, this one asks for {len(columns)}"
        left_out.append(LeftOut(400, sentence, tuple(range(MOST_COLUMNS, len(columns)))))
    once = {name: [value for other, value in given if other == name and value] for name in ONCE}
    first, last = (read(partial(_day, once, name), None, name) for name in ("from", "to"))
    if first is not None and last is not None and first > last:
        left_out.append(LeftOut(400, f"from {first} is after to {last}", parameters=("from", "to")))
        first = last = None
    moment = read(partial(_moment, once), None, "asof")
    switches = {name: read(partial(_switch, once, name), name in _USUALLY, name) for name in _SWITCHES}
    others = list(dict.fromkeys(name for name, _ in given if name != "s" and name not in once))
    if others:
        left_out.append(_unknown(others))
    return View(
        tuple(one for one in asked if one is not None),
        first,
        last,
        moment,
        switches["shade"],
        switches["now"],
        tuple(left_out),
    )


def asked_of(text: str, place: int = 0) -> Asked:
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
    return Asked(unquote(mart), unquote(column), transform, tuple(keys.items()), place)


def day_of(text: str, name: str) -> date:
    """Return the day that `text` writes; Refused (400) where it is none."""
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise Refused(400, f"{name}: expected a day such as 2023-03-10, got {said(text)}")
    return found


def _unknown(names: Sequence[str]) -> LeftOut:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    sentence = (
        f"{', '.join(map(said, names[:_MOST_NAMED]))}{more}: no parameter of this page; it has s, {', '.join(ONCE)}"
    )
    return LeftOut(400, sentence, parameters=tuple(names))


def _single(once: Mapping[str, list[str]], name: str) -> str | None:
    """Return the value of a parameter, None where the address says nothing of it; Refused (400) for two."""
    if len(once[name]) > 1:
        raise Refused(400, f"{name} is given twice")
    return next(iter(once[name]), None)


def _day(once: Mapping[str, list[str]], name: str) -> date | None:
    value = _single(once, name)
    return None if value is None else day_of(value, name)


def _moment(once: Mapping[str, list[str]]) -> datetime | None:
    """Return the moment of the slider: a day alone is meant to its end in New York."""
    text = _single(once, "asof")
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


def _switch(once: Mapping[str, list[str]], name: str) -> bool:
    value = _single(once, name)
    if value not in {None, "0", "1"}:
        raise Refused(400, f"{name}: expected 0 or 1, got {said(value or '')}")
    return name in _USUALLY if value is None else value == "1"


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
