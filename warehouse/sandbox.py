"""SQL of a person on the published file: it can read that file, and nothing else of this machine or a network.

Three walls. The file is opened read-only. The connection may touch no other file, load no extension and change no
setting. And before anything runs, DuckDB's own parser says what each statement is: only those that read may run.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import duckdb

from ingest.errors import QueryRefused
from warehouse.asof import NO_PAST, VARIABLE, open_as_of, without_past
from warehouse.sql import text

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake

Kind = Literal["rows", "plan", "quiet"]

ALLOWED: Final = (
    "SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW TABLES, SUMMARIZE, PIVOT, UNPIVOT, EXPLAIN of these, and SET VARIABLE"
)
TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "icu_calendar_names", "json_each", "json_tree", "pg_timezone_names", "query_table", "range"}
    | {"repeat", "repeat_row", "summary", "test_all_types", "unnest"}
    | {f"duckdb_{what}" for what in ("columns", "constraints", "databases", "dependencies", "functions", "indexes")}
    | {f"duckdb_{what}" for what in ("keywords", "schemas", "sequences", "settings", "tables", "types", "views")}
    | {f"pragma_{what}" for what in ("database_size", "platform", "show", "storage_info", "table_info", "version")}
    | {"duckdb_variables", "pragma_user_agent"}
)
"""Table functions that only look at their arguments or at the open file; all others of the driver are refused."""
_ACTING_SCALARS: Final = frozenset({"getenv", "nextval", "setval", "write_log"})

_READING_WORDS: Final = frozenset({"from", "pivot", "pivot_wider", "select", "with", "("})
_WORD: Final = re.compile(r'"(?:[^"]|"")*"|[\w$]+')


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that may run: as DuckDB parsed it, and whether rows, a plan or nothing comes back."""

    parsed: Any
    kind: Kind


@contextmanager
def opened(
    published: Path, moment: datetime | None = None, limits: Sequence[str] = (), lake: Lake | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a locked connection to the published file; as of `moment` (aware) marts are then what they were.

    Names need no schema: those of marts are found before those of meta. `limits` are settings of ours, such as
    "memory_limit = '1GB'". With `lake` it is there as `lake`, as the release had it, and files of its data can
    be read.
    """
    with tempfile.TemporaryDirectory(prefix="tidegauge-query-") as folder:
        con = duckdb.connect(str(published), read_only=True) if moment is None else open_as_of(published, moment)
        try:
            for limit in limits:
                con.execute(f"set {limit}")
            if lake is not None:
                from warehouse.lake.reading import attach_release

                attach_release(con, lake)
                con.execute(f"set allowed_directories = [{text(lake.data)}]")
            _lock(con, folder, "marts,meta" if moment is None else "memory.marts,tidegauge.meta")
            yield con
        finally:
            con.interrupt()  # where Ctrl-C ended a query, its threads may still be at work, and close waits for them
            con.close()


def read_only_statements(con: duckdb.DuckDBPyConnection, sql: str, *, is_as_of: bool) -> list[Statement]:
    """Return the statements of `sql`; QueryRefused names the first that is not ALLOWED, or that calls too much."""
    parsed = con.extract_statements(sql)
    if not parsed:
        raise QueryRefused("there is no SQL to run")
    statements = [Statement(one, _kind(con, one, is_as_of=is_as_of)) for one in parsed]
    _refuse_functions(con, sql)
    return statements


def explained(con: duckdb.DuckDBPyConnection, sql: str, error: duckdb.Error) -> str:
    """Return what is wrong with `sql`, in words of ours where DuckDB's would send a person astray."""
    if isinstance(error, duckdb.CatalogException):
        lacking = without_past(con)
        for name in names_in(sql):
            mart = re.sub(r"_(as_of|at)$", "", name)
            if mart != name and mart in lacking:
                return f"there is no {name}: marts.{mart} {NO_PAST}: it {lacking[mart]}"
    said = str(error).strip()
    if NO_PAST in said:
        return said.removeprefix("Invalid Input Error: ")
    if 'Catalog "lake" does not exist' in said:
        return "these rows are in the lake: add --lake"
    if "disabled by configuration" in said or "disabled through configuration" in said:
        said += "\nOnly the published file can be read here."
    return said


def _lock(con: duckdb.DuckDBPyConnection, folder: str, search_path: str) -> None:
    for setting in (
        f"temp_directory = '{folder}'",  # by default it lies beside the published file
        "enable_progress_bar = false",  # it would stand among the rows on standard output
        "TimeZone = 'UTC'",
        f"search_path = '{search_path}'",
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        con.execute(f"set {setting}")


def _kind(con: duckdb.DuckDBPyConnection, statement: Any, *, is_as_of: bool) -> Kind:
    name: str = statement.type.name
    if name == "SELECT":
        return "rows"
    if name in {"CREATE", "MULTI"} and _is_pivot(statement):
        return "quiet" if name == "CREATE" else "rows"
    if name == "EXPLAIN":
        _refuse_unless_select(con, statement.query)
        return "plan"
    if name == "SET":
        _refuse_setting(statement.query, is_as_of=is_as_of)
        return "quiet"
    raise _refused(name)


def _refused(name: str) -> QueryRefused:
    more = ". To write rows into a file: --output FILE" if name in {"COPY", "EXPORT"} else ""
    return QueryRefused(f"{name.replace('_', ' ')} is not read-only. Allowed are {ALLOWED}{more}")


def _is_pivot(statement: Any) -> bool:
    """Say whether DuckDB made the statement itself of a PIVOT without IN.

    DuckDB 1.5 makes a CREATE TYPE, the only CREATE that has no text, and a SELECT of it; DuckDB 2 a MULTI of both.
    """
    if statement.type.name == "CREATE":
        return not statement.query.strip()
    words = [word.lower() for word, _ in _tokens(statement.query)]
    return words[0] in _READING_WORDS and not {"create", "insert", "update", "delete", "merge"} & set(words)


def _refuse_unless_select(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse to explain what could not run: EXPLAIN ANALYZE runs it."""
    rest = _after_words(query, {"explain", "analyze", "verbose"})
    try:
        inner = con.extract_statements(rest)
    except duckdb.Error:
        _, _, rest = rest.partition(")")  # EXPLAIN (ANALYZE, FORMAT JSON) …
        inner = con.extract_statements(rest)
    for one in inner:
        if one.type.name != "SELECT":
            raise _refused(f"EXPLAIN of {one.type.name}")


def _refuse_setting(query: str, *, is_as_of: bool) -> None:
    words = [word.strip('"').lower() for word, _ in _tokens(query)[:3]]
    if len(words) < 3 or words[1] != "variable":
        raise QueryRefused(f"settings are locked. Allowed are {ALLOWED}")
    if is_as_of and words[2] == VARIABLE:
        raise QueryRefused(f"as-of has its moment from the command line: SET VARIABLE {VARIABLE} is not for here")


def _refuse_functions(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse a call of a function that reads files, writes logs, saves profiles or runs SQL out of a text."""
    called = con.execute("select distinct function_name from duckdb_functions() where function_type = 'table'")
    refused = ({str(name) for (name,) in called.fetchall()} - TABLE_FUNCTIONS) | _ACTING_SCALARS
    tokens = _tokens(sql)
    for (word, _), (following, _) in pairwise(tokens):
        name = word.strip('"').lower()
        if following == "(" and name in refused:
            raise QueryRefused(f"{name}() is not for here: only the published file can be read")


def names_in(sql: str) -> list[str]:
    """Return the words of `sql` in lower case, without their quotes: names and keywords."""
    return [word.strip('"').lower() for word, _ in _tokens(sql)]


def _tokens(sql: str) -> list[tuple[str, int]]:
    """Return the words and signs of `sql` with the byte where each begins, by DuckDB's own lexer; comments left out."""
    body = sql.encode()
    found = [(start, kind) for start, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    tokens = []
    for start, kind in found:
        rest = body[start : start + 256].decode(errors="ignore")
        is_word = kind in {duckdb.token_type.identifier, duckdb.token_type.keyword}
        match = _WORD.match(rest) if is_word else None
        tokens.append((match[0] if match else rest[:1], start))
    return tokens


def _after_words(query: str, words: set[str]) -> str:
    for word, start in _tokens(query):
        if word.lower() not in words:
            return query.encode()[start:].decode()
    return ""
