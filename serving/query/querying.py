"""`tidegauge query` and its kin: SQL on the published file, as a table for eyes or in a form for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ingest.clock import NEW_YORK
from ingest.errors import QueryRefused
from ingest.home import Home, nothing_published

if TYPE_CHECKING:
    import duckdb

    from serving.query.results import Result
    from warehouse.lake.setting import Lake
    from warehouse.sandbox import Statement


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    record = "record"
    csv = "csv"
    json = "json"
    md = "md"
    parquet = "parquet"
    xlsx = "xlsx"


EXTENSIONS = {
    ".txt": Format.table,
    ".csv": Format.csv,
    ".json": Format.json,
    ".md": Format.md,
    ".parquet": Format.parquet,
    ".xlsx": Format.xlsx,
}
"""What a file holds, by the end of its name, where no format is asked for."""


def run_query(
    home: Home,
    sql: str,
    form: Format | None = None,
    output: Path | None = None,
    *,
    moment: datetime | None = None,
    raw: bool = False,
    is_quiet: bool = False,
    lake: Lake | None = None,
) -> None:
    """Write the rows of each statement of `sql` to `output` or standard output; as of `moment` (aware).

    Without a format the name of the file decides, and on a terminal the room. `raw`: csv as it is, formulas too.
    `is_quiet`: the origin and the moment are said elsewhere. With `lake` it is there as `lake`, as the release had it.
    NothingPublished; QueryRefused (exit 2) for SQL that DuckDB refuses or that would do more than read, and for a
    file that cannot take the rows. KeyboardInterrupt when the person ends it.
    """
    import duckdb

    from serving.query.output_file import refuse_unfit
    from warehouse.sandbox import explained, opened, read_only_statements

    chosen = _format(form, output)
    if output is not None:
        refuse_unfit(output, home)
    if not home.published.exists():
        raise nothing_published(home)
    with opened(home.published, moment, lake=lake) as con:
        try:
            statements = read_only_statements(con, sql, is_as_of=moment is not None)
            _refuse_several(statements, chosen)
            if not is_quiet:
                _tell_origin(con, moment)
            _write(con, statements, chosen, output, home, raw=raw)
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            raise QueryRefused(explained(con, sql, error)) from None
        except RuntimeError as error:
            if "interrupted" in str(error).lower():  # what DuckDB makes of Ctrl-C
                raise KeyboardInterrupt from error
            raise


def _format(form: Format | None, output: Path | None) -> Format | None:
    """Return the format; None means as a table where it fits the terminal."""
    if output is None:
        if form in {Format.parquet, Format.xlsx}:
            raise QueryRefused(f"{form} needs a file: --output FILE.{form}")
        return form
    if form is None and output.suffix.lower() not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise QueryRefused(f"the name of {output} does not say how to write it ({known} do): give --format")
    return form or EXTENSIONS[output.suffix.lower()]


def _refuse_several(statements: list[Statement], form: Format | None) -> None:
    count = sum(one.kind != "quiet" for one in statements)
    if count > 1 and form in {Format.csv, Format.parquet}:
        raise QueryRefused(
            f"{form} holds one result, and these statements give {count}: run them one by one, or as json"
        )


def _tell_origin(con: duckdb.DuckDBPyConnection, moment: datetime | None) -> None:
    from serving.query.terminal import say

    found = con.execute("select origin from tidegauge.meta.build").fetchone()
    if found is not None and found[0] != "LIVE":
        say(f"{found[0]}: these figures are not today's market", sys.stderr)
    if moment is not None:
        local = moment.astimezone(NEW_YORK)
        say(f"as of {local:%Y-%m-%d %H:%M:%S} New York, {moment:%Y-%m-%d %H:%M:%S} UTC", sys.stderr)


def _write(
    con: duckdb.DuckDBPyConnection,
    statements: list[Statement],
    form: Format | None,
    output: Path | None,
    home: Home,
    *,
    raw: bool,
) -> None:
    results = _results(con, statements)
    count = sum(one.kind != "quiet" for one in statements)
    if output is None:
        _write_text(results, sys.stdout, form, count, raw=raw)
        return
    from serving.query.exports import write_parquet, write_xlsx
    from serving.query.output_file import replacing

    if not count:
        raise QueryRefused("these statements give no rows to write")
    with replacing(output, home) as waiting:
        if form is Format.parquet:
            write_parquet(results, waiting)
        elif form is Format.xlsx:
            write_xlsx(results, waiting)
        else:
            with waiting.open("x", encoding="utf-8", newline="") as file:
                _write_text(results, file, form, count, raw=raw)


def _results(con: duckdb.DuckDBPyConnection, statements: list[Statement]) -> Iterator[Result]:
    """Run the statements in turn; each result is read before the next one is asked for."""
    from serving.query.results import Result, distinct

    for statement in statements:
        con.execute(statement.parsed)
        if statement.kind == "quiet":
            continue
        described = con.description or []
        names = distinct([str(name) for name, *_ in described])
        yield Result(names, [str(kind) for _, kind, *_ in described], con, statement.kind == "plan")


def _write_text(results: Iterator[Result], file: IO[str], form: Format | None, count: int, *, raw: bool) -> None:
    from serving.query.exports import write_csv, write_json, write_markdown
    from serving.query.result_table import Layout, write_eyes

    if form is Format.csv:
        write_csv(results, file, raw=raw, is_shown=file.isatty())
    elif form is Format.json:
        write_json(results, file, count=count)
    elif form is Format.md:
        write_markdown(results, file)
    else:
        layout: Layout = "auto" if form is None else "record" if form is Format.record else "table"
        for place, result in enumerate(results):
            if place:
                file.write("\n")
            write_eyes(result, file, layout)
    file.flush()
