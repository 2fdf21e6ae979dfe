"""What the search of the first page looks through: each table, column, series and macro, with its page."""

from __future__ import annotations

from typing import Final

import duckdb

from serving.dictionary.facts import Facts
from serving.dictionary.words import register_ids, without_mark
from serving.query.dictionary import mentions_of

Entry = list[str]
"""Kind, name, where it is, unit, what it says, register rows, address."""

AS_OF_ENDS: Final = ("_as_of", "_at")
"""The macros and views that each mart has; its page says them."""


def entries(con: duckdb.DuckDBPyConnection, facts: Facts) -> list[Entry]:
    """Return everything that can be found, in the order in which equals are shown."""
    found: list[Entry] = []
    for one in facts.series:
        row = one.row
        said = f"{row['title']}. {row['publisher']}; {row['provider_codes'] or ''}"
        found.append(
            ["series", one.id, row["frequency"], row["unit"], said, " ".join(one.registers), f"series/{one.id}.html"]
        )
    for table in facts.tables:
        page = f"tables/{table.path}.html"
        found.append(["table", table.name, table.schema, "", table.description, " ".join(table.registers), page])
        found += [
            ["column", one.name, table.path, one.unit, one.description, "", f"{page}#{one.name}"]
            for one in table.columns
        ]
    for place, kind, said in con.execute(mentions_of("")).fetchall():
        name = place.rpartition(".")[2]
        if kind == "macro" and not name.endswith(AS_OF_ENDS):
            found.append(["macro", name, place.rpartition(".")[0], "", without_mark(said), "", ""])
    return found


def register_index(facts: Facts) -> dict[str, list[tuple[str, str]]]:
    """Return the rows of the indicator register, each with the tables and series that serve it: name and address."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table in facts.tables:
        for row in table.registers:
            found.setdefault(row, []).append((table.name, f"tables/{table.path}.html"))
        for column in table.columns:
            address = f"tables/{table.path}.html#{column.name}"
            for row in register_ids(column.description):
                found.setdefault(row, []).append((f"{table.name}.{column.name}", address))
    for one in facts.series:
        for row in one.registers:
            found.setdefault(row, []).append((one.id, f"series/{one.id}.html"))
    return dict(sorted(found.items()))
