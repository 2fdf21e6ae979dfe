"""The commands `regime` and `freshness`: how things stand, and how current each series is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.query_command import Form, Json, Output, form_of, home_of_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (regime, freshness):
        app.command()(command)


def regime(as_json: Annotated[bool, typer.Option("--json", help="For programs; moments are UTC.")] = False) -> None:
    """Say which regime it is, since when, why, and what each dimension says."""
    import duckdb

    from ingest.errors import NothingPublished
    from ingest.home import nothing_published
    from serving.query.documents import say_json
    from serving.regime_now import regime_now

    home = home_of_settings()
    if not home.published.exists():
        raise nothing_published(home)
    with duckdb.connect(str(home.published), read_only=True) as con:
        found = regime_now(con)
        build = con.execute("select build_id, origin from meta.build").fetchone() or (None, None)
    if found is None:
        raise NothingPublished("this release has no regimes: an older version published it")
    if as_json:
        say_json({"build_id": build[0], "origin": build[1], **found})
    else:
        _show(found, str(build[1]))


def freshness(form: Form = None, output: Output = None, as_json: Json = False) -> None:
    """List how current each series is: the newest period, what is due next and when, the state; the worst first."""
    from serving.query.dictionary import FRESHNESS
    from serving.query.querying import run_query

    run_query(home_of_settings(), FRESHNESS, form_of(form, as_json=as_json), output)


def _show(found: Mapping[str, Any], origin: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    from serving.cells import day_cell, right
    from serving.query.terminal import console

    screen = console(width=None if sys.stdout.isatty() else 180)  # off a terminal nothing is cut
    mark = "" if origin == "LIVE" else f"[bold red]{origin}[/] · "
    since = f" since {found['since_date']}" if found.get("since_date") else ""
    screen.print(f"{mark}[bold]Session {found['session_date']}: {found['regime_class']}[/]{since}", highlight=False)
    screen.print(escape(str(found["sentence"])), highlight=False)
    table = Table("dimension", "state", right("points"), "since", "before", "why not")
    for one in (*found["composites"], *found["dimensions"]):
        table.add_row(
            one.get("composite") or one["dimension"],
            str(one["state"]),
            "" if one.get("points") is None else str(one["points"]),
            day_cell(one.get("since_date")),
            one.get("came_from") or "",
            escape(one.get("reason") or ""),
        )
    screen.print(table)
    screen.print(str(found["note"]), highlight=False)
