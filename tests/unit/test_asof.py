"""Moments as people write them, and how a mart is read at one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from docs.generate import without_as_of
from tests.unit.query_home import publish_small
from warehouse.asof import AsOf, as_of_queries, moment_of, new_york_statements
from warehouse.declared_tables import DeclaredTable


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-03-10 09:15 America/New_York", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 09:15", datetime(2023, 3, 10, 14, 15)),  # New York where nothing is said
        ("2023-07-10 09:15", datetime(2023, 7, 10, 13, 15)),
        ("2023-03-10", datetime(2023, 3, 10, 5, 0)),
        ("2023-03-10T14:15Z", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 09:15:30-05:00", datetime(2023, 3, 10, 14, 15, 30)),
        ("2023-03-10 14:15 UTC", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 23:15 Asia/Tokyo", datetime(2023, 3, 10, 14, 15)),
        ("2023-11-05 01:30", datetime(2023, 11, 5, 5, 30)),  # twice that night: the first
    ],
)
def test_moments(text: str, moment: datetime):
    assert moment_of(text) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2023-03-12 02:30", "does not exist"),
        ("2023-03-10 09:15 Mars", "no time zone"),
        ("2023-03-10 09:15 America", "no time zone"),
        ("yesterday", "is no moment"),
        ("", "is no moment"),
    ],
)
def test_what_is_no_moment(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        moment_of(text)


def table(name: str, *columns: str) -> DeclaredTable:
    return DeclaredTable("marts", name, "A mart.", tuple((column, "timestamp", "C.") for column in columns))


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("timestamp '2026-03-02 12:00:00'", 1),
        ("'2026-03-02 12:00:00'", 1),
        ("date '2026-03-03'", 2),
        ("timestamptz '2026-03-02 20:00:00-05'", 2),
        ("timestamptz '2026-03-02 20:00:00-03'", 1),
        ("null", 0),
        ("'2026-03-02 20:00:00-05'", 2),  # a text with a zone is an instant, too
        ("'2026-03-02 20:00:00-03'", 1),
        ("'2026-03-03 08:59+09'", 1),  # and needs no seconds
        ("'2026-03-03T09:00+09:00'", 2),
        ("'2026-03-02 18:59 America/New_York'", 1),
        ("'2026-03-02 19:00 America/New_York'", 2),
        ("'2026-03-02 23:59Z'", 1),
        ("'2026-03-02 23:59'", 1),
        ("marts.new_york('2026-03-02 18:59')", 1),
        ("marts.new_york('2026-03-02 19:00')", 2),
        ("marts.new_york(timestamp '2026-03-02 19:00:00')", 2),
        ("marts.new_york(date '2026-03-02')", 1),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_moments_in_sql_are_utc_and_zoned_ones_are_instants(moment: str, count: int, zone: str):
    select = as_of_queries(duckdb.connect(), [table("m", "known_at")])[0].select
    with duckdb.connect() as con:
        con.execute(f"set timezone = '{zone}'")
        con.execute("create schema marts; create schema meta; create table meta.build as select 'x' as build_id")
        con.execute(
            "create table marts.m as select unnest([timestamp '2026-03-02', timestamp '2026-03-03']) as known_at"
        )
        for statement in [*new_york_statements(), *AsOf("m", select, "How.", (("known_at", "C."),)).statements("x")]:
            con.execute(statement)
        assert con.execute(f"select count(*) from marts.m_as_of({moment})").fetchone() == (count,)
        con.execute(f"set variable as_of = {moment}")
        assert con.execute("select count(*) from marts.m_at").fetchone() == (2 if moment == "null" else count,)
        con.execute("reset variable as_of")
        assert con.execute("select count(*) from marts.m_at").fetchone() == (2,)


def test_a_mart_at_a_moment_has_the_columns_of_the_mart_in_their_order():
    select = "select 2.0 as close_usd, date '2026-03-02' as session_date"
    with duckdb.connect() as con:
        con.execute("create schema marts; create schema meta; create table meta.build as select 'x' as build_id")
        for statement in AsOf("m", select, "How.", (("session_date", "C."), ("close_usd", "C."))).statements("x"):
            con.execute(statement)
        for way in ("marts.m_as_of('2026-03-02')", "marts.m_at"):
            assert [column for column, *_ in con.execute(f"select * from {way}").description] == [
                "session_date",
                "close_usd",
            ]


UNTYPED = ["null", "null::integer", "null::varchar", "null::date", "null::timestamp", "null::timestamptz"]


@pytest.mark.parametrize("nothing", UNTYPED)
def test_a_null_moment_is_the_newest_in_every_view(nothing: str, tmp_path: Path):
    publish_small(tmp_path / "tidegauge.duckdb")
    with duckdb.connect(str(tmp_path / "tidegauge.duckdb"), read_only=True) as con:
        con.execute(f"set variable as_of = {nothing}")
        assert con.execute("select count(*) from marts.carry_daily_at").fetchone() == (3,)


OPENED = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
macros = con.execute(
    "select function_name, comment from duckdb_functions() where schema_name = 'marts' and not internal order by all"
).fetchall()
asked = "select count(*) from marts.carry_daily_as_of(marts.new_york('2023-03-13 09:15'))"
con.execute("set variable as_of = null")
found = [con.execute(asked).fetchone()[0], con.execute("select count(*) from marts.carry_daily_at").fetchone()[0]]
con.execute("set variable as_of = marts.new_york('2023-03-13 09:15')")
found.append(con.execute("select count(*) from marts.carry_daily_at").fetchone()[0])
print(json.dumps([macros, found]))
"""


@pytest.mark.parametrize("driver", [None, Path(sys.prefix) / "duckdb-next"], ids=["this driver", "the next driver"])
def test_macros_say_what_they_are_in_every_driver(driver: Path | None, tmp_path: Path):
    if driver is not None and not driver.exists():
        pytest.skip(f"{driver} is not there: `make setup` puts the next driver beside the environment")
    publish_small(tmp_path / "tidegauge.duckdb")
    env = dict(os.environ) | ({"PYTHONPATH": str(driver)} if driver else {})
    command = [sys.executable, "-c", OPENED, str(tmp_path / "tidegauge.duckdb")]
    macros, found = json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert [name for name, _ in macros] == ["carry_daily_as_of", "new_york"]
    assert all(comment.startswith("SIMULATED. ") for _, comment in macros)
    assert found == [2, 3, 2]


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/bi.md"])
def test_the_pages_name_the_marts_without_a_past(page: str):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    named = re.search(r"cannot be read as of a moment: (.*?)\. ", text)
    assert named is not None, page
    assert set(re.findall(r"`(\w+)`", named[1])) == set(without_as_of())
