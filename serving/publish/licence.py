"""The licence gate: what may not be passed on stays here, and what stayed is listed.

A series of class `restricted` is left out where its figures are: rows of tables by series, and columns whose every
number is one such figure. meta.lineage says which these are: the series is taken as it is (rounded, carried, chosen, in
another unit, at a rate of exchange), through however many tables. What is made of several figures stays: changes,
spreads between series, sums, scores, regimes. Figures that JSON and sentences quote are taken out of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import duckdb

from ingest.errors import TargetUnusable
from serving.publish.quoted_figures import figures_in, unquoted, without_figures
from serving.publish.release import Column, Table, has_table
from warehouse.sql import one, quoted, text

RESTRICTED: Final = "restricted"
_RATE: Final = "rate"
_SERIES: Final = "series_id"
_JSON: Final = "_json"
_TEXT: Final = "_text"
_NO_FIGURE: Final = ("_days", "_count")
_NAMES_A_COLUMN: Final = {"marts.regime_known_episodes": "expected_text"}
"""Tables by what their rows are about: the text that names the column."""
_SAYS_WHAT_HAPPENED: Final = {
    "meta.quality": "detail",
    "meta.checks": "detail",
    "meta.sources": "error_text",
    "meta.acceptances": "reason",
}
"""Texts that may quote a figure beside the name of its series."""
_ASKED_BY: Final = "evidence_sql"
"""The query that gives the figures of a row: where it names a restricted series they are left out."""
_ASKED: Final = ("known_then_number", "known_now_number", "evidence_number")


class LeftOut(NamedTuple):
    """Something that did not go out: rows of a table, a column of it, or figures inside a column's texts."""

    table_path: str
    what: str
    column_name: str | None
    series_ids: str
    rows_count: int


@dataclass(frozen=True, slots=True)
class Gated:
    """The tables that go out, and what of them does not."""

    tables: tuple[Table, ...]
    left_out: tuple[LeftOut, ...]
    includes_restricted: bool
    personal_count: int


class _Edge(NamedTuple):
    table: str
    column: str
    input_path: str
    input_column: str | None
    series: str | None
    use: str


def gate(con: duckdb.DuckDBPyConnection, tables: list[Table], *, include_restricted: bool) -> Gated:
    """Return what of `tables` may go out; TargetUnusable where the file does not say what is restricted."""
    if not has_table(con, "marts", "series"):
        raise TargetUnusable("the published file has no marts.series, which says what may be passed on: nothing was")
    personal = int(one(con, "select count(*) from marts.series where licence = 'personal_use'"))
    query = f"select series_id, provider_codes from marts.series where licence = {text(RESTRICTED)} order by 1"
    restricted = dict(con.execute(query).fetchall())
    if include_restricted or not restricted:
        return Gated(tuple(tables), (), includes_restricted=include_restricted, personal_count=personal)
    columns = restricted_columns(con, tables, set(restricted))
    names = _Names(con, restricted, columns)
    found, left_out = [], []
    for table in tables:
        gone = {
            column.name: columns[table.path, column.name]
            for column in table.columns
            if (table.path, column.name) in columns
        }
        left = table.without(set(gone))
        left_out += [
            LeftOut(table.path, "column", name, ", ".join(sorted(ids)), table.counted(con))
            for name, ids in gone.items()
        ]
        left, rows = _without_rows(con, left, names)
        left, texts = _without_quotes(con, left, names)
        left_out += [*rows, *texts]
        found.append(left)
    return Gated(tuple(found), tuple(left_out), includes_restricted=False, personal_count=personal)


# -- columns -------------------------------------------------------------------------------------------------------


def restricted_columns(
    con: duckdb.DuckDBPyConnection, tables: list[Table], restricted: set[str]
) -> dict[tuple[str, str], set[str]]:
    """Return the columns whose every number is a figure of a restricted series, with the series."""
    numbers = {(table.path, column.name) for table in tables for column in table.columns if column.is_number}
    edges = [edge for edge in _edges(con) if (edge.table, edge.column) in numbers]
    rates = {row[0] for row in con.execute("select series_id from marts.series where unit = ?", [_RATE]).fetchall()}
    scaled: dict[tuple[str, str], list[_Edge]] = {}
    for edge in edges:
        if edge.use == "scaled":
            scaled.setdefault((edge.table, edge.column), []).append(edge)
    found: dict[tuple[str, str], set[str]] = {}
    size = -1
    while size != (size := sum(map(len, found.values()))):
        for edge in edges:
            series = (
                {edge.series} & restricted if edge.series else found.get((edge.input_path, edge.input_column or ""))
            )
            if series and (edge.use == "copy" or _is_converted(edge, scaled, rates)):
                found.setdefault((edge.table, edge.column), set()).update(series)
    # what no SQL made has no lineage; the same name is the same thing in the same unit
    named = {column: series for (_, column), series in found.items()}
    return found | {(path, name): named[name] for path, name in numbers if name in named}


def _edges(con: duckdb.DuckDBPyConnection) -> list[_Edge]:
    try:
        rows = con.execute(
            "select table_path, column_name, input_path, input_column, input_series_id, input_use from meta.lineage"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        raise TargetUnusable(
            "meta.lineage of the published file does not say how columns use their inputs (an older version wrote it): "
            "what is restricted cannot be told. Run `tidegauge publish` first, or give --include-restricted"
        ) from None
    return [_Edge(*row) for row in rows]


def _is_converted(edge: _Edge, scaled: Mapping[tuple[str, str], list[_Edge]], rates: set[str]) -> bool:
    """Say whether a figure is only expressed in another currency: all that it is multiplied with are exchange rates."""
    if edge.use != "scaled":
        return False
    others = [other for other in scaled[edge.table, edge.column] if other is not edge]
    return bool(others) and all(
        other.series in rates if other.series else (other.input_column or "").endswith(f"_{_RATE}") for other in others
    )


# -- rows and texts ------------------------------------------------------------------------------------------------


class _Names:
    """What a restricted figure may be called: its series, the codes of its providers, the columns that show it."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        restricted: Mapping[str, str | None],
        columns: Mapping[tuple[str, str], set[str]],
    ) -> None:
        self.series = sorted(restricted)
        self.columns = sorted({column for _, column in columns})
        codes = {code for codes in restricted.values() for code in re.split(r"[,\s]+", codes or "") if len(code) > 2}
        self.listed = ", ".join(text(one) for one in self.series)
        self._everything = frozenset({*self.series, *self.columns})
        self.pattern = _pattern({*self._everything, *codes})
        con.create_function("without_restricted", self._without, ["VARCHAR"], "VARCHAR")
        con.create_function("unquoted_restricted", self._unquoted, ["VARCHAR", "VARCHAR"], "VARCHAR")

    def _without(self, held: str) -> str:
        return without_figures(held, self._everything)

    def _unquoted(self, sentence: str, held: str) -> str:
        return unquoted(sentence, figures_in(held, self._everything))


def _pattern(names: set[str]) -> str:
    return r"(^|[^\w])(" + "|".join(sorted(map(re.escape, names))) + r")($|[^\w])"


def _without_rows(con: duckdb.DuckDBPyConnection, table: Table, names: _Names) -> tuple[Table, list[LeftOut]]:
    """Return the table without the rows of restricted series, and what these were."""
    told = _NAMES_A_COLUMN.get(table.path)
    if _SERIES in table.names and any(
        column.kind == "DOUBLE" and not column.name.endswith(_NO_FIGURE) for column in table.columns
    ):
        gone, series = (
            f"coalesce({_SERIES} in ({names.listed}), false)",
            f"string_agg(distinct {_SERIES}, ', ' order by {_SERIES})",
        )
    elif told in table.names and names.columns:
        gone = f"coalesce(regexp_matches({told}, {text(_pattern(set(names.columns)))}), false)"
        series = f"string_agg(distinct regexp_extract({told}, {text(_pattern(set(names.columns)))}, 2), ', ')"
    else:
        return table, []
    count, found = con.execute(f"select count(*), {series} from {table.source} where {gone}").fetchall()[0]
    if not count:
        return table, []
    return replace(table, where=f"not ({gone})"), [LeftOut(table.path, "rows", None, found, count)]


def _without_quotes(con: duckdb.DuckDBPyConnection, table: Table, names: _Names) -> tuple[Table, list[LeftOut]]:
    """Return the table with texts that no longer quote restricted figures, and in how many rows they did.

    What a query asked of a restricted series is left out of its row in the same way.
    """
    columns, left_out = list(table.columns), []
    for place, column in enumerate(table.columns):
        sql = next(_unquoting(table, column, names), None)
        if sql is None:
            continue
        differs = f"{sql} is distinct from {quoted(column.name)}"
        count = int(one(con, f"select count(*) from {table.source} where {table.where} and {differs}"))
        if count:
            columns[place] = column._replace(sql=sql)
            what = "figures" if column.is_number else "figures in texts"
            left_out.append(LeftOut(table.path, what, column.name, "", count))
    return replace(table, columns=tuple(columns)), left_out


def _unquoting(table: Table, column: Column, names: _Names) -> Iterator[str]:
    """Yield the SQL of a column of texts that may quote a figure."""
    name = quoted(column.name)
    if column.name in _ASKED and _ASKED_BY in table.names:
        yield f"case when regexp_matches({quoted(_ASKED_BY)}, {text(names.pattern)}) then null else {name} end"
    held = next((quoted(one.name) for one in table.columns if one.name.endswith(_JSON) and "input" in one.name), None)
    if column.kind != "VARCHAR":
        return
    if column.name.endswith(_JSON):
        yield f"without_restricted({name})"
    elif held is not None and column.name.endswith(_TEXT):
        yield f"coalesce(unquoted_restricted({name}, {held}), {name})"
    elif _SAYS_WHAT_HAPPENED.get(table.path) == column.name:
        told = text("left out: it names a series that may not be passed on")
        quotes = f"regexp_matches({name}, {text(names.pattern)}) and regexp_matches({name}, '[0-9]')"
        yield f"case when {quotes} then {told} else {name} end"
