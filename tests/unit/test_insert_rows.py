"""Rows that are inserted many at a time are the rows that were handed over, in their order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from warehouse.sql import insert_rows


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 1000])
def test_every_row_arrives_once_whatever_their_number(count: int) -> None:
    con = duckdb.connect()
    con.execute("create table t (number bigint, name varchar, is_odd boolean, seen_at timestamp)")
    rows = [(number, f"it's {number}", bool(number % 2), datetime(2026, 1, 1)) for number in range(count)]
    insert_rows(con, "t", rows)
    assert con.execute("from t order by rowid").fetchall() == rows


def test_a_missing_value_may_stand_in_any_row_of_any_column() -> None:
    con = duckdb.connect()
    con.execute("create table t (number bigint, ratio double, name varchar, seen_at timestamp)")
    rows: list[tuple[Any, ...]] = [
        (None, None, None, None),
        (2**40, 0.5, "a", datetime(2026, 1, 1)),
        (1, 2, None, None),
    ]
    insert_rows(con, "t", rows)
    assert con.execute("from t order by rowid").fetchall() == rows


def test_rows_of_a_known_key_can_replace_those_there() -> None:
    con = duckdb.connect()
    con.execute("create table t (name varchar primary key, number bigint)")
    insert_rows(con, "t", [("a", 1), ("b", 2)])
    insert_rows(con, "t", [("b", 3), ("c", 4)], "insert or replace into")
    assert con.execute("from t order by name").fetchall() == [("a", 1), ("b", 3), ("c", 4)]
    with pytest.raises(duckdb.ConstraintException):
        insert_rows(con, "t", [("a", 5)])
