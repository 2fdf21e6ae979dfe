"""The commands that read the published file: `query`, `as-of`, `tables`, `describe`, `search`."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import ConfigError, QueryRefused, TidegaugeError

if TYPE_CHECKING:
    from ingest.home import Home
    from serving.query.querying import Format
    from warehouse.lake.setting import Lake

FORMATS = ("table", "record", "csv", "json", "md", "parquet", "xlsx")
STANDARD_INPUT = "-"

_Sql = Annotated[str | None, typer.Argument(help='For example "from market_daily limit 5"; - reads standard input.')]
_File = Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file.")]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        help=f"{', '.join(FORMATS)}. Otherwise by the name of the file; on a terminal a table, or records if too wide.",
        metavar="FORMAT",
        autocompletion=lambda: list(FORMATS),
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file; it is replaced only by whole results.")]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
_Raw = Annotated[
    bool, typer.Option("--raw", help="csv: no quote before text that a spreadsheet would run as a formula.")
]
LakeBeside = Annotated[
    bool,
    typer.Option("--lake", help="Read the big tables too, as lake.<source>.<table>: the lake as the release had it."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (query, as_of, tables, describe, search):
        app.command()(command)


def query(
    sql: _Sql = None,
    file: _File = None,
    form: Form = None,
    output: Output = None,
    raw: _Raw = False,
    as_json: Json = False,
    lake: LakeBeside = False,
) -> None:
    """Read the published file. Read-only: no other file, no network, no settings.

    Tables need no schema. Several statements run in order, each with its result.
    """
    from serving.query.querying import run_query

    beside = lake_of_settings() if lake else None
    run_query(home_of_settings(), _sql(sql, file), form_of(form, as_json=as_json), output, raw=raw, lake=beside)


def as_of(
    moment: Annotated[
        str,
        typer.Argument(help='"2023-03-10 09:15 America/New_York", "2023-03-10T14:15Z"; New York time without a zone.'),
    ],
    sql: _Sql = None,
    file: _File = None,
    form: Form = None,
    output: Output = None,
    raw: _Raw = False,
    as_json: Json = False,
    lake: LakeBeside = False,
) -> None:
    """Read the published file as it could be known at a moment: marts.<mart> in the SQL is the mart as of then.

    Moments inside the SQL are UTC. The file as it is now is there as tidegauge.marts.<mart>, tidegauge.meta.<table>.
    A mart without a past says why it has none; `tidegauge tables` lists which.
    """
    from serving.query.querying import run_query
    from warehouse.asof import moment_of

    try:
        instant = moment_of(moment)
    except ValueError as error:
        raise QueryRefused(f"MOMENT: {error}") from None
    beside = lake_of_settings() if lake else None
    form_asked = form_of(form, as_json=as_json)
    run_query(home_of_settings(), _sql(sql, file), form_asked, output, moment=instant, raw=raw, lake=beside)


def tables(form: Form = None, output: Output = None, as_json: Json = False) -> None:
    """List the tables of the published file: rows, whether a moment can be asked for, and what each contains."""
    from serving.query.dictionary import TABLES
    from serving.query.querying import run_query

    run_query(home_of_settings(), TABLES, form_of(form, as_json=as_json), output)


def describe(
    table: Annotated[
        str, typer.Argument(help="For example market_daily, or meta.freshness.", autocompletion=complete_table)
    ],
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List the columns of a table of the published file: name, type, what it contains."""
    from serving.query.dictionary import columns_of
    from serving.query.querying import run_query
    from serving.query.terminal import say

    home = home_of_settings()
    about, sql = columns_of(home, table)
    say(about, sys.stderr)
    run_query(home, sql, form_of(form, as_json=as_json), output)


def search(
    word: Annotated[str, typer.Argument(help="Part of a name or of what is said of it; case makes no difference.")],
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Search names and descriptions of all tables, columns and macros of the published file."""
    from serving.query.dictionary import mentions_of
    from serving.query.querying import run_query

    run_query(home_of_settings(), mentions_of(word), form_of(form, as_json=as_json), output)


def home_of_settings() -> Home:
    """Return the home that the settings name."""
    from ingest.home import home_at
    from ingest.settings import load_settings

    return home_at(load_settings().home)


def lake_of_settings() -> Lake:
    """Return the lake of the settings; ConfigError where they name none."""
    from ingest.settings import load_settings
    from warehouse.lake.setting import configured

    found = configured(load_settings())
    if found is None:
        raise ConfigError("--lake reads the lake that TIDEGAUGE_LAKE names, and it is not set")
    return found


def form_of(form: str | None, *, as_json: bool) -> Format | None:
    """Return the format that is asked for, None where none is; QueryRefused for one that there is not."""
    from serving.query.querying import Format

    if as_json and form not in {None, "json"}:
        raise QueryRefused(f"--json and --format {form} ask for two formats")
    if form is None:
        return Format.json if as_json else None
    try:
        return Format(form)
    except ValueError:
        raise QueryRefused(f"--format: expected one of {', '.join(FORMATS)}, got {form}") from None


def complete_table(incomplete: str) -> list[str]:
    """Return the tables whose name begins so, for the Tab key."""
    from serving.query.names import table_names

    with suppress(TidegaugeError):  # settings that cannot be read have no names either
        return [name for name in table_names(home_of_settings().published) if name.startswith(incomplete)]
    return []


def _sql(sql: str | None, file: Path | None) -> str:
    """Return the SQL of the one place that was named."""
    if (sql is None) == (file is None):
        raise QueryRefused("expected the SQL as an argument, - for standard input, or --file FILE: one of them")
    if file is None:
        return sys.stdin.read() if sql == STANDARD_INPUT else str(sql)
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise QueryRefused(f"--file {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise QueryRefused(f"--file {file}: expected UTF-8 text, got byte {error.object[error.start]:#04x}") from None
