"""What was known of each series at any moment, replayed vintage by vintage. No rule of a regime here.

`Replay` holds every vintage of the series asked for, in the order in which they became known. `advance(cutoff)`
applies those known by then; from then on each `History` shows the series as somebody could read it at that moment:
per provider and period the newest vintage, a NULL one taking the period away, and of the providers that have the
period the first in the catalog's order. A period on which publishers differ is there and has no value. Time only moves
forward; a whole history is one pass.

The same rule as the dbt model int_known, which serves market_known_daily, over the same relation
(intermediate.int_observations: periods that are days of their series' own calendar): a test holds them together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.features.operations import Floats, Integers, last_place
from analytics.regimes.spine import Limits, Spine, day_number, day_of, in_tokyo_long_holiday
from analytics.regimes.vintages import DISPUTED, NEWEST_LAST, read_observed
from ingest.catalog.frequency import MONTHS

if TYPE_CHECKING:
    import duckdb

_Figure = TypeVar("_Figure")

_NONE: Final = -1
_MANY: Final = 2000  # from so many vintages on it is cheaper to look at every period once
_NAN: Final = float("nan")
_MIDNIGHT: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # the warehouse stores naive UTC
_MICROSECOND: Final = timedelta(microseconds=1)


class Known(NamedTuple):
    """A value as known at the moment of the replay; past its limit `is_stale`, and then it must not be used.

    `is_disputed`: publishers differ on the period, and the value is NaN.
    """

    value: float
    obs_date: date
    known_at: datetime
    known_basis: str
    provider: str
    is_stale: bool
    is_disputed: bool = False

    @property
    def reason(self) -> str | None:
        """Return why the value must not be used; None when it may be."""
        return "stale" if self.is_stale else "disputed" if self.is_disputed else None


class History:
    """One series at the moment of its replay. `grid` has its value on each session, NaN where there is none.

    A caller that looks back from a session must not look past it: rows of later periods may be known already.
    """

    def __init__(self, replay: Replay, series_id: str, periods: Integers, first: int, limits: Limits | None) -> None:
        spine = replay.spine
        self.series_id = series_id
        self.limits = limits
        self.grid: Floats = np.full(len(spine.dates), np.nan)
        self._replay = replay
        self._first = first  # where its periods stand among those of all series
        self._periods = periods
        self._numbers: list[int] = periods.tolist()
        self._dates = [day_of(number) for number in self._numbers]
        self._ends = self._numbers
        if limits is not None and limits.frequency in MONTHS:
            self._ends = [day_number(limits.end_of(day)) for day in self._dates]
        self._seen: dict[tuple[int, bool], Known] = {}
        places = np.searchsorted(spine.numbers, periods)
        places[places == len(spine.numbers)] = 0
        on_session = spine.numbers[places] == periods if len(spine.numbers) else np.zeros(len(periods), dtype=bool)
        self._sessions: Integers = np.where(on_session, places, _NONE)
        self._places: dict[int, int] = {int(s): i for i, s in enumerate(self._sessions.tolist()) if s >= 0}
        self._newest = _NONE
        self._disputed: set[int] = set()  # positions of sessions whose period has no value because publishers differ
        self._figures: dict[Hashable, Any] = {}  # of the series as it is now

    # -- what was known ----------------------------------------------------------------------------------------

    def last(self, position: int) -> Known | None:
        """Return the value of the greatest known period up to the session at `position`."""
        return self.last_by(
            self._replay.spine.dates[position], long_holiday=self._replay.spine.in_long_holiday[position]
        )

    def last_by(self, day: date, *, long_holiday: bool | None = None) -> Known | None:
        """Return the value of the greatest known period up to `day`, and whether it is too old on that day."""
        number = day_number(day)
        place = min(bisect_right(self._numbers, number) - 1, self._newest)
        winners = self._replay.winners
        while place >= 0 and winners[self._first + place] < 0:
            place -= 1
        if place < 0:
            return None
        return self._known(place, number, in_tokyo_long_holiday(day) if long_holiday is None else long_holiday)

    def on(self, day: date) -> Known | None:
        """Return the known value of exactly the period `day`; it is never too old."""
        place = bisect_right(self._numbers, day_number(day)) - 1
        if place < 0 or self._dates[place] != day or self._replay.winners[self._first + place] < 0:
            return None
        known = self._known(place, None, False)
        return None if known.is_disputed else known

    def value_on(self, day: date) -> float:
        """Return the known value of exactly the period `day`, NaN when there is none."""
        place = bisect_right(self._numbers, day_number(day)) - 1
        if place < 0 or self._dates[place] != day:
            return _NAN
        winner = self._replay.winners[self._first + place]
        return _NAN if winner < 0 else self._replay.value(winner)

    def last_session(self, position: int) -> int:
        """Return the position of the last session up to `position` that has a value; -1 when none has."""
        return last_place(self.grid, position) if self._newest >= 0 else _NONE

    def disputed_session(self, position: int) -> int:
        """Return the position of the last session up to `position` whose period is in dispute; -1 when none is."""
        if not self._disputed:
            return _NONE
        return max((place for place in self._disputed if place <= position), default=_NONE)

    def on_session(self, place: int, position: int) -> Known:
        """Return what counts for the session at `place`, which must have a row, as seen from that at `position`."""
        spine = self._replay.spine
        return self._known(self._places[place], day_number(spine.dates[position]), spine.in_long_holiday[position])

    def once(self, key: Hashable, figure: Callable[[], _Figure]) -> _Figure:
        """Return `figure()`, which hangs on this series and `key` alone: it is kept until the series changes."""
        found: _Figure
        try:
            found = self._figures[key]
        except KeyError:
            found = self._figures[key] = figure()
        return found

    @property
    def first_period(self) -> date | None:
        """Return the first period that has a known value."""
        winners = self._replay.winners
        return next((day for place, day in enumerate(self._dates, self._first) if winners[place] >= 0), None)

    def _known(self, place: int, at: int | None, long_holiday: bool) -> Known:
        """Return what counts for the period at `place`; `at`: the day number on which it must not be too old."""
        event = self._replay.winners[self._first + place]
        is_stale = False
        if at is not None and self.limits is not None:
            limit = self.limits.days(self._replay.provider(event), long_holiday=long_holiday)
            is_stale = at - self._ends[place] > limit
        known = self._seen.get((event, is_stale))
        if known is None:
            known = self._seen[event, is_stale] = self._replay.known(event, self._dates[place], is_stale)
        return known

    # -- written by the replay alone ---------------------------------------------------------------------------

    def place(self, period: int, value: float, *, is_there: bool) -> None:
        """Take the value that now counts for the period numbered `period`; NaN: none, or, if it is there, disputed."""
        self._figures.clear()
        session = int(self._sessions[period])
        if session >= 0:
            self.grid[session] = value
            if is_there and value != value:
                self._disputed.add(session)
            else:
                self._disputed.discard(session)
        if period > self._newest and is_there:
            self._newest = period

    def place_all(self, values: Floats, is_there: npt.NDArray[np.bool_]) -> None:
        """Take the values that now count for all periods."""
        self._figures.clear()
        on_session = self._sessions >= 0
        self.grid[self._sessions[on_session]] = values[on_session]
        self._disputed = set(self._sessions[on_session & is_there & np.isnan(values)].tolist())
        found = np.flatnonzero(is_there)
        self._newest = int(found[-1]) if len(found) else _NONE


class Replay:
    """Every vintage of some series; `advance` moves the moment at which they are seen."""

    def __init__(self, vintages: pl.DataFrame, spine: Spine, limits: Mapping[str, Limits]) -> None:
        """Take VINTAGES_SCHEMA (any order), perhaps with DISPUTED, and the limits by series.

        A series without a vintage has an empty history.
        """
        self.spine = spine
        ordered = vintages.sort(NEWEST_LAST)
        self.values: Floats = ordered["value"].fill_null(float("nan")).to_numpy()
        disputed = ordered.get_column(DISPUTED, default=pl.Series([False])).fill_null(value=False)
        self._counts = ~np.isnan(self.values) | disputed.to_numpy()  # a NULL that is no dispute takes its provider away
        self._moments: Integers = ordered["known_at"].to_physical().to_numpy()
        self._bases: list[str] = ordered["known_basis"].to_list()
        self._providers: list[str] = ordered["provider"].to_list()
        self._values: list[float] = self.values.tolist()  # one by one a list is read sooner than an array
        self._next = 0
        self._histories: dict[str, History] = {}
        self._owners: list[History] = []
        firsts: dict[str, int] = {}
        count = 0
        keyed = ordered.select("series_id", pl.col("period_date").to_physical().cast(pl.Int64).alias("period"))
        for (series_id,), rows in sorted(keyed.group_by("series_id"), key=lambda item: str(item[0][0])):
            periods = rows["period"].unique().sort().to_numpy()
            history = History(self, str(series_id), periods, count, limits.get(str(series_id)))
            self._histories[str(series_id)] = history
            firsts[str(series_id)] = count
            self._owners.append(history)
            count += len(periods)
        self.winners: list[int] = [_NONE] * count
        self._starts = [*firsts.values(), count]
        self._periods, self._keys, self._ranks = self._keyed(keyed, ordered)
        self._slots: Integers = np.full(count * self._ranks, _NONE, dtype=np.int64)
        self._owner_of: Integers = np.searchsorted(self._starts, self._periods, side="right") - 1

    def _keyed(self, keyed: pl.DataFrame, ordered: pl.DataFrame) -> tuple[Integers, Integers, int]:
        """Return of each vintage its period among all, its slot (period and provider), and the slots of a period."""
        numbered = (
            keyed.unique().sort("series_id", "period").with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("at"))
        )
        periods = keyed.join(numbered, on=["series_id", "period"], how="left", maintain_order="left")["at"].to_numpy()
        rank = ordered["provider_rank"].to_numpy() - 1
        ranks = int(rank.max()) + 1 if len(rank) else 1
        return periods, periods * ranks + rank, ranks

    def __getitem__(self, series_id: str) -> History:
        """Return the history of `series_id`; an empty one when no vintage of it exists."""
        found = self._histories.get(series_id)
        if found is None:
            found = self._histories[series_id] = History(self, series_id, np.empty(0, dtype=np.int64), 0, None)
        return found

    @property
    def series_ids(self) -> list[str]:
        """Return the series that have vintages."""
        return sorted(owner.series_id for owner in self._owners)

    def provider(self, event: int) -> str:
        """Return who printed a vintage."""
        return self._providers[event]

    def value(self, event: int) -> float:
        """Return the value of a vintage, NaN where it has none."""
        return self._values[event]

    def known(self, event: int, period: date, is_stale: bool) -> Known:
        """Return a vintage as a known value."""
        value = self._values[event]
        moment = _moment(int(self._moments[event]))
        return Known(value, period, moment, self._bases[event], self._providers[event], is_stale, value != value)

    def advance(self, cutoff: datetime) -> None:
        """Apply every vintage known at `cutoff` (naive UTC) or before; it never goes back."""
        moment = (cutoff - _MIDNIGHT) // _MICROSECOND
        until = int(np.searchsorted(self._moments, moment, side="right"))
        if until <= self._next:
            return
        if until - self._next > _MANY:
            self._apply_all(until)
        else:
            for event in range(self._next, until):
                self._apply(event)
        self._next = until

    def _apply(self, event: int) -> None:
        period, owner = int(self._periods[event]), int(self._owner_of[event])
        self._slots[self._keys[event]] = event
        winner, value = _NONE, _NAN
        for slot in self._slots[period * self._ranks : (period + 1) * self._ranks].tolist():
            if slot >= 0 and self._counts[slot]:
                winner, value = slot, self._values[slot]
                break
        self.winners[period] = winner
        self._owners[owner].place(period - self._starts[owner], value, is_there=winner >= 0)

    def _apply_all(self, until: int) -> None:
        # of several vintages of one slot the last one stays
        self._slots[self._keys[self._next : until]] = np.arange(self._next, until)
        slots = self._slots.reshape(-1, self._ranks)
        winners = np.full(len(slots), _NONE, dtype=np.int64)
        for rank in range(self._ranks - 1, -1, -1):
            candidate = slots[:, rank]
            counts = (candidate >= 0) & self._counts[candidate]
            winners[counts] = candidate[counts]
        self.winners = winners.tolist()
        values = np.where(winners >= 0, self.values[winners], np.nan)
        for owner, history in enumerate(self._owners):
            part = slice(self._starts[owner], self._starts[owner + 1])
            history.place_all(values[part], winners[part] >= 0)


def _moment(microseconds: int) -> datetime:
    return _MIDNIGHT + timedelta(microseconds=microseconds)


def read_replay(con: duckdb.DuckDBPyConnection, series_ids: Sequence[str], known_by: datetime | None = None) -> Replay:
    """Return the replay of `series_ids` over the observations of a build file."""
    return Replay(*read_observed(con, series_ids, known_by))
