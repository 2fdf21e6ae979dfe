"""The panel tables are written down in ingest/panel.py alone: dbt's sources and the build file say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from ingest.dataset import TABLES
from tests.manifest.conftest import DBT_PROJECT

DECLARED = DBT_PROJECT / "models" / "staging" / "panel" / "__panel_sources.yml"
TYPES = {
    pl.String(): "varchar",
    pl.Date(): "date",
    pl.Float64(): "double",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
}
RECORDED = ["known_at", "known_basis", "provider", "payload_sha256", "loaded_at", "run_id"]


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    """dbt's panel sources by schema.table."""
    sources = yaml.safe_load(DECLARED.read_text(encoding="utf-8"))["sources"]
    return {f"{source['schema']}.{table['name']}": table for source in sources for table in source["tables"]}


def test_sources_are_the_panel_tables(declared):
    ours = {name for name in declared if not name.startswith(("catalog.", "breadth."))}
    assert ours == {table.id for table in TABLES}
    for table in TABLES:
        said = declared[table.id]
        assert said["description"] == table.comment
        columns = [(column["name"], column["data_type"], column["description"]) for column in said["columns"]]
        defined = [(c.name, TYPES[c.dtype], c.comment) for c in (*table.keys, *table.values)]
        assert columns[: len(defined)] == defined, table.id
        assert [name for name, *_ in columns[len(defined) :]] == RECORDED, table.id


def test_sources_are_the_tables_of_the_build_file(declared, empty_warehouse: Path):
    with duckdb.connect(str(empty_warehouse)) as con:
        rows = con.execute(
            "select schema_name || '.' || table_name, column_name, lower(data_type) from duckdb_columns()"
            " where not internal order by schema_name, table_name, column_index"
        ).fetchall()
    for name, table in declared.items():
        columns = [(column["name"], column["data_type"]) for column in table["columns"]]
        held = [(column, kind) for of, column, kind in rows if of == name]
        assert columns == held, name
