"""What Dagster's pages show of a table after a run: rows, newest day, and whether its figures are simulated.

Row counts of tables come from DuckDB's catalog and newest days from one query over all tables, so that a run pays
milliseconds. duckdb_columns() is not asked: it binds every view of the build file, which takes longer than the rest of
the step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from dagster import AssetExecutionContext, MetadataValue, Output

from warehouse.period_columns import PERIOD_COLUMNS
from warehouse.published_table import RELEASED

if TYPE_CHECKING:
    from ingest.dataset import Dataset
    from orchestration.session import Session

ROW_COUNT: Final = "dagster/row_count"
NEWEST_DAY: Final = "newest_day"

Facts = Mapping[str, dict[str, Any]]
"""By table, as "schema.name": what is shown."""

Step = Callable[[AssetExecutionContext], Iterator[Any]]

_DATED: Final = {name: re.compile(rf"\b{name} DATE\b") for name in PERIOD_COLUMNS}


def origin_of(session: Session) -> dict[str, Any]:
    """Return what is said of figures that are no market's; nothing of live ones."""
    origin = session.settings.origin
    more = ": these figures say nothing about any market" if origin == "SIMULATED" else ""
    return {} if origin == "LIVE" else {"origin": MetadataValue.text(f"{origin}{more}")}


def table_facts(session: Session, *schemas: str) -> Facts:
    """Return the facts of every table in some schemas of the build file."""
    tables = session.con.execute(
        "select schema_name || '.' || table_name, estimated_size, sql from duckdb_tables()"
        " where database_name = current_database() and list_contains($1, schema_name)",
        [list(schemas)],
    ).fetchall()
    origin = origin_of(session)
    found = {path: {ROW_COUNT: rows, **origin} for path, rows, _ in tables}
    found |= {path: {ROW_COUNT: rows, **origin} for path, rows in _rows_of_views(session, schemas)}
    dated = {path: day for path, _, sql in tables if (day := _period_of(sql))}
    if dated:
        asked = ", ".join(f"(select max({day}) from {path})" for path, day in dated.items())  # noqa: S608  # our names
        for path, day in zip(dated, session.con.execute(f"select {asked}").fetchone() or (), strict=True):
            if day is not None:
                found[path][NEWEST_DAY] = str(day)
    return found


def _rows_of_views(session: Session, schemas: Collection[str]) -> list[tuple[str, int]]:
    """Return the views that are in a release, as "schema.name", and how many rows each shows."""
    views = session.con.execute(
        "select schema_name || '.' || view_name from duckdb_views()"
        " where database_name = current_database() and list_contains($1, schema_name)",
        [[schema for schema in schemas if schema in RELEASED]],
    ).fetchall()
    counted = " union all ".join(f"select '{path}', count(*) from {path}" for (path,) in views)  # noqa: S608  # our names
    return session.con.execute(counted).fetchall() if counted else []


def rows_of(session: Session, table: Dataset) -> dict[str, Any]:
    """Return the row count of one raw table; nothing of one in daily files, which is a view."""
    if table.is_in_daily_files:
        return {}
    return {ROW_COUNT: session.con.execute(f"select count(*) from {table.id}").fetchall()[0][0]}  # noqa: S608  # our name


def _period_of(sql: str) -> str | None:
    """Return the column by which a table is dated, from the statement that creates it."""
    return next((name for name, shown in _DATED.items() if shown.search(sql)), None)


def with_facts(*schemas: str) -> Callable[[Step], Step]:
    """Return a decorator: what a step yields of its tables gets the facts of those of `schemas`.

    They are asked for once, with the first of these events: by then everything has been built.
    """

    def decorated(step: Step) -> Step:
        @wraps(step)
        def shown(context: AssetExecutionContext) -> Generator[Any, None, None]:
            session: Session = context.resources.session
            facts: Facts | None = None
            for event in step(context):
                if not isinstance(event, Output):
                    yield event
                    continue
                if facts is None:
                    with session.step():
                        facts = table_facts(session, *schemas)
                more = facts.get(".".join(context.asset_key_for_output(event.output_name).path), {})
                yield event.with_metadata({**event.metadata, **more}) if more else event

        return shown

    return decorated
