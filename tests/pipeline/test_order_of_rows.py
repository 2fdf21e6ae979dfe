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

SHUFFLES = (1, 2, 3)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def _tables(home: Home) -> list[tuple[str, str]]:
    """Return the tables of the dbt project, each after what it reads."""
    nodes = json.loads(next(home.dbt.glob("*/manifest.json")).read_text(encoding="utf-8"))["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    reads = {name: [one for one in node["depends_on"]["nodes"] if one in models] for name, node in models.items()}
    ordered = [models[name] for name in TopologicalSorter(reads).static_order()]
    return [(one["schema"], one["name"]) for one in ordered if one["config"]["materialized"] == "table"]


def _built(path: Path, tables: list[tuple[str, str]], shuffle: int | None) -> None:
    """Compute `tables` of the build file at `path` again, what they rest on put into another order first."""
    with duckdb.connect(path) as con:
        con.execute("set TimeZone = 'UTC'")
        texts = {
            (schema, name): text
            for schema, name, text in con.execute(
                "select schema_name, name, sql_text from intermediate.compiled"
            ).fetchall()
        }
        if shuffle is not None:
            for schema, name in _of_others(con, tables):
                con.execute(f'create temp table kept as from "{schema}"."{name}"')
                con.execute(f'delete from "{schema}"."{name}"')
                con.execute(f'insert into "{schema}"."{name}" from kept order by hash(kept, {shuffle})')
                con.execute("drop table kept")
        for schema, name in tables:
            if (schema, name) in texts:
                con.execute(f'create or replace table "{schema}"."{name}" as {texts[schema, name]}')


def _of_others(con: duckdb.DuckDBPyConnection, tables: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    found = con.execute("select schema_name, table_name from duckdb_tables() where not temporary").fetchall()
    return ((schema, name) for schema, name in found if (schema, name) not in tables and schema != "ops")


def _copy(home: Home, folder: Path) -> Path:
    folder.mkdir()
    return Path(shutil.copy(home.warehouse, folder))


def test_every_table_is_the_same_whatever_the_order_of_what_it_reads(demo_home: Path, tmp_path: Path) -> None:
    home = Home(demo_home)
    tables = _tables(home)
    expected = _copy(home, tmp_path / "as_it_lies")
    _built(expected, tables, None)

    differing = {}
    for shuffle in SHUFFLES:  # a sum that goes by the order is the same in one shuffle of two
        path = _copy(home, tmp_path / str(shuffle))
        _built(path, tables, shuffle)
        with duckdb.connect() as con:
            con.execute(f"attach '{expected}' as here (read_only)")
            con.execute(f"attach '{path}' as there (read_only)")
            for schema, name in tables:
                table = f'"{schema}"."{name}"'
                found = con.execute(
                    f"select count(*) from (from here.{table} except all from there.{table})"
                ).fetchone()
                if found != (0,):
                    differing[f"{schema}.{name}", shuffle] = found
        path.unlink()

    assert len(tables) > 70
    assert differing == {}
