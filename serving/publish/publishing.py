"""`tidegauge publish --to`: the published release as Parquet, CSV, a workbook or a schema of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import QueryRefused
from ingest.home import Home
from serving.publish.dictionary import add_tables
from serving.publish.folder import new_release, write_manifest
from serving.publish.licence import Gated, gate
from serving.publish.release import Build, Table, build_of, opened, tables_of

if TYPE_CHECKING:
    import duckdb

    from serving.publish.postgres import Target

FILES = ("parquet", "csv", "xlsx")
_INCLUDED = "Series of the licence class restricted are in it: it may not be passed on."
_PERSONAL = "{} series of the class personal_use are in it: for your own use, not for passing on."


@dataclass(frozen=True, slots=True)
class Copied:
    """What was written where: for a person, line by line."""

    build_id: str
    lines: tuple[str, ...]


def copy_to_folder(
    home: Home, form: str, out: Path, *, include_restricted: bool = False, only: Sequence[str] = ()
) -> Copied:
    """Write the release to `out/form`; `only` names tables. See `new_release` for what can go wrong."""
    with opened(home) as con:
        build = build_of(con)
        gated = gate(con, tables_of(con), include_restricted=include_restricted)
        gated = replace(gated, tables=tuple(_chosen(gated.tables, only)))
        tables = add_tables(con, gated, build)
        with new_release(out, form, build, home) as folder:
            entries, cut = _written(con, form, tables, folder, build, gated, only)
            more = {
                "includes_restricted": gated.includes_restricted,
                "left_out": [one._asdict() for one in gated.left_out],
                "not_whole": cut,
                "notes": _notes(gated),
            }
            write_manifest(folder, build, entries, more)
    count = f"{len(tables)} tables, release {build.build_id}"
    return Copied(build.build_id, (f"{build.mark}{out / form}: {count}", *cut, *told_of(gated)))


def copy_to_postgres(
    home: Home, target: Target, *, include_restricted: bool = False, tell: Callable[[str], None]
) -> Copied:
    """Load the release into a schema of PostgreSQL and put it in place; `tell` hears what is waited for."""
    from serving.publish.postgres import publish

    with opened(home) as con:
        build = build_of(con)
        gated = gate(con, tables_of(con), include_restricted=include_restricted)
        tables = add_tables(con, gated, build)
        lines = publish(con, tables, build, target, _notes(gated), tell)
    return Copied(build.build_id, (*lines, *told_of(gated)))


def told_of(gated: Gated) -> list[str]:
    """Return what of the licences a person should know, a line each."""
    by_table: dict[str, list[str]] = {}
    for one in gated.left_out:
        what = one.column_name if one.what == "column" else f"{one.rows_count:,} rows"
        by_table.setdefault(one.table_path, []).append(
            str(what) if one.what != "figures in texts" else f"figures in {one.column_name}"
        )
    lines = [f"left out of {table}: {', '.join(whats)}" for table, whats in by_table.items()]
    if lines:
        lines.append("What is left out is of restricted series; --include-restricted puts it in, for your own use.")
    return [*lines, *_notes(gated)]


def _notes(gated: Gated) -> list[str]:
    notes = [_INCLUDED] if gated.includes_restricted else []
    return [*notes, _PERSONAL.format(gated.personal_count)] if gated.personal_count else notes


def _chosen(tables: Sequence[Table], only: Sequence[str]) -> list[Table]:
    """Return the tables of these names, with or without a schema; QueryRefused for one that is not there."""
    if not only:
        return list(tables)
    known = {table.path for table in tables}
    for name in only:
        if name not in known and f"marts.{name}" not in known:
            raise QueryRefused(f"--table {name}: there is no such table; `tidegauge tables` lists them")
    wanted = {*only, *(f"marts.{name}" for name in only), "meta.build"}
    return [table for table in tables if table.path in wanted]


def _written(
    con: duckdb.DuckDBPyConnection,
    form: str,
    tables: Sequence[Table],
    folder: Path,
    build: Build,
    gated: Gated,
    only: Sequence[str],
) -> tuple[list[dict[str, Any]], list[str]]:
    if form == "parquet":
        from serving.publish.files import write_parquet

        return write_parquet(con, tables, folder, build), []
    if form == "csv":
        from serving.publish.files import write_csv

        return write_csv(con, tables, folder), []
    from serving.publish.workbook import write_workbook

    return write_workbook(con, tables, folder, build, only, told_of(gated))
