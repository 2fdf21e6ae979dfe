"""The answers to an assistant, each a document about one release. They run in a process of their own: see child.py.

Every document begins with the release that it is of; what was simulated says so there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import QueryRefused
from ingest.home import Home, nothing_published
from serving.mcp import limits
from serving.query.questions import questions
from serving.units import unit_of
from warehouse.published_table import IN_RELEASE
from warehouse.sql import quoted, text

if TYPE_CHECKING:
    import duckdb

Document = dict[str, Any]

_GRAIN: Final = r"(?:^|\s)(One row per [^.]*)\."
MENTIONS: Final = 60
QUESTIONS: Final = 4


def list_marts(home: Home) -> Document:
    """Return every table with its grain, rows, newest period, and whether it can be read as of a moment."""
    with _opened(home) as (con, release):
        found = _records(
            con,
            rf"""
            select t.schema_name || '.' || t.table_name as "table", t.estimated_size as "rows",
                regexp_extract(t.comment, '^(SIMULATED\. )?(.*?\.)(\s|$)', 2) as about,
                nullif(regexp_extract(t.comment, '{_GRAIN}', 1), '') as grain, a.is_readable as has_past
            from duckdb_tables() as t left join meta.as_of as a
                on t.schema_name = 'marts' and t.table_name = a.mart
            where t.database_name = 'tidegauge' order by all
            """,
        )
        return release | {"tables": found}


def describe(home: Home, table: str) -> Document:
    """Return what a table is: key, columns with units, inputs with their lags, newest row, an example."""
    from warehouse.asof import without_past

    with _opened(home) as (con, release):
        schema, name, comment = _table(con, table)
        columns = _records(
            con,
            "select column_name as name, lower(data_type) as type, comment as about from duckdb_columns()"
            f" where database_name = 'tidegauge' and schema_name = {text(schema)} and table_name = {text(name)}"
            " order by column_index",
        )
        for column in columns:
            column["unit"] = unit_of(column["name"])
        key = _key(con, name) if schema == "marts" else []
        past = without_past(con).get(name) if schema == "marts" else "is about this release"
        return release | {
            "table": f"{schema}.{name}",
            "about": comment,
            "key": key,
            "columns": columns,
            "newest": _newest(con, [f"{schema}.{name}"]),
            "as_of": f"cannot be read as of a moment: it {past}" if past else f"marts.{name} in the tool as_of",
            "inputs": _inputs(con, f"{schema}.{name}"),
            "example": _example(f"{schema}.{name}", key, [column["name"] for column in columns]),
        }


def search(home: Home, word: str) -> Document:
    """Return the tables, columns and macros whose name or description has `word`, and questions about it with SQL."""
    from serving.query.dictionary import mentions_of

    with _opened(home) as (con, release):
        found = _records(con, mentions_of(word))
        shown = found[:MENTIONS]
        cut = f"the first {MENTIONS} of {len(found)}: search for more of the word" if len(found) > MENTIONS else None
        asked = [one for one in questions() if word.lower() in f"{one.text} {one.sql} {one.note}".lower()]
        examples = [{"question": one.text, "sql": one.sql, "watch": one.note} for one in asked[:QUESTIONS]]
        return release | {"mentions": shown, "note": cut, "questions": examples}


def query(home: Home, sql: str, rows: int = limits.ROWS, moment: str | None = None) -> Document:
    """Return the rows of one SELECT, as of `moment` where one is given."""
    import duckdb

    from warehouse.asof import moment_of
    from warehouse.sandbox import explained, read_only_statements

    try:
        instant = None if moment is None else moment_of(moment)
    except ValueError as error:
        raise QueryRefused(str(error)) from None
    with _opened(home, instant) as (con, release):
        try:
            statements = read_only_statements(con, sql, is_as_of=instant is not None)
            if len(statements) != 1 or statements[0].kind == "quiet":
                raise QueryRefused("expected one SELECT that gives rows")
            tables = [] if instant else _read_tables(con, sql)
            con.execute(statements[0].parsed)
            answer = _rows(con, min(max(rows, 1), limits.MOST_ROWS))
            return release | answer | {"newest": _newest(con, tables)}
        except duckdb.OutOfMemoryException:
            raise QueryRefused(
                "the query needs more memory than an answer may take (1 GB): ask for fewer rows, or sum up"
            ) from None
        except duckdb.Error as error:
            raise QueryRefused(explained(con, sql, error)) from None


def explain(home: Home, mart: str, key: Sequence[str], column: str) -> Document:
    """Return where a cell comes from: formula, inputs with both clocks, and the archived bytes of each."""
    from ingest.archive import Archive
    from serving.explain.archived import Answers
    from serving.explain.cell import explained
    from serving.explain.page import document

    with _opened(home) as (con, release):
        found = explained(con, mart, key, column)
    answers = Answers(Archive(home.archive))
    note = "Raw rows between a publisher's answer and the mart: `tidegauge explain` on the command line shows them."
    return release | document(found, [(one, answers.of(one)) for one in found.inputs]) | {"more": note}


def regime(home: Home) -> Document:
    """Return the newest regime: class, sentence, each dimension with its state and reason, and what was not known."""
    from serving.regime_now import regime_now

    with _opened(home) as (con, release):
        found = regime_now(con)
        if found is None:
            raise QueryRefused("this release has no regimes")
        return release | found


ANSWERS: Final[Mapping[str, Callable[..., Document]]] = {
    one.__name__: one for one in (list_marts, describe, search, query, explain, regime)
}


# -- the release ---------------------------------------------------------------------------------------------------


@contextmanager
def _opened(home: Home, moment: datetime | None = None) -> Iterator[tuple[duckdb.DuckDBPyConnection, Document]]:
    """Yield the published file, locked and limited, and the part of the document that says which release it is."""
    from warehouse.sandbox import opened

    if not home.published.exists():
        raise nothing_published(home)
    with opened(home.published, moment, limits.DUCKDB) as con:
        yield con, {"release": _release(con), "as_of_utc": moment}


def _release(con: duckdb.DuckDBPyConnection) -> Document:
    (found,) = _records(con, "select build_id, built_at, data_through_date, origin from tidegauge.meta.build")
    if found["origin"] != "LIVE":
        found["mark"] = f"{found['origin']}: these figures are not today's market; say so wherever you show them"
    found["age_hours"] = round((datetime.now(UTC).replace(tzinfo=None) - found["built_at"]).total_seconds() / 3600, 1)
    return found


# -- tables --------------------------------------------------------------------------------------------------------


def _table(con: duckdb.DuckDBPyConnection, table: str) -> tuple[str, str, str]:
    schema, _, name = table.rpartition(".")
    in_schema = f"schema_name = {text(schema)}" if schema else IN_RELEASE
    found = con.execute(
        "select schema_name, table_name, comment from duckdb_tables()"
        f" where database_name = 'tidegauge' and table_name = {text(name)} and {in_schema}"
    ).fetchone()
    if found is not None:
        return found
    near = con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'tidegauge'"
        f" order by jaro_winkler_similarity(table_name, {text(name)}) desc, table_name limit 3"
    ).fetchall()
    raise QueryRefused(f"there is no table {table}; near it: {', '.join(one for (one,) in near)}")


def _key(con: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    rows = con.execute(f"select column_name from meta.keys where mart = {text(mart)} order by key_position").fetchall()
    return [row[0] for row in rows]


def _read_tables(con: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Return the tables whose names stand in `sql`, those of a macro or view at a moment included."""
    from warehouse.sandbox import names_in

    words = {name.removesuffix("_as_of").removesuffix("_at") for name in names_in(sql)}
    found = con.execute(
        "select schema_name || '.' || table_name, table_name from duckdb_tables() where database_name = 'tidegauge'"
    ).fetchall()
    return sorted(path for path, name in found if name in words)


def _newest(con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> list[Document]:
    """Return the newest date and the newest moment of each of some tables, and how many days ago that date is."""
    from serving.explain.cell import PERIODS

    found = []
    for path in tables:
        schema, _, name = path.partition(".")
        there = {
            row[0]
            for row in con.execute(
                "select column_name from duckdb_columns() where database_name = 'tidegauge'"
                f" and schema_name = {text(schema)} and table_name = {text(name)}"
            ).fetchall()
        }
        period = next((one for one in PERIODS if one in there), None)
        wanted = [one for one in (period, "known_at" if "known_at" in there else None) if one]
        if not wanted:
            continue
        maxima = ", ".join(f"max({quoted(one)}) as {quoted(one)}" for one in wanted)
        (row,) = _records(con, f"select {maxima} from tidegauge.{schema}.{quoted(name)}")
        date_ = row.get(period) if period else None
        age = None if date_ is None else (datetime.now(UTC).date() - date_).days
        found.append({"table": path, "newest": row, "age_days": age})
    return found


def _inputs(con: duckdb.DuckDBPyConnection, path: str) -> list[Document]:
    """Return the series that a mart reads, with how late each is by rule and as measured, and how fresh it is."""
    return _records(
        con,
        f"""
        select s.series_id, s.title, s.frequency, s.unit, k.known_basis, k.rule_lag_median_days,
            k.measured_lag_median_days, f.state, f.data_through_date, f.expected_by_at
        from marts.series as s
        left join meta.freshness as f on f.series_id = s.series_id
        left join marts.knowledge as k on k.series_id = s.series_id and k.provider = f.provider
        where s.series_id in (select input_series_id from meta.lineage where table_path = {text(path)})
        order by s.series_id
        """,
    )


def _example(path: str, key: Sequence[str], columns: Sequence[str]) -> Document:
    """Return a question of docs/queries.md that reads the table, or the newest rows of it."""
    asked = next((one for one in questions() if path in one.marts), None)
    if asked is not None:
        return {"question": asked.text, "sql": asked.sql, "watch": asked.note}
    chosen = ", ".join(dict.fromkeys([*key, *columns[:6]]))
    order = f" order by {key[0]} desc" if key else ""
    return {"question": "What is newest?", "sql": f"select {chosen} from {path}{order} limit 5", "watch": None}


# -- rows ----------------------------------------------------------------------------------------------------------


def _records(con: duckdb.DuckDBPyConnection, sql: str) -> list[Document]:
    found = con.execute(sql)
    names = [name for name, *_ in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _rows(con: duckdb.DuckDBPyConnection, most: int) -> Document:
    """Return columns with units, and rows up to the limits; say what was left out."""
    from serving.query.exports import json_text
    from serving.query.results import distinct

    described = con.description or []
    names = distinct([str(name) for name, *_ in described])
    columns = [
        {"name": name, "type": str(kind).lower(), "unit": unit_of(name)}
        for name, (_, kind, *_) in zip(names, described, strict=True)
    ]
    rows: list[list[Any]] = []
    room, note = limits.CHARACTERS, None
    while (row := con.fetchone()) is not None:
        if len(rows) == most:
            note = f"cut after {most} rows: there are more. Sum up in SQL, filter, or ask for up to {limits.MOST_ROWS}"
            break
        cells = [_cell(value) for value in row]
        room -= sum(len(json_text(cell)) + 2 for cell in cells)
        if room < 0:
            note = f"cut after {len(rows)} rows, at {limits.CHARACTERS:,} characters: ask for fewer columns or rows"
            break
        rows.append(cells)
    return {"columns": columns, "rows": rows, "is_cut": note is not None, "note": note}


def _cell(value: Any) -> Any:
    """Return a value; a long text up to the limit, with how much of it there is."""
    if isinstance(value, (str, bytes, bytearray, list, dict)):
        from serving.query.results import plain_text

        told = value if isinstance(value, str) else plain_text(value)
        if len(told) > limits.CELL_CHARACTERS:
            return f"{told[: limits.CELL_CHARACTERS]}… ({len(told):,} characters)"
    return value
