"""The moment at which a session is read, and how values become inputs: with their age, or with a reason for none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from analytics.features.declared import feature
from analytics.features.operations import Change, Return
from analytics.regimes.knowledge import History, Known, Replay
from analytics.regimes.spine import Spine
from analytics.regimes.types import MISSING, InputValue


@dataclass(frozen=True, slots=True)
class Moment:
    """One session at its cut-off, to which the replay has been advanced."""

    replay: Replay
    position: int
    day: date
    cutoff: datetime

    @property
    def spine(self) -> Spine:
        """Return the sessions."""
        return self.replay.spine

    def newest(self, series_id: str) -> tuple[History, int, InputValue]:
        """Return a series, the position of its newest session with a value (-1: none), and that value."""
        history = self.replay[series_id]
        place = history.last_session(self.position)
        disputed = history.disputed_session(self.position)
        if disputed > place:
            return history, disputed, as_input(history.on_session(disputed, self.position))
        return history, place, MISSING if place < 0 else as_input(history.on_session(place, self.position))

    def change(self, name: str, kind: type[Change] | type[Return] = Change) -> InputValue:
        """Return a feature that is a change or return of a series, at its newest session with a value."""
        operation = feature(name, kind)
        history, place, newest = self.newest(operation.of)
        if newest.value is None:
            return newest
        found = operation.at(history.grid, self.spine.numbers, place)
        if found is None:
            return without(newest, self.why(history, place - operation.sessions))
        return with_value(newest, found)

    def why(self, history: History, place: int) -> str:
        """Return why a window that begins at `place` is not complete: its series was not there yet, or it has a gap."""
        return "warm-up" if place < 0 or history.last_session(place) < 0 else "missing"


def as_input(known: Known) -> InputValue:
    """Return a known value as an input: too old, it has none."""
    if known.reason:
        return InputValue(None, known.obs_date, known.known_at, reason=known.reason, known_basis=known.known_basis)
    return InputValue(known.value, known.obs_date, known.known_at, known_basis=known.known_basis)


def derived(value: float, parts: Iterable[Known], beside: InputValue | None = None) -> InputValue:
    """Return a value made of several: as old as the oldest of `parts` (and `beside`), known with the last of them."""
    listed = list(parts)
    dates = [part.obs_date for part in listed]
    moments = [part.known_at for part in listed]
    bases = {part.known_basis for part in listed}
    if beside is not None and beside.obs_date is not None and beside.known_at is not None:
        dates.append(beside.obs_date)
        moments.append(beside.known_at)
        bases.add(beside.known_basis or "")
    reasons = {part.reason for part in listed} - {None}
    return InputValue(
        None if reasons else value,
        min(dates),
        max(moments),
        reason="stale" if "stale" in reasons else "disputed" if reasons else None,
        known_basis="latest_only" if "latest_only" in bases else listed[0].known_basis,
    )


def worst(newest: InputValue, parts: Iterable[Known]) -> str | None:
    """Return the weaker known_basis: latest_only when any part may have been revised since."""
    return "latest_only" if any(part.known_basis == "latest_only" for part in parts) else newest.known_basis


def with_value(newest: InputValue, value: float, basis: str | None = None) -> InputValue:
    """Return another value of the same age. Written out: `dataclasses.replace` would cost a second per history."""
    return InputValue(value, newest.obs_date, newest.known_at, known_basis=basis or newest.known_basis)


def without(value: InputValue, reason: str) -> InputValue:
    """Return the same age without a value, and why."""
    return InputValue(None, value.obs_date, value.known_at, reason=reason, known_basis=value.known_basis)
