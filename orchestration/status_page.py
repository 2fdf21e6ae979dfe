"""What a person sees of runs on the terminal: the state of a home, and the outcome of a run."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.home import Home
from serving.cells import NEW_YORK, day_cell, moment_cell, right, state_cell

if TYPE_CHECKING:
    from ingest.settings import Settings
    from orchestration.run import RunOutcome
    from warehouse.status import Status

ERROR_LENGTH = 160
_PAGE = re.compile(r"[\s:]*<[!?/a-zA-Z].*$", re.DOTALL)


def show_status(home: Home, console: Console, settings: Settings) -> None:
    """Print sources, marts and series of `home`; NothingPublished when there is nothing."""
    found = _status(home, settings)
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
        console.print(f"missing for now, asked for again each week: {escape(sentence)}")
    for sentence in found.gaps:
        console.print(f"[yellow]sessions without a snapshot, lost for good:[/] {escape(sentence)}")


def _status(home: Home, settings: Settings) -> Status:
    """Return the state of a home; what is wrong with its lake is in the note."""
    from orchestration.lake_check import lake_loss
    from warehouse.status import status

    found = status(home)
    notes = [note for note in (found.note, lake_loss(settings, home)) if note is not None]
    return replace(found, note="; ".join(notes) or None)


def say_status(home: Home, settings: Settings) -> None:
    """Print what `show_status` shows as one JSON document; moments are UTC."""
    from serving.query.documents import say_json

    found = _status(home, settings)
    last = None if found.last_run is None else dict(zip(("run_id", "state", "reason"), found.last_run, strict=True))
    say_json({**asdict(found), "last_run": last})


def show_outcome(home: Home, settings: Settings, outcome: RunOutcome, console: Console) -> None:
    """Print what a run brought and where its release lies."""
    if outcome.sources:
        table = Table("source", "state", right("new"), right("changed"), right("refused"), "newest", "what went wrong")
        for source, one in outcome.sources.items():
            landing = one.landing
            table.add_row(
                source,
                state_cell(landing.state),
                f"{landing.rows_new:,}",
                f"{landing.rows_changed + landing.rows_withdrawn:,}",
                f"{landing.rows_quarantined:,}",
                day_cell(landing.newest_period),
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
        console.print("a run is in progress")
    if found.last_run is not None:
        run_id, state, reason = found.last_run
        console.print(f"last run: {run_id} {state}{': ' + escape(reason) if reason else ''}", highlight=False)


def _show_checks(found: Status, console: Console) -> None:
    """Print how many checks of the published file passed, and a line for each that did not."""
    checks = found.checks
    if checks is None:
        return
    passed = checks.count - checks.failed_count
    note = "; those that failed stop no release" if checks.failed else ""
    console.print(f"checks of the published file: {passed} of {checks.count} passed{note}", highlight=False)
    for one in checks.failed:
        style = "red" if one.severity == "error" or one.is_blocking else "yellow"
        console.print(
            f"  [{style}]{one.severity}[/] {one.check_name}: {escape(', '.join(one.assets))}", highlight=False
        )


def _sources(found: Status) -> Table:
    table = Table("source", "state", "last run (New York)", "last answer", "newest", right("rows"), "last error")
    for one in found.sources:
        rows = "" if one.rows_count is None else f"{one.rows_count:,}"
        recorded, answered = moment_cell(one.recorded_at), moment_cell(one.last_ok_at)
        table.add_row(
            one.source, state_cell(one.state), recorded, answered, day_cell(one.newest_period), rows, _short(one.error)
        )
    return table


def _marts(found: Status) -> Table:
    table = Table("mart", "newest", right("age"), right("rows"))
    today = datetime.now(UTC).astimezone(NEW_YORK).date()
    for one in found.marts:
        age = "" if one.newest_date is None else f"{(today - one.newest_date).days} d"
        table.add_row(one.mart, day_cell(one.newest_date), age, f"{one.rows_count:,}")
    return table


def _series(found: Status) -> Table:
    table = Table("series", "provider", "newest", right("age"), "expected by (New York)", "state")
    for row in found.freshness:
        table.add_row(*_series_row(row))
    return table


def _series_row(row: dict[str, Any]) -> tuple[str, ...]:
    age = "" if row["age_days"] is None else f"{row['age_days']} d"
    return (
        row["series_id"],
        row["provider"] or "",
        day_cell(row["data_through_date"]),
        age,
        moment_cell(row["expected_by_at"]),
        state_cell(row["state"]),
    )


def _short(error: str | None) -> str:
    """Return the beginning of an error, up to the page that came instead of an answer: that is in the archive.

    The whole of it is in ops.source_runs and in Dagster.
    """
    text = " ".join(_PAGE.sub("", error or "").split())
    return escape(text if len(text) <= ERROR_LENGTH else f"{text[: ERROR_LENGTH - 1]}…")


def _path(console: Console, what: str, path: Any) -> None:
    console.print(f"{what}: {path}", soft_wrap=True, highlight=False)
