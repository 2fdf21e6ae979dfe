"""What the published file says of itself, as SQL for the commands `tables`, `describe` and `search`."""

from __future__ import annotations

from typing import Final

from ingest.errors import QueryRefused
from ingest.home import Home, nothing_published
from warehouse.published_table import IN_RELEASE
from warehouse.sql import text

_HAS_PAST: Final = """
exists (
    from duckdb_views() as v
    where v.database_name = t.database_name and v.schema_name = 'marts' and v.view_name = t.table_name || '_at'
)
"""
TABLES: Final = rf"""
select
    schema_name || '.' || table_name as "table",
    estimated_size as "rows",
    column_count as "columns",
    case when schema_name <> 'marts' then '' when {_HAS_PAST} then 'yes' else 'no' end as as_of,
    regexp_extract(comment, '^(SIMULATED\. )?(.*?\.)(\s|$)', 2) as holds
from duckdb_tables() as t
where database_name = 'tidegauge' and {IN_RELEASE}
order by all
"""  # our own text


FRESHNESS: Final = """
select f.series_id, f.state, f.data_through_date, f.age_days, f.expected_period_date, f.expected_by_at, f.provider,
    s.title, f.last_error
from meta.freshness as f left join marts.series as s using (series_id)
order by
    array_position(['never', 'stale', 'late', 'ended', 'optional', 'fresh'], f.state), f.age_days desc nulls first,
    f.series_id
"""


def columns_of(home: Home, table: str) -> tuple[str, str]:
    """Return what `table` is, a name with or without its schema, and SQL that lists its columns.

    NothingPublished; QueryRefused names tables that come near when there is none of this name.
    """
    schema, _, name = table.rpartition(".")
    sql = f"""
        select column_name as "column", data_type as "type", comment as holds
        from duckdb_columns()
        where database_name = 'tidegauge' and table_name = {text(name)} and {_schema(schema)}
        order by schema_name, column_index
    """  # names are quoted
    return _told(home, schema, name), sql


def mentions_of(word: str) -> str:
    """Return SQL that lists tables, columns and macros whose name or description holds `word`."""
    return f"""
        with everything as (
            select schema_name || '.' || table_name as place, 'table' as kind, comment, 1 as rank
            from duckdb_tables() where database_name = 'tidegauge'
            union all
            select schema_name || '.' || function_name, 'macro', comment, 3
            from duckdb_functions() where database_name = 'tidegauge' and not internal
            union all
            select c.schema_name || '.' || c.table_name || '.' || c.column_name, lower(c.data_type), c.comment, 2
            from duckdb_columns() as c
            where c.database_name = 'tidegauge' and exists (
                from duckdb_tables() as t
                where t.database_name = 'tidegauge' and t.schema_name = c.schema_name and t.table_name = c.table_name
            )
        )
        select place, kind, comment as holds
        from everything
        where contains(lower(place || ' ' || coalesce(comment, '')), lower({text(word)}))
        order by rank, place
    """  # the word is quoted


def _told(home: Home, schema: str, name: str) -> str:
    from warehouse.asof import without_past
    from warehouse.sandbox import opened

    if not home.published.exists():
        raise nothing_published(home)
    with opened(home.published) as con:
        # No value is bound: for one DuckDB imports pandas, which takes longer than the answer.
        found = con.execute(
            f"""
            select schema_name || '.' || table_name, comment from (
                select database_name, schema_name, table_name, comment from duckdb_tables()
                union all
                select database_name, schema_name, view_name, comment from duckdb_views()
            )
            where database_name = 'tidegauge' and table_name = {text(name)} and {_schema(schema)}
            """
        ).fetchone()
        if found is not None:
            why = without_past(con).get(name) if found[0].startswith("marts.") else None
            no_past = f" It cannot be read as of a moment: it {why}." if why else ""
            return f"{found[0]}: {found[1] or 'no description'}{no_past}"
        near = con.execute(
            f"""
            select schema_name || '.' || table_name from duckdb_tables() where database_name = 'tidegauge'
            order by jaro_winkler_similarity(table_name, {text(name)}) desc, table_name limit 3
            """
        ).fetchall()
    asked = f"{schema}.{name}" if schema else name
    raise QueryRefused(f"there is no table {asked}; near it: {', '.join(one for (one,) in near)}")


def _schema(schema: str) -> str:
    return f"schema_name = {text(schema)}" if schema else IN_RELEASE
