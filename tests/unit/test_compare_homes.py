"""Two homes compared table by table: what differs is named, what only names a run does not count."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from scripts.compare_homes import compared


def home(folder: Path, value: float, *, loaded_at: str, is_extra: bool = False) -> Path:
    (folder / "build").mkdir(parents=True)
    (folder / "published").mkdir()
    with duckdb.connect(str(folder / "build" / "warehouse.duckdb")) as con:
        con.execute("create schema fred; create schema ops")
        con.execute(f"create table fred.observations as select 'x' as id, {value} as value, '{loaded_at}' as loaded_at")
        con.execute(f"insert into fred.observations values ('y', 2.0, '{loaded_at}')")
        con.execute(f"create table ops.runs as select '{loaded_at}' as at")
    with duckdb.connect(str(folder / "published" / "tidegauge.duckdb")) as con:
        con.execute("create schema marts; create table marts.carry_daily as select 1 as session_date, null as carry_bp")
        if is_extra:
            con.execute("alter table marts.carry_daily add column reason varchar")
    return folder


@pytest.mark.parametrize(("value", "is_same"), [(1.0, True), (1.5, False)])
def test_rows_are_compared_without_what_names_the_run(tmp_path: Path, value: float, is_same: bool) -> None:
    before = home(tmp_path / "a", 1.0, loaded_at="2026-01-01")
    after = home(tmp_path / "b", value, loaded_at="2026-01-02")
    found = {one.table: one for one in compared(before, after)}
    assert found.keys() == {"fred.observations", "marts.carry_daily"}
    assert found["fred.observations"].rows == (2, 2)
    assert found["fred.observations"].is_same is is_same
    assert found["marts.carry_daily"].is_same


def test_a_column_of_one_side_only_is_a_difference_and_named(tmp_path: Path) -> None:
    before = home(tmp_path / "a", 1.0, loaded_at="2026-01-01")
    after = home(tmp_path / "b", 1.0, loaded_at="2026-01-01", is_extra=True)
    (mart,) = [one for one in compared(before, after) if one.table == "marts.carry_daily"]
    assert (mart.only_before, mart.only_after, mart.is_same) == ((), ("reason",), False)
    assert mart.hashes[0] == mart.hashes[1]


def test_a_table_of_one_side_only_is_a_difference(tmp_path: Path) -> None:
    before = home(tmp_path / "a", 1.0, loaded_at="2026-01-01")
    after = home(tmp_path / "b", 1.0, loaded_at="2026-01-01")
    with duckdb.connect(str(after / "published" / "tidegauge.duckdb")) as con:
        con.execute("create table marts.new_daily as select 1 as x")
    (new,) = [one for one in compared(before, after) if one.table == "marts.new_daily"]
    assert (new.rows, new.is_same) == ((None, 1), False)
