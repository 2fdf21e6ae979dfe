"""No figure hangs on the order in which the rows lie that it is made of: a rebuild, a lake, a thread changes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pytest

from ingest.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _tables(home: Home) -> list[tuple[str, str]]:
    """Return the tables of the dbt project, each after what it reads."""
    nodes = json.loads(next(home.dbt.glob("*/manifest.json")).read_text(encoding="utf-8"))["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    reads = {name: [one for one in node["depends_on"]["nodes"] if one in models] for name, node in models.items()}
    ordered = [models[name] for name in TopologicalSorter(reads).static_order()]
    return [(one["schema"], one["name"]) for one in ordered if one["config"]["materialized"] == "table"]


def _built(path: Path, tables: list[tuple[str, str]], *, shuffled: bool) -> None:
    """Compute `tables` of the build file at `path` again, what they rest on put into another order first."""
    with duckdb.connect(path) as con:
        con.execute("set TimeZone = 'UTC'")
        texts = {
            (schema, name): text
            for schema, name, text in con.execute(
                "select schema_name, name, sql_text from intermediate.compiled"
            ).fetchall()
        }
        if shuffled:
            for schema, name in _of_others(con, tables):
                con.execute(f'create temp table kept as from "{schema}"."{name}"')
                con.execute(f'delete from "{schema}"."{name}"')
                con.execute(f'insert into "{schema}"."{name}" from kept order by hash(kept)')
                con.execute("drop table kept")
        for schema, name in tables:
            if (schema, name) in texts:
                con.execute(f'create or replace table "{schema}"."{name}" as {texts[schema, name]}')


def _of_others(con: duckdb.DuckDBPyConnection, tables: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    found = con.execute("select schema_name, table_name from duckdb_tables() where not temporary").fetchall()
    return ((schema, name) for schema, name in found if (schema, name) not in tables and schema != "ops")


def test_every_table_is_the_same_whatever_the_order_of_what_it_reads(demo_home: Path, tmp_path: Path) -> None:
    home = Home(demo_home)
    tables = _tables(home)
    paths = {name: tmp_path / name / home.warehouse.name for name in ("as_it_lies", "shuffled")}
    for name, path in paths.items():
        path.parent.mkdir()
        shutil.copy(home.warehouse, path)
        _built(path, tables, shuffled=name == "shuffled")

    with duckdb.connect() as con:
        for name, path in paths.items():
            con.execute(f"attach '{path}' as {name} (read_only)")
        differing = {}
        for schema, name in tables:
            here, there = (f'{catalog}."{schema}"."{name}"' for catalog in paths)
            (count,) = con.execute(f"select count(*) from (from {here} except all from {there})").fetchone() or (None,)
            if count:
                differing[f"{schema}.{name}"] = count

    assert len(tables) > 70
    assert differing == {}
