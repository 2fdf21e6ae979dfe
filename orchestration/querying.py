"""`tidegauge query`: SQL on the published file, as a table for eyes or in a form for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import duckdb
import typer

from ingest.clock import NEW_YORK
from ingest.errors import HomeUnusable, NothingPublished
from ingest.home import Home

SHOWN_ROWS = 1000
_CHUNK = 10_000


def run_query(home: Home, sql: str, form: str, output: Path | None, moment: datetime | None = None) -> None:
    """Write the rows of `sql` as table, csv, json or parquet to `output` or standard output; as of `moment` (aware).

    NothingPublished; a usage error (exit 2) for SQL that DuckDB refuses and for parquet without a file.
    """
    if form == "parquet" and output is None:
        raise typer.BadParameter("parquet needs a file: --output FILE", param_hint="--format")
    if not home.published.exists():
        raise NothingPublished(f"nothing is published under {home.root} yet: run `tidegauge run` or `tidegauge demo`")
    with _opened(home, moment) as con:
        con.execute("set enable_progress_bar = false")  # it would stand among the rows on standard output
        try:
            relation = con.sql(sql)
            if relation is None:
                return  # a statement without rows
            _write(relation, form, output)
        except duckdb.Error as error:
            raise typer.BadParameter(str(error).strip(), param_hint="SQL") from None


def _opened(home: Home, moment: datetime | None) -> duckdb.DuckDBPyConnection:
    if moment is None:
        con = duckdb.connect(str(home.published), read_only=True)
        _warn_of_origin(con, "meta.build")
        return con
    from warehouse.asof import open_as_of

    con = open_as_of(home.published, moment)
    _warn_of_origin(con, "tidegauge.meta.build")
    local = moment.astimezone(NEW_YORK)
    print(f"as of {local:%Y-%m-%d %H:%M:%S} New York, {moment:%Y-%m-%d %H:%M:%S} UTC", file=sys.stderr)
    return con


def _warn_of_origin(con: duckdb.DuckDBPyConnection, build: str) -> None:
    found = con.execute(f"select origin from {build}").fetchone()  # noqa: S608  # one of two names of ours
    if found is not None and found[0] != "LIVE":
        print(f"{found[0]}: these figures are not today's market", file=sys.stderr)


def _write(relation: duckdb.DuckDBPyRelation, form: str, output: Path | None) -> None:
    if form == "parquet":
        assert output is not None
        with _writable(output):
            relation.write_parquet(str(output))
        return
    writers = {"csv": _write_csv, "json": _write_json, "table": _write_table}
    if output is None:
        writers[form](relation, sys.stdout)
        return
    with _writable(output), output.open("w", encoding="utf-8", newline="") as file:
        writers[form](relation, file)


@contextmanager
def _writable(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeUnusable(f"cannot write {output}: {error.strerror}") from error


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    while chunk := relation.fetchmany(_CHUNK):
        yield from chunk


def _write_csv(relation: duckdb.DuckDBPyRelation, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(relation.columns)
    writer.writerows(_rows(relation))


def _write_json(relation: duckdb.DuckDBPyRelation, file: IO[str]) -> None:
    names = relation.columns
    file.write("[")
    for number, row in enumerate(_rows(relation)):
        file.write(",\n " if number else "\n ")
        json.dump(dict(zip(names, row, strict=True)), file, default=_plain, ensure_ascii=False)
    file.write("\n]\n")


def _write_table(relation: duckdb.DuckDBPyRelation, file: IO[str]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=False)
    for name in relation.columns:
        table.add_column(escape(name), overflow="fold")
    shown = relation.fetchmany(SHOWN_ROWS)
    for row in shown:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    # Off a terminal a table is as wide as it needs to be: cut columns would lose figures.
    width = None if file.isatty() else max(200, 24 * len(relation.columns))
    console = Console(file=file, width=width)
    console.print(table)
    if len(shown) == SHOWN_ROWS and relation.fetchone() is not None:
        console.print(f"The first {SHOWN_ROWS} rows; --format csv writes them all.")


def _plain(value: Any) -> Any:
    """Turn what JSON has no word for into text, decimals into numbers."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
