"""What models read is declared as the build file has it, and the raw tables are as the registry declares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from docs.from_registry import DBT_SOURCES, written
from ingest.dataset import DATASETS
from tests.manifest.conftest import DBT_PROJECT

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


def test_columns_and_types_are_those_of_the_build_file(declared, empty_warehouse: Path):
    with duckdb.connect(str(empty_warehouse)) as con:
        rows = con.execute(
            "select schema_name || '.' || table_name, column_name, lower(data_type), comment from duckdb_columns()"
            " where not internal order by schema_name, table_name, column_index"
        ).fetchall()
    for name, table in declared.items():
        held = [(column, kind) for of, column, kind, _ in rows if of == name]
        assert [(column["name"], column["data_type"]) for column in table["columns"]] == held, name
    raw = {table.id for table in DATASETS}
    assert raw <= declared.keys()
    for name in raw:
        comments = [(column, comment) for of, column, _, comment in rows if of == name]
        assert [(column["name"], column["description"]) for column in declared[name]["columns"]] == comments, name
