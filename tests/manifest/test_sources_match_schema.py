"""What models read is declared as the build file has it, and the raw tables are as the registry declares them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from docs.from_registry import DBT_SOURCES, written
from ingest.dataset import DATASETS
from tests.manifest.conftest import DBT_PROJECT
from warehouse.snapshot_views import refresh_views

BY_HAND = DBT_PROJECT / "models" / "staging" / "__sources.yml"


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    """dbt's sources by schema.table."""
    sources = [
        source for path in (BY_HAND, DBT_SOURCES) for source in yaml.safe_load(path.read_text("utf-8"))["sources"]
    ]
    assert all(source["schema"] == source["name"] for source in sources)
    names = [source["name"] for source in sources]
    assert len(names) == len(set(names))
    return {f"{source['name']}.{table['name']}": table for source in sources for table in source["tables"]}


@pytest.mark.parametrize("path", written(), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path):
    assert path.read_text(encoding="utf-8") == written()[path], "run `make generate`"


def test_columns_and_types_are_those_of_the_build_file(declared, empty_warehouse: Path, tmp_path: Path):
    in_files = {table.id for table in DATASETS if table.is_in_daily_files}
    with duckdb.connect(str(shutil.copy(empty_warehouse, tmp_path))) as con:
        for table in (one for one in DATASETS if one.id in in_files):
            refresh_views(con, tmp_path, table)
        rows = con.execute(
            "select schema_name || '.' || table_name, column_name, lower(data_type), comment from duckdb_columns()"
            " where not internal order by schema_name, table_name, column_index"
        ).fetchall()
    for name, table in declared.items():
        held = [(column, kind) for of, column, kind, _ in rows if of == name]
        assert [(column["name"], column["data_type"]) for column in table["columns"]] == held, name
    raw = {table.id for table in DATASETS}
    assert raw <= declared.keys()
    for name in raw - in_files:  # a view's columns have no comments
        comments = [(column, comment) for of, column, _, comment in rows if of == name]
        assert [(column["name"], column["description"]) for column in declared[name]["columns"]] == comments, name
