"""The report's watchlists: each item with its state, value, change, age and course, as known at the cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from analytics.watchlists.declared import UNKNOWN, Watchlist, watchlists
from serving.report.drawing import sparkline
from serving.report.morning import SPARK_SESSIONS, changed, new_york_day
from serving.report.phrases import Phrases
from serving.report.rendering import has_table, rendered, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

_UNITS: Final = {
    "pct": ("%", 2),
    "bp": ("bp", 1),
    "index": ("index", 2),
    "ratio": ("ratio", 2),
    "zscore": ("z", 2),
    "count": ("count", 0),
    "usd_mn": ("USD mn", 0),
}
"""Each unit as the page has it, and its decimals."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One item as the newest row has it; `kind` is its class in the style sheet."""

    title: str
    threshold: str
    state: str
    before: str | None
    kind: str
    reason: str | None
    value: str | None
    unit: str
    change: str | None
    day: date | None
    age_days: int | None
    spark: Markup


def watchlists_section(con: duckdb.DuckDBPyConnection, words: Phrases) -> Markup:
    """Return the section; nothing where the file has no watchlists."""
    if not (has_table(con, "marts", "watchlist_daily") and has_table(con, "marts", "watchlist_summary_daily")):
        return Markup()
    rows = rows_of(
        con,
        "select * from marts.watchlist_daily where session_date in (select distinct session_date"
        " from marts.watchlist_summary_daily order by 1 desc limit $count) order by session_date",
        {"count": SPARK_SESSIONS},
    )
    summaries = rows_of(
        con,
        "select * from marts.watchlist_summary_daily"
        " where session_date = (select max(session_date) from marts.watchlist_summary_daily)",
    )
    if not rows or not summaries:
        return Markup()
    courses: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        courses.setdefault((row["watchlist"], row["item"]), []).append(row)
    of_list = {summary["watchlist"]: summary for summary in summaries}
    shown = [
        (watchlist.title, of_list[name], _items(name, watchlist, courses))
        for name, watchlist in watchlists().items()
        if name in of_list
    ]
    return rendered("watchlists.html", words, lists=shown, newest=summaries[0])


def _items(name: str, watchlist: Watchlist, courses: dict[tuple[str, str], list[Row]]) -> list[Watched]:
    return [
        _watched(item.title, item.warns, courses[name, item_name])
        for item_name, item in watchlist.items.items()
        if (name, item_name) in courses
    ]


def _watched(title: str, warns: Sequence[str], course: Sequence[Row]) -> Watched:
    newest, before = course[-1], course[-2] if len(course) > 1 else None
    unit, decimals = _UNITS[newest["unit"]]
    value, state, day = newest["value"], newest["state"], newest["obs_date"]
    then = None if before is None else before["value"]
    return Watched(
        title=title,
        threshold=newest["threshold"],
        state=state,
        before=before["state"] if before is not None and before["state"] != state else None,
        kind="un" if state == UNKNOWN else "p2" if state in warns else "p0",
        reason=newest["reason"],
        value=None if value is None else f"{round(value, decimals) + 0.0:,.{decimals}f}",
        unit=unit,
        change=None if value is None or then is None else changed(value, then, decimals),
        day=day,
        age_days=None if day is None else (new_york_day(newest["cutoff_at"]) - day).days,
        spark=sparkline([row["value"] for row in course]),
    )
