"""The two time axes that the charts share, with the headline class of each day behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from serving.report.drawing import TimeAxis, time_marks
from serving.report.rendering import has_table
from warehouse.sql import quoted

if TYPE_CHECKING:
    import duckdb

    from warehouse.presentation import PlacedChart

YEARS: Final = 5
LONG_YEARS: Final = 60


@dataclass(frozen=True, slots=True)
class Axes:
    """The axis of the last years and that of the long view; `bands` are the runs of the headline class."""

    short: TimeAxis
    long: TimeAxis
    bands: list[tuple[str, date, date]]
    sessions: list[date] = field(default_factory=list)

    def sessions_since(self, day: date) -> int:
        """Return how many sessions of the last years have closed after a day."""
        return sum(one > day for one in self.sessions)

    @property
    def marks(self) -> Markup:
        """What stands behind the drawings, once for the page."""
        return Markup().join(time_marks(axis, self.bands) for axis in (self.short, self.long))


def shared_axes(con: duckdb.DuckDBPyConnection, charts: Sequence[PlacedChart] = ()) -> Axes:
    """Return the axes that end with the last session that had closed when the file was made."""
    closed = "marts.sessions where close_at <= (select max(checked_at) from meta.freshness)"
    ((last,),) = con.execute(f"select coalesce(max(session_date), today()) from {closed}").fetchall()
    first = _years_before(last, YEARS)
    found = con.execute(f"select session_date from {closed} and session_date > ?", [first]).fetchall()
    years = _long_years(con, last, [placed for placed in charts if placed.chart.is_long])
    return Axes(
        TimeAxis("last-years", first, last),
        TimeAxis("long-view", _years_before(last, years), last),
        _bands(con),
        [day for (day,) in found],
    )


def _long_years(con: duckdb.DuckDBPyConnection, last: date, charts: Sequence[PlacedChart]) -> int:
    """Return for how many years the charts of the long view have values, at most LONG_YEARS."""
    first = last
    for placed in charts:
        period = quoted(placed.period_column)
        some = " or ".join(f"{quoted(line.column)} is not null" for line in placed.chart.lines)
        row = con.execute(f"select min({period}) from marts.{quoted(placed.mart)} where {some}").fetchone()
        first = min(first, row[0]) if row and row[0] else first
    return min(LONG_YEARS, max(YEARS, last.year - first.year + 1))


def _bands(con: duckdb.DuckDBPyConnection) -> list[tuple[str, date, date]]:
    if not has_table(con, "marts", "regime_episodes"):
        return []
    return con.execute(
        """
        select state, began_date, lead(began_date, 1, (select max(session_date) + 1 from marts.regime_daily))
            over (order by began_date)
        from marts.regime_episodes where dimension = 'regime_class' order by began_date
        """
    ).fetchall()


def _years_before(day: date, years: int) -> date:
    return day.replace(year=day.year - years, day=min(day.day, 28))
