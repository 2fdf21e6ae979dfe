"""The raw tables are written down twice, as DDL and as dbt sources: neither may say what the other does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingest.catalog import SOURCES
from tests.manifest.conftest import DBT_PROJECT

DECLARED = DBT_PROJECT / "models" / "staging" / "__sources.yml"


@pytest.fixture(scope="module")
def declared() -> list[dict[str, Any]]:
    return yaml.safe_load(DECLARED.read_text(encoding="utf-8"))["sources"]


def test_columns_and_types_are_those_of_the_schema(declared, empty_warehouse: Path):
    with duckdb.connect(str(empty_warehouse)) as con:
        rows = con.execute(
            "select schema_name, table_name, column_name, lower(data_type) from duckdb_columns() where not internal"
            " order by schema_name, table_name, column_index"
        ).fetchall()
    schema: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema_name, table, column, kind in rows:
        schema.setdefault((schema_name, table), []).append((column, kind))
    for source in declared:
        assert source["schema"] == source["name"]
        for table in source["tables"]:
            columns = [(column["name"], column["data_type"]) for column in table["columns"]]
            assert columns == schema[source["name"], table["name"]], f"{source['name']}.{table['name']}"


def test_every_source_of_the_catalog_is_declared(declared):
    names = [source["name"] for source in declared]
    assert set(SOURCES) <= set(names)
    assert len(names) == len(set(names))


def test_descriptions_of_raw_columns_are_the_comments_of_the_schema(declared, empty_warehouse: Path):
    with duckdb.connect(str(empty_warehouse)) as con:
        comments = dict(
            con.execute(
                "select column_name, comment from duckdb_columns()"
                " where schema_name = 'fred' and table_name = 'observations'"
            ).fetchall()
        )
    fred = next(source for source in declared if source["name"] == "fred")
    said = {column["name"]: column["description"].replace("'", '"') for column in fred["tables"][0]["columns"]}
    assert said == {name: comment.replace("'", '"') for name, comment in comments.items()}
