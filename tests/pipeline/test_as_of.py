"""Every mart at a moment, in the file that the demo published, for every driver that opens it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from docs.generate import without_as_of
from orchestration import cli
from tests.cli import environment, tidegauge

NEXT_DRIVER = Path(sys.prefix) / "duckdb-next"

# Prints the driver's version, and of each mart how many rows there are and their hashes added up: in the mart, in its
# macro at built_at, in its view.
COMPARE = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
con.execute("set enable_progress_bar = false")
built_at = con.execute("select built_at from meta.build").fetchone()[0]
found = {}
macros = "select function_name from duckdb_functions() where schema_name = 'marts' and function_type = 'table_macro'"
for (name,) in con.execute(macros).fetchall():
    mart = name.removesuffix("_as_of")
    ways = (f"marts.{mart}", f"marts.{name}(timestamp '{built_at}')", f"marts.{mart}_at")
    sums = [con.execute(f"select count(*), sum(hash(r)::hugeint) from {way} as r").fetchone() for way in ways]
    found[mart] = [[rows, str(hashes)] for rows, hashes in sums]
print(json.dumps([duckdb.__version__, found]))
"""


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return demo_home / "published" / "tidegauge.duckdb"


@pytest.fixture(scope="module")
def marts(published: Path) -> set[str]:
    with duckdb.connect(str(published), read_only=True) as con:
        return {
            row[0]
            for row in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        }


@pytest.mark.parametrize("driver", [None, NEXT_DRIVER], ids=["this driver", "the next driver"])
def test_every_mart_at_the_moment_of_the_build_is_the_mart(published: Path, marts: set[str], driver: Path | None):
    if driver is not None and not driver.exists():
        pytest.skip(f"{driver} is not there: `make setup` puts the next driver beside the environment")
    env = dict(os.environ) | ({"PYTHONPATH": str(driver)} if driver else {})
    done = subprocess.run([sys.executable, "-c", COMPARE, str(published)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    version, found = json.loads(done.stdout)
    assert driver is None or version.startswith("2.")
    differing = {mart: sums for mart, sums in found.items() if not sums[0] == sums[1] == sums[2]}
    assert differing == {}
    assert found.keys() == marts - without_as_of().keys(), "a mart has a clock, an as_of in its meta, or a reason"
    with duckdb.connect(str(published), read_only=True) as con:
        told = con.execute("select mart, is_readable, how_text from meta.as_of").fetchall()
    assert {mart for mart, is_readable, _ in told if is_readable} == found.keys()
    assert {mart: why for mart, is_readable, why in told if not is_readable} == {
        mart: why for mart, why in without_as_of().items() if mart in marts
    }


def test_a_wide_mart_by_its_parts_has_the_rows_and_figures_of_its_macro(published: Path):
    moment = datetime(2014, 3, 11, 13, 15)
    with duckdb.connect(str(published), read_only=True) as con:
        parts = con.execute("select mart, column_names, select_text from meta.as_of_parts").fetchall()
        macros = {
            mart: con.execute(f"from marts.{mart}_as_of(?)", [moment]).pl() for mart in {mart for mart, _, _ in parts}
        }
        for mart, columns, select in parts:
            (unique,) = con.execute("select list(column_name) from meta.keys where mart = ?", [mart]).fetchone() or ()
            names = columns.split(", ")
            found = con.execute(select, {"moment": moment}).pl()
            assert {*unique} < {*names}, "its key is of the spine"
            assert found.sort(unique).select(names).equals(macros[mart].sort(unique).select(names)), (mart, columns)
    listed = {name for mart, names, _ in parts if mart == "market_daily" for name in names.split(", ")}
    assert listed == {*macros["market_daily"].columns}


def test_nothing_known_later_shows(published: Path, marts: set[str]):
    moment = "timestamp '2019-06-20 13:15:00'"
    with duckdb.connect(str(published), read_only=True) as con:
        for mart in marts - without_as_of().keys():
            columns = con.execute(
                "select column_name from duckdb_columns() where schema_name = 'marts' and table_name = ?"
                " and data_type = 'TIMESTAMP' and column_name similar to '(.*_)?(known|settled|cutoff)_at'",
                [mart],
            ).fetchall()
            for (column,) in columns:
                if (mart, column) == ("sessions", "cutoff_at"):  # the calendar of the session, not knowledge
                    continue
                later = con.execute(
                    f"select count(*) from marts.{mart}_as_of({moment}) where {column} > {moment}"
                ).fetchone()
                assert later == (0,), (mart, column)
        assert con.execute(f"select max(session_date) from marts.market_daily_as_of({moment})").fetchone() == (
            con.execute("select date '2019-06-19'").fetchone()
        )


def test_views_and_columns_say_what_they_are(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        comments = con.execute(
            "select view_name, comment from duckdb_views() where schema_name = 'marts' and not internal"
        ).fetchall()
        undescribed = con.execute(
            "select table_name, column_name from duckdb_columns()"
            " where schema_name = 'marts' and table_name like '%\\_at' escape '\\' and comment is null"
        ).fetchall()
    assert comments
    assert all(comment and comment.startswith("SIMULATED. ") for _, comment in comments)
    assert not undescribed


def test_the_command_line(demo_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    env = environment(demo_home)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    sql = "select max(session_date) as d, max(known_at) <= '2023-03-10 14:15:00' as k from marts.net_liquidity_daily"
    done = tidegauge("as-of", "2023-03-10 09:15 America/New_York", sql, "--format", "csv", env=env)
    assert (done.returncode, done.stdout) == (0, "d,k\n2023-03-09,True\n"), done.stderr
    assert "SIMULATED" in done.stderr
    assert "2023-03-10 14:15:00 UTC" in done.stderr
    # that it is a command is shown; what it says of other words needs no other process
    assert cli.call(["as-of", "2023-03-10T14:15Z", sql, "--format", "csv"]) == 0
    assert capsys.readouterr().out == done.stdout
    of_now = "select count(*) > 0 from tidegauge.marts.knowledge"
    assert cli.call(["as-of", "2023-03-10 09:15", of_now, "-f", "csv"]) == 0
    assert capsys.readouterr().out.endswith("True\n")
    for moment, sql in (("soon", "select 1"), ("2023-03-10", "from marts.knowledge")):
        assert cli.call(["as-of", moment, sql]) == 2


def test_a_meeting_that_was_called_off_was_on_the_calendar_until_then(published: Path):
    days = {}
    with duckdb.connect(str(published), read_only=True) as con:
        for moment in ("2020-03-10 12:00", "2020-03-15 20:59", "2020-03-15 21:00", "2020-03-20 12:00"):
            days[moment[5:]] = [
                f"{day:%m-%d}"
                for (day,) in con.execute(
                    "select event_date from marts.calendar_events_as_of(?::timestamp)"
                    " where event_type = 'fomc_decision' and event_date between date '2020-03-02' and date '2020-04-30'"
                    " order by 1",
                    [moment],
                ).fetchall()
            ]
        decided = con.execute(
            "select count(*) from marts.policy_events where event_date = date '2020-03-18' and change_bp is not null"
        )
        assert decided.fetchone() == (0,), "it decided nothing"
    assert days == {
        "03-10 12:00": ["03-03", "03-18", "04-29"],
        "03-15 20:59": ["03-03", "03-18", "04-29"],
        "03-15 21:00": ["03-03", "03-15", "04-29"],
        "03-20 12:00": ["03-03", "03-15", "04-29"],
    }
