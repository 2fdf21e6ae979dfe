"""BI tools that read the catalog through SQLAlchemy find every published table, with the versions that are pinned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, MetaData, Table, create_engine, inspect, select, text

from tests.unit.query_home import publish_small


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    published = tmp_path / "tidegauge.duckdb"
    publish_small(published)
    made = create_engine(f"duckdb:///{published}", connect_args={"read_only": True})
    yield made
    made.dispose()


def test_every_table_and_view_is_reflected(engine: Engine):
    inspector = inspect(engine)
    for schema, tables, views in (
        ("marts", ["carry_daily", "knowledge"], ["carry_daily_at"]),
        ("meta", ["as_of", "build"], []),
    ):
        assert sorted(inspector.get_table_names(schema=schema)) == tables
        assert sorted(inspector.get_view_names(schema=schema)) == views
        for name in [*tables, *views]:
            columns = inspector.get_columns(name, schema=schema)
            assert columns
            table = Table(name, MetaData(), schema=schema, autoload_with=engine)
            assert [column.name for column in table.columns] == [column["name"] for column in columns]
            with engine.connect() as connection:
                rows = connection.execute(select(table)).all()
            assert len(pd.read_sql_table(name, engine, schema=schema)) == len(rows)
        reflected = MetaData()
        reflected.reflect(engine, schema=schema)
        assert sorted(reflected.tables) == [f"{schema}.{name}" for name in tables]


def test_comments_come_along(engine: Engine):
    inspector = inspect(engine)
    assert str(inspector.get_table_comment("carry_daily", schema="marts")["text"]).startswith("carry_daily, one row")
    assert next(column["comment"] for column in inspector.get_columns("carry_daily", schema="marts")) == (
        "The NYSE session"
    )


def test_the_plain_way_needs_no_reflection(engine: Engine):
    sql = "select table_schema, table_name, column_name, data_type from information_schema.columns order by all"
    with engine.connect() as connection:
        found = connection.execute(text(sql)).all()
    assert ("marts", "carry_daily", "carry_2y_bp", "DOUBLE") in found
