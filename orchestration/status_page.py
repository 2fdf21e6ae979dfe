"""What a person sees on the terminal: the state of a home, the outcome of a run, the newest readings."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.home import Home

if TYPE_CHECKING:
    from ingest.settings import Settings
    from orchestration.run import RunOutcome
    from warehouse.status import Status

NEW_YORK = ZoneInfo("America/New_York")
ERROR_LENGTH = 160
_PAGE = re.compile(r"[\s:]*<[!?/a-zA-Z].*$", re.DOTALL)
_STYLES = {
    **dict.fromkeys(("ok", "fresh"), "green"),
    **dict.fromkeys(("partial", "late"), "yellow"),
    **dict.fromkeys(("failed", "held", "stale", "never"), "red"),
}


def show_status(home: Home, console: Console) -> None:
    """Print sources, marts and series of `home`; NothingPublished when there is nothing."""
    from warehouse.status import status

    found = status(home)
    _show_build(found, console)
    if found.note:
        console.print(escape(found.note))
    if found.sources:
        console.print(_sources(found))
    console.print(_marts(found))
    console.print(_series(found))
    if not found.sources:  # without the build file the published one alone says what went wrong, once for each error
        for error, count in Counter(_short(row["last_error"]) for row in found.freshness if row["last_error"]).items():
            console.print(f"last error of {count} series: {error}", highlight=False)
    _show_checks(found, console)
    for sentence in found.shrinkages:
        console.print(f"[yellow]history shortened upstream, ours is kept:[/] {escape(sentence)}")
    for sentence in found.lacks:
        console.print(f"known lack, asked for again each week: {escape(sentence)}")
    for sentence in found.gaps:
        console.print(f"[yellow]sessions without a snapshot, lost for good:[/] {escape(sentence)}")


def show_outcome(home: Home, settings: Settings, outcome: RunOutcome, console: Console) -> None:
    """Print what a run brought and where its release lies."""
    if outcome.sources:
        table = Table(
            "source", "state", _right("new"), _right("changed"), _right("refused"), "newest", "what went wrong"
        )
        for source, one in outcome.sources.items():
            landing = one.landing
            table.add_row(
                source,
                _state(landing.state),
                f"{landing.rows_new:,}",
                f"{landing.rows_changed + landing.rows_withdrawn:,}",
                f"{landing.rows_quarantined:,}",
                _day(landing.newest_period),
                _short(one.error),
            )
        console.print(table)
    said = "published" if outcome.release.state == "published" else "nothing new: the published release stays"
    console.print(f"[bold]{said}[/] {outcome.release.build_id} in {outcome.seconds:.0f} s", highlight=False)
    if outcome.failed_checks:
        checks = "1 check" if outcome.failed_checks == 1 else f"{outcome.failed_checks} checks"
        console.print(f"{checks} failed without stopping the release: see meta.quality")
    if settings.origin != "LIVE":
        console.print(f"[bold red]{settings.origin}[/]: these figures are not today's market")
    _path(console, "file", home.published)
    _path(console, "report", home.report)


def show_readings(home: Home, console: Console) -> None:
    """Print the regime and the headline readings of the published file, with unit, date and state."""
    import duckdb

    from serving.readings import headline, readings

    with duckdb.connect(str(home.published), read_only=True) as con:
        regime = headline(con)
        found = readings(con)
        origin = con.execute("select origin from meta.build").fetchone()
    title = "Latest readings" + (f", {origin[0]}" if origin and origin[0] != "LIVE" else "")
    table = Table("reading", _right("value"), "unit", "observed", "known at (New York)", "state", title=title)
    for one in found:
        table.add_row(one.label, one.text, one.unit, _day(one.obs_date), _moment(one.known_at), _state(one.state))
    console.print(table)
    if regime is not None:
        told = f"[bold]Session {regime.session_date}[/] · {escape(regime.explain_text)}"
        console.print(told, highlight=False)
        console.print("Present stress and the width of outcomes: neither advice nor a timing signal.")


def _show_build(found: Status, console: Console) -> None:
    build = found.published
    if build is None:
        console.print("published: nothing yet")
    else:
        origin = "" if build["origin"] == "LIVE" else f"  [bold red]{build['origin']}[/]"
        console.print(
            f"published: {build['build_id']}, sessions to {build['data_through_date']}{origin}", highlight=False
        )
    if found.is_writer_active:
        console.print("a run is going on")
    if found.last_run is not None:
        run_id, state, reason = found.last_run
        console.print(f"last run: {run_id} {state}{': ' + escape(reason) if reason else ''}", highlight=False)


def _show_checks(found: Status, console: Console) -> None:
    """Print how many checks of the published file passed, and a line for each that did not."""
    checks = found.checks
    if checks is None:
        return
    passed = checks.count - checks.failed_count
    told = "; those that failed stop no release" if checks.failed else ""
    console.print(f"checks of the published file: {passed} of {checks.count} passed{told}", highlight=False)
    for one in checks.failed:
        style = "red" if one.severity == "error" or one.is_blocking else "yellow"
        console.print(
            f"  [{style}]{one.severity}[/] {one.check_name}: {escape(', '.join(one.assets))}", highlight=False
        )


def _sources(found: Status) -> Table:
    table = Table("source", "state", "last run (New York)", "last answer", "newest", _right("rows"), "last error")
    for one in found.sources:
        rows = "" if one.rows_count is None else f"{one.rows_count:,}"
        recorded, answered = _moment(one.recorded_at), _moment(one.last_ok_at)
        table.add_row(
            one.source, _state(one.state), recorded, answered, _day(one.newest_period), rows, _short(one.error)
        )
    return table


def _marts(found: Status) -> Table:
    table = Table("mart", "newest", _right("age"), _right("rows"))
    today = datetime.now(UTC).astimezone(NEW_YORK).date()
    for one in found.marts:
        age = "" if one.newest_date is None else f"{(today - one.newest_date).days} d"
        table.add_row(one.mart, _day(one.newest_date), age, f"{one.rows_count:,}")
    return table


def _series(found: Status) -> Table:
    table = Table("series", "provider", "newest", _right("age"), "expected by (New York)", "state")
    for row in found.freshness:
        table.add_row(*_series_row(row))
    return table


def _series_row(row: dict[str, Any]) -> tuple[str, ...]:
    age = "" if row["age_days"] is None else f"{row['age_days']} d"
    return (
        row["series_id"],
        row["provider"] or "",
        _day(row["data_through_date"]),
        age,
        _moment(row["expected_by_at"]),
        _state(row["state"]),
    )


def _short(error: str | None) -> str:
    """Return the beginning of an error, up to the page that came instead of an answer: that is in the archive.

    The whole of it stands in ops.source_runs and in Dagster.
    """
    text = " ".join(_PAGE.sub("", error or "").split())
    return escape(text if len(text) <= ERROR_LENGTH else f"{text[: ERROR_LENGTH - 1]}…")


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


def _state(state: str) -> str:
    style = _STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _moment(moment: datetime | None) -> str:
    """Return a naive UTC moment in New York time."""
    return "" if moment is None else f"{moment.replace(tzinfo=UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def _path(console: Console, what: str, path: Any) -> None:
    console.print(f"{what}: {path}", soft_wrap=True, highlight=False)
