"""`tidegauge lake`: what the lake has, its small files merged, and what no release needs removed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

    from ingest.home import Home
    from warehouse.lake.retention import LakeStatus
    from warehouse.lake.setting import Lake

_app = typer.Typer(help="The lake that TIDEGAUGE_LAKE names: its state, and what may go.", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="For programs: one document on standard output.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_app, name="lake")


@_app.command()
def status(as_json: _Json = False) -> None:
    """Tables with rows, files and bytes, and the snapshot of each kept release."""
    import duckdb

    from serving.query.documents import say_json
    from warehouse.lake.attached import attach
    from warehouse.lake.retention import lake_status

    home, lake = _of_settings()
    with duckdb.connect() as con:
        attach(con, lake, read_only=True)
        found = lake_status(con, home, lake.address)
    if as_json:
        say_json(found)
    else:
        _show(found)


@_app.command()
def compact() -> None:
    """Merge small files. Rows stay the same; the files before go with `tidegauge lake expire`."""
    from serving.query.terminal import say
    from warehouse.lake.retention import compact as merge

    with _writing() as (con, _):
        fewer = merge(con)
    say(f"{fewer} files fewer")


@_app.command()
def expire() -> None:
    """Forget snapshots that no kept release and no next run needs, and remove files that only they had, a day later."""
    from serving.query.terminal import say
    from warehouse.lake.retention import expire as forget

    with _writing() as (con, home):
        done = forget(con, home)
    say(f"{done.snapshots} snapshots forgotten, {done.files} files removed, {done.orphans} files that belonged to none")


def _of_settings() -> tuple[Home, Lake]:
    from ingest.home import home_at
    from ingest.settings import load_settings
    from orchestration.session import lake_for

    settings = load_settings()
    home = home_at(settings.home)
    lake = lake_for(home, settings)
    if lake is None:
        raise ConfigError("TIDEGAUGE_LAKE is not set: there is no lake")
    return home, lake


@contextmanager
def _writing() -> Iterator[tuple[duckdb.DuckDBPyConnection, Home]]:
    """Hold the writer lock, with the lake attached and all that the index names registered in it."""
    from warehouse.connection import WriterLock, connect, home_errors, migrate
    from warehouse.lake.belonging import claim
    from warehouse.lake.errors import lake_errors
    from warehouse.lake.snapshots import create_tables, register_snapshots
    from warehouse.snapshot_store import store_in

    home, lake = _of_settings()
    with WriterLock(home), home_errors(home):
        con = connect(home, lake)
        try:
            migrate(con)
            claim(con, home, lake)
            create_tables(con, lake)
            register_snapshots(con, store_in(home.snapshots, lake))
            with lake_errors(lake):
                yield con, home
        finally:
            con.close()


def _show(found: LakeStatus) -> None:
    from rich.table import Table

    from serving.query.terminal import console

    page = console(width=None if sys.stdout.isatty() else 180)
    table = Table("table", "rows", "files", "MB")
    for one in found.tables:
        table.add_row(one.name, f"{one.rows:,}", f"{one.files:,}", f"{one.bytes_count / 1e6:,.1f}")
    page.print(table)
    named = ", ".join(f"{snapshot} ({build_id})" for build_id, snapshot in sorted(found.releases.items())) or "none"
    page.print(f"{found.address}: newest snapshot {found.newest} of {found.snapshots}; named by releases: {named}")
    if found.waiting:
        page.print(f"{found.waiting} files wait for `tidegauge lake expire` to remove them")
