"""A small published file for the page: several rows a date, vintages, states, rows without dates, hostile names."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingest.home import Home
from tests.unit.query_home import publish_small

HOSTILE_MART = 'we;ird ~"mart'
HOSTILE_COLUMN = "a\"b'c;d=e"
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"

_MORE = """
create table meta.keys (mart varchar, key_position integer, column_name varchar);
insert into meta.keys values
    ('carry_daily', 1, 'session_date'), ('knowledge', 1, 'series_id'), ('breadth_daily', 1, 'universe'),
    ('breadth_daily', 2, 'session_date'), ('vintages', 1, 'period_date'), ('vintages', 2, 'known_at'),
    ('regime_daily', 1, 'session_date');
create table meta.quality (asset varchar, check_name varchar, is_passed boolean, detail varchar);
create table meta.lineage (
    table_path varchar, column_name varchar, formula_text varchar, input_path varchar, input_column varchar,
    input_series_id varchar
);
create table marts.breadth_daily as
    select u as universe, date '2023-01-01' + i::integer as session_date, i + n * 100 as advances_count,
        i % 2 = 0 as is_thin, case when i < 5 then '=calm' else 'busy' end as state
    from range(10) as t(i), (values ('NDX', 1), ('SPX', 2)) as v(u, n);
create table marts.vintages as select * from (values
    (date '2023-01-01', timestamp '2023-01-02', 1.0, 'bp'), (date '2023-01-01', timestamp '2023-02-02', 1.5, 'bp'),
    (date '2023-02-01', timestamp '2023-02-02', 2.0, 'bp')
) as t(period_date, known_at, value, unit);
create table marts.regime_daily as
    select date '2023-01-01' + i::integer as session_date,
        case when i < 60 then 'CALM' else 'CRISIS' end as regime_class
    from range(90) as t(i);
"""


def explorable(root: Path, build_id: str = "b1", level: float | None = None) -> Home:
    """Return a home with the file; `level` is every value of the carry."""
    home = Home(root)
    publish_explorable(home.published, build_id, level)
    return home


def publish_explorable(path: Path, build_id: str = "b1", level: float | None = None) -> None:
    publish_small(path, build_id)
    path.chmod(0o644)
    mart, column = HOSTILE_MART.replace('"', '""'), HOSTILE_COLUMN.replace('"', '""')
    with duckdb.connect(str(path)) as con:
        con.execute(_MORE)
        con.execute(
            f"create table marts.\"{mart}\" as select date '2023-01-01' as day, 7.5 as \"{column}\", 'x' as tag"
        )
        con.execute(f'comment on column marts."{mart}"."{column}" is \'SIMULATED. Percent; {SCRIPT}\'')
        if level is not None:
            con.execute("update marts.carry_daily set carry_2y_bp = ?", [level])
    path.chmod(0o444)
