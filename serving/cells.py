"""Cells of the tables on a terminal: states in their colour, days, moments in New York time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.table import Column

NEW_YORK: Final = ZoneInfo("America/New_York")
_STYLES: Final = {
    **dict.fromkeys(("ok", "fresh"), "green"),
    **dict.fromkeys(("partial", "late"), "yellow"),
    **dict.fromkeys(("failed", "held", "stale", "never"), "red"),
}


def right(name: str) -> Column:
    """Return the head of a column of numbers."""
    return Column(name, justify="right")


def state_cell(state: str) -> str:
    """Return a state in the colour of its kind, as console markup."""
    style = _STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def day_cell(day: date | None) -> str:
    """Return a day; nothing without one."""
    return "" if day is None else day.isoformat()


def moment_cell(moment: datetime | None) -> str:
    """Return a naive UTC moment in New York time; nothing without one."""
    return "" if moment is None else f"{moment.replace(tzinfo=UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M}"
