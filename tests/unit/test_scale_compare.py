"""The comparison of two homes finds every row that differs, and overlooks what may differ by nature alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingest.errors import HomeUnusable, NothingPublished
from ingest.home import Home
from orchestration.scale_demo import __main__ as scale_demo
from orchestration.scale_demo import by_nature, postgres
from orchestration.scale_demo.compare import Compared, compared, told

PUBLISHED = """
create schema marts; create schema meta; create schema snapshots;
create table marts.market_daily as
    select date '2026-01-01' + i::int as session_date, i / 7.0 as vix_index,
        null::double as gap_pct, 'nan'::double as odd
    from range(50) t(i);
insert into marts.market_daily select * from marts.market_daily limit 1; -- a double row counts twice
create table meta.checks as select '{run}' as run_id, 'rows_are_there' as check_name, true as is_passed;
create table meta.build as select '{run}' as run_id, 'build of {run}' as build_id, 3 as tables_count;
create table meta.regime_ledger as select 1 as n, '{{"run_id":"{run}","state":"calm"}}' as row_json;
create macro snapshots.chains(moment := timestamp 'infinity') as table select i from range(3) t(i);
"""
BUILD = """
create schema fred; create schema staging;
create table fred.observations as select i as period, i * 2.0 as value, '{run}' as run_id from range(20) t(i);
create view staging.stg_observations as from fred.observations;
"""


def home_of(folder: Path, run: str, *changes: str) -> Home:
    home = Home(folder / run)
    for path, script in ((home.published, PUBLISHED), (home.warehouse, BUILD)):
        path.parent.mkdir(parents=True)
        with duckdb.connect(str(path)) as con:
            con.execute(script.format(run=run))
            for change in changes:
                file, _, sql = change.partition(": ")
                if file == path.stem:
                    con.execute(sql)
    return home


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home_of(tmp_path_factory.mktemp("homes"), "one")


def differences(one: Home, folder: Path, *changes: str) -> list[Compared]:
    found = list(compared(one, home_of(folder, "two", *changes), None))
    assert len(found) == 6
    return [table for table in found if not table.is_same]


def test_homes_that_differ_by_nature_alone_are_the_same(one: Home, tmp_path: Path):
    assert differences(one, tmp_path) == []


@pytest.mark.parametrize(
    ("change", "name", "only"),
    [
        ("tidegauge: update marts.market_daily set vix_index = vix_index + 1e-12 where vix_index = 1", "marts", (1, 1)),
        ("tidegauge: update marts.market_daily set gap_pct = 0 where vix_index = 1", "marts.market_daily", (1, 1)),
        ("tidegauge: delete from marts.market_daily where rowid = 50", "marts.market_daily", (1, 0)),
        ("tidegauge: insert into marts.market_daily from marts.market_daily limit 1", "marts.market_daily", (0, 1)),
        ("tidegauge: update meta.checks set is_passed = false", "meta.checks", (1, 1)),
        ("tidegauge: update meta.build set tables_count = 4", "meta.build", (1, 1)),
        ("tidegauge: update meta.regime_ledger set row_json = replace(row_json, 'calm', 'wild')", "ledger", (1, 1)),
        ("warehouse: update fred.observations set value = null where period = 3", "fred.observations", (1, 1)),
        ("warehouse: alter table fred.observations add column extra int", "fred.observations", (0, 0)),
    ],
)
def test_every_difference_is_found(one: Home, tmp_path: Path, change: str, name: str, only: tuple[int, int]):
    (found,) = differences(one, tmp_path, change)
    assert name in found.name
    assert found.only == only
    assert next(told([found])).startswith(f"DIFFERS  {found.name}: ")


def test_a_table_of_one_side_only_differs_unless_it_may(one: Home, tmp_path: Path):
    lake_tables = (
        "tidegauge: create table meta.lake_fingerprints (a int); create table marts.more (a int);"
        f" insert into meta.checks values ('two', '{by_nature.CHECK_OF_A_LAKE}', true)"
    )
    two = home_of(tmp_path, "two", lake_tables)
    found = [(table.name, table.rows) for table in compared(one, two, None) if not table.is_same]
    assert found == [("published: marts.more", (None, 0))]


def test_what_was_compared_is_counted(one: Home, tmp_path: Path):
    lines = list(told(list(compared(one, home_of(tmp_path, "two"), None))))
    assert lines == [
        "published file: 5 relations, 57 rows compared both ways, 0 relations differ",
        "build file: 1 relations, 20 rows compared both ways, 0 relations differ",
    ]


def test_a_home_without_a_release_cannot_be_compared(tmp_path: Path):
    with pytest.raises(NothingPublished):
        list(compared(Home(tmp_path), Home(tmp_path), None))


def test_what_may_differ_has_a_reason():
    assert all(len(reason) > 10 for reason in by_nature.reasons().values())


def test_a_folder_of_somebody_else_is_not_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = tmp_path / "lake" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(HomeUnusable, match="holds something that is not ours"):
        scale_demo.demonstrate(tmp_path / "lake")
    assert kept.read_text() == "mine"


def test_what_keeps_the_demo_from_running_is_said_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path))
    assert scale_demo.main() == 4
    assert capsys.readouterr().err.startswith("scale-demo: PostgreSQL is not installed: apt-get install postgresql")
    assert list(tmp_path.iterdir()) == [], "before anything is made"
