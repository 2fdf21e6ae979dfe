"""The headline readings of a published file: value, unit, date, known at, age and state. Report and demo show these.

Which there are, the file itself says in meta.readings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from warehouse.presentation import read_presentation
from warehouse.sql import quoted

if TYPE_CHECKING:
    import duckdb

    from warehouse.presentation import PlacedReading

State = Literal["fresh", "late", "stale", "ended", "optional", "never"]
WORST_FIRST: tuple[State, ...] = ("never", "stale", "late", "ended", "optional", "fresh")

NOT_DECLARED: Final = (
    "This release does not say which readings and charts to show: an older version published it. "
    "`tidegauge publish` or the next run publishes one that does."
)

_LATE_SESSIONS, _STALE_SESSIONS = 2, 4
"""Prices come in the evening, share counts on the morning after: older than so many sessions is late, then stale."""
_CURRENT_TO: Final = {
    "week_date": "period + interval 7 day",
    "month_date": "last_day(period + interval 1 month)",
    "quarter_date": "last_day(period + interval 5 month)",
}
"""To when the newest week, month or quarter is to be expected, by the name of its column: until the next is over."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The newest regime: its class, the session, and the sentence that explains it."""

    regime_class: str
    session_date: date
    explain_text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the headline table. `value` is None when the file has none; then there is no date either."""

    label: str
    value: float | None
    decimals: int
    unit: str
    obs_date: date | None  # of a derived reading: that of its oldest part
    known_at: datetime | None  # naive UTC
    age_days: int | None  # since obs_date, on the day of the look
    state: State
    group: str | None = None
    before: float | None = None  # the value of the period before

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        return "no value" if self.value is None else f"{self.value:,.{self.decimals}f}"

    @property
    def change(self) -> str:
        """The change from the value before as a person reads it; nothing without one."""
        if self.value is None or self.before is None:
            return ""
        change = round(self.value - self.before, self.decimals)
        return f"{change:+,.{self.decimals}f}" if change else "unchanged"


class _Newest(NamedTuple):
    """A value, the day it is for, the moment it became known (naive UTC), and the value of the period before."""

    value: float
    day: date
    known_at: datetime
    before: float | None = None


def headline(con: duckdb.DuckDBPyConnection) -> Headline | None:
    """Return the newest regime of an open published file, None where it has none."""
    there = "select 1 from duckdb_tables() where schema_name = 'marts' and table_name = 'regime_daily'"
    if con.execute(there).fetchone() is None:
        return None
    row = con.execute(
        "select regime_class, session_date, explain_text from marts.regime_daily order by session_date desc limit 1"
    ).fetchone()
    return Headline(*row) if row else None


def readings(con: duckdb.DuckDBPyConnection) -> list[Reading] | None:
    """Return the newest headline readings of an open published file in their order; None as of NOT_DECLARED."""
    presentation = read_presentation(con)
    if presentation is None:
        return None
    states = dict(con.execute("select series_id, state from meta.freshness").fetchall())
    row = con.execute("select max(checked_at) from meta.freshness").fetchone()
    today = row[0] if row else None
    return [_reading(con, placed, states, today) for placed in presentation.readings]


def _reading(
    con: duckdb.DuckDBPyConnection,
    placed: PlacedReading,
    states: dict[str, State],
    today: datetime | None,
) -> Reading:
    series = placed.reading.observation
    if series is not None:
        found = _observation(con, series)
        return _shown(placed, found, _age(found, today), states.get(series, "never"))
    found = _of_mart(con, placed)
    published = placed.reading.published_series
    if published is not None:
        other = _published(con, published)
        if other is not None and (found is None or other[1] > found[1]):
            shown = _shown(placed, other, _age(other, today), _by_sessions(con, other, today))
            return replace(shown, label=f"{shown.label}, published series")
    if placed.reading.series:
        legs = [states.get(leg, "never") for leg in placed.reading.series]
        return _shown(placed, found, _age(found, today), min(legs, key=WORST_FIRST.index))
    current_to = _CURRENT_TO.get(placed.period_column, "period")
    if placed.reading.current_days is not None:
        current_to = f"period + interval {placed.reading.current_days} day"
    return _shown(placed, found, _age(found, today), _by_sessions(con, found, today, current_to))


def _of_mart(con: duckdb.DuckDBPyConnection, placed: PlacedReading) -> _Newest | None:
    """Return the newest value of the column, the earliest of its dates and the latest of its moments.

    Of several snapshots of a period the last one counts, and of several sessions that show one report.
    """
    reading, column = placed.reading, quoted(placed.column)
    period = quoted(reading.dates[0] if len(reading.dates) == 1 else placed.period_column)
    dates = ", ".join(map(quoted, reading.dates or (placed.period_column,)))
    moments = ", ".join(map(quoted, reading.known_at))
    rows: dict[str, Any] = dict(reading.rows or {})
    wanted = "".join(f" and {quoted(name)} = ?" for name in rows)
    found = con.execute(
        f"select {column}, least({dates}), greatest({moments}) from marts.{quoted(placed.mart)}"
        f" where {column} is not null{wanted}"
        f" qualify row_number() over (partition by {period} order by greatest({moments}) desc) = 1"
        f" order by {period} desc limit 2",
        list(rows.values()),
    ).fetchall()
    return _Newest(*found[0], *(row[0] for row in found[1:])) if found else None


def _observation(con: duckdb.DuckDBPyConnection, series_id: str) -> _Newest | None:
    """Return the newest observation of a series from the provider that serves it."""
    row = con.execute(
        """
        select o.value, o.period_date, o.known_at, (
            select arg_max(value, period_date) from marts.observations_latest
            where series_id = o.series_id and period_date < o.period_date
        )
        from marts.observations as o
        inner join meta.freshness as f
            on o.series_id = f.series_id and o.provider = f.provider and o.period_date = f.data_through_date
        where o.series_id = ?
        order by o.known_at desc, o.loaded_at desc, o.payload_sha256 desc limit 1
        """,
        [series_id],
    ).fetchone()
    return _Newest(*row) if row else None


def _published(con: duckdb.DuckDBPyConnection, series_id: str) -> _Newest | None:
    """Return the newest period of a series whose newest vintage, provider by provider, has a value."""
    row = con.execute(
        """
        select value, period_date, known_at from (
            from marts.observations where series_id = ?
            qualify row_number() over (
                partition by period_date, provider order by known_at desc, loaded_at desc, payload_sha256 desc
            ) = 1
        )
        where value is not null order by period_date desc, provider_rank limit 1
        """,
        [series_id],
    ).fetchone()
    return _Newest(*row) if row else None


def _by_sessions(
    con: duckdb.DuckDBPyConnection, found: _Newest | None, today: datetime | None, current_to: str = "period"
) -> State:
    """Return the state by how many sessions have closed since `current_to`, SQL of the day to which it is current."""
    if found is None or today is None:
        return "never"
    row = con.execute(
        f"select count(*) from marts.sessions, (select ?::date as period) where session_date > {current_to} "
        "and close_at <= ?",
        [found.day, today],
    ).fetchone()
    behind = row[0] if row else 0
    return "stale" if behind > _STALE_SESSIONS else "late" if behind > _LATE_SESSIONS else "fresh"


def _age(found: _Newest | None, today: datetime | None) -> int | None:
    return None if found is None or today is None else (today.date() - found[1]).days


def _shown(placed: PlacedReading, found: _Newest | None, age: int | None, state: State) -> Reading:
    value, day, known_at, before = found or (None, None, None, None)
    said = placed.reading
    return Reading(
        *(said.label, value, said.decimals, said.unit, day, known_at),
        *(age if found else None, state, placed.group, before),
    )
