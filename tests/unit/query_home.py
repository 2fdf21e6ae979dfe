"""A home with a small published file: two marts by their clock, one without a past, comments, macros and views."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from warehouse.as_of_text import Compiled, keep_compiled
from warehouse.asof import AsOf, as_of_queries, new_york_statements
from warehouse.declared_tables import DeclaredTable

WHY = "says how well moments are known, from all that this file holds"

HOSTILE = "404: \x1b]0;owned\x07\x1b[2J\x9b31m rev\u202eersed \u2066iso\u2069 zero\u200bwidth :100: [red]x[/]"
"""What a body from outside may hold: escape sequences, a C1 introducer, direction overrides, pictures, markup."""


def table(name: str, *columns: tuple[str, str, str | None]) -> DeclaredTable:
    return DeclaredTable("marts", name, f"{name}, one row each. More of it.", columns)


CARRY = table(
    "carry_daily",
    ("session_date", "date", "The NYSE session"),
    ("carry_2y_bp", "double", "Basis points; US less Japanese 2-year yield"),
    ("known_at", "timestamp", "UTC; when it became known"),
)
KNOWLEDGE = table("knowledge", ("series_id", "varchar", "The series"), ("known_at", "timestamp", "UTC"))


def publish_small(path: Path, build_id: str = "b1") -> None:
    """Write the file as publication does: tables, comments, then what reads them at a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path), config={"storage_compatibility_version": "v1.0.0"}) as con:
        con.execute(
            f"""
            create schema marts; create schema meta;
            create table meta.build as select '{build_id}' as build_id, timestamp '2026-02-06 14:20:00' as built_at,
                'SIMULATED' as origin, true as is_simulated, date '2026-02-05' as data_through_date;
            create table marts.carry_daily as select * from (values
                (date '2023-03-10', 210.5::double, timestamp '2023-03-10 22:00:00'),
                (date '2023-03-13', 212.0, timestamp '2023-03-13 13:00:00'),
                (date '2023-03-14', -3.25, timestamp '2023-03-14 13:00:00')
            ) as t(session_date, carry_2y_bp, known_at);
            create table marts.knowledge as select 'usdjpy' as series_id, timestamp '2023-03-10 12:00:00' as known_at;
            """
        )
        for one in (CARRY, KNOWLEDGE):
            con.execute(f"comment on table {one.path} is '{one.comment}'")
            for column, _, comment in one.columns:
                con.execute(f"comment on column {one.path}.{column} is '{comment}'")
        for statement in new_york_statements("SIMULATED. "):
            con.execute(statement)
        keep_compiled(con, [Compiled("marts", "knowledge", {"none": WHY}, "")])
        queries: list[AsOf] = as_of_queries(con, [CARRY, KNOWLEDGE])
        con.execute("drop schema intermediate cascade")
        con.execute("create table meta.as_of (mart varchar, is_readable boolean, how_text varchar)")
        for query in queries:
            con.execute("insert into meta.as_of values (?, ?, ?)", [query.mart, bool(query.select), query.how])
            for statement in query.statements(build_id, "SIMULATED. "):
                con.execute(statement)
    path.chmod(0o444)


def tree(*roots: Path) -> dict[str, str]:
    """Return every path below `roots` with what is in it and how it may be used."""
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            held = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            found[str(path)] = f"{held} {path.stat().st_mode:o}"
    return found
