"""The newest readings of a published file on the terminal."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.cells import day_cell, moment_cell, right, state_cell
from serving.readings import NOT_DECLARED, Reading, headline, readings


def show_readings(published: Path, console: Console) -> None:
    """Print the headline readings of a published file with unit, date and state, group by group, and its regime."""
    import duckdb

    with duckdb.connect(str(published), read_only=True) as con:
        regime = headline(con)
        found = readings(con)
        build = con.execute("select origin from meta.build").fetchone()
    if found is None:
        console.print(NOT_DECLARED, highlight=False)
    else:
        console.print(_table(found, f", {build[0]}" if build and build[0] != "LIVE" else ""))
    if regime is not None:
        line = f"[bold]Session {regime.session_date}[/] · {escape(regime.explain_text)}"
        console.print(line, highlight=False)
        console.print("Present stress and the width of outcomes: neither advice nor a timing signal.")


def _table(found: list[Reading], origin: str) -> Table:
    heads = ("reading", right("value"), "unit", "observed", "known at (New York)", "state")
    table = Table(*heads, title=f"Latest readings{origin}")
    for _, group in groupby(found, key=lambda one: one.group):
        for one in group:
            table.add_row(
                escape(one.label),
                one.text,
                escape(one.unit),
                day_cell(one.obs_date),
                moment_cell(one.known_at),
                state_cell(one.state),
            )
        table.add_section()
    return table
