"""The command `shell`: a prompt on the published file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.query_command import LakeBeside, lake_of_settings

if TYPE_CHECKING:
    from ingest.home import Home

_DuckDB = Annotated[bool, typer.Option("--duckdb", help="DuckDB's own shell instead, read-only, if it is installed.")]
_LOCKS = (
    "set search_path = 'marts,meta'; set autoinstall_known_extensions = false; "
    "set autoload_known_extensions = false; set enable_external_access = false; set lock_configuration = true;"
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(shell)


def shell(is_duckdb: _DuckDB = False, lake: LakeBeside = False) -> None:
    """Open a prompt on the published file. Read-only; .help says what there is, .as_of sets a moment.

    A new release is read from the next entry on. Without a terminal, entries are read from standard input.
    """
    from ingest.errors import QueryRefused
    from ingest.home import home_at
    from ingest.settings import load_settings
    from serving.query.shell import Shell

    if is_duckdb and lake:
        raise QueryRefused("DuckDB's own shell would be handed the keys of the lake: --lake goes without --duckdb")
    home = home_at(load_settings().home)
    session = Shell(home, lake_of_settings() if lake else None)
    if is_duckdb:
        _duckdb_shell(home)
    raise typer.Exit(session.run(None if sys.stdin.isatty() else sys.stdin))


def _duckdb_shell(home: Home) -> None:
    """Become DuckDB's shell on the release of now; QueryRefused where it is not installed."""
    import os
    import shutil

    from ingest.errors import QueryRefused

    program = shutil.which("duckdb")
    if program is None:
        raise QueryRefused("there is no duckdb on the PATH: without --duckdb the prompt is tidegauge's own")
    os.execv(program, [program, "-readonly", "-cmd", _LOCKS, str(home.published)])  # noqa: S606
