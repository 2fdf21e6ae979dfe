"""What was settled by a session's cut-off does not change with anything that became known later.

From a copy of the build file every row that became known after the cut-off is removed, and breadth and flows are built
again: rows that say they were settled by then are the same, to the last digit.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from analytics.breadth.tables import update_breadth
from ingest.connectors import SOURCES
from ingest.dataset import TABLES
from ingest.settings import PROJECT_ROOT
from tests.pipeline.eventful import LONG_BEFORE, ON_THE_DAY, SINCE, Eventful

pytestmark = pytest.mark.timeout(1800)  # the first test waits for three whole runs

KEYS = {
    "breadth_daily": ("universe", "session_date"),
    "breadth_symbol_daily": ("universe", "session_date", "permid"),
    "etf_flows_daily": ("ticker", "session_date"),
    "etf_category_flows_daily": ("category", "session_date"),
    "etf_flows_weekly": ("category", "week_end_date"),
    "leveraged_etf_daily": ("ticker", "session_date"),
}
OF_HEARTBEATS = {
    "etf_flows_daily": "is_heartbeat, flow_ex_heartbeat_usd_mn",
    "etf_category_flows_daily": "flow_5d_ex_heartbeat_usd_mn, flow_21d_ex_heartbeat_usd_mn",
}
"""What is still open at flow_settled_at."""

SETTLED_SHARES = {
    "breadth_daily": 0.95,
    "breadth_symbol_daily": 0.95,
    "etf_flows_daily": 0.75,
    "etf_category_flows_daily": 0.85,
    "etf_flows_weekly": 0.85,
    "leveraged_etf_daily": 0.15,
}
"""Of the rows up to the session before, at least so many must have been settled: else the test would say nothing.

ProShares restates the whole history of a fund that splits, and most of its funds do between the first two runs; ICI's
last week comes days later.
"""


@dataclass(frozen=True)
class Rebuilt:
    """The build file as it would be had the world ended at `cutoff`, and the whole one beside it."""

    cutoff: datetime
    con: duckdb.DuckDBPyConnection

    def one(self, query: str, *told: object) -> Any:
        found = self.con.execute(query, list(told)).fetchone()
        assert found is not None
        return found[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, datetime], None]:
    """Return what builds the marts of KEYS, and what they are made of, in a build file."""
    target = tmp_path_factory.mktemp("dbt")
    project = PROJECT_ROOT / "dbt_project"
    flags = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(target)]
    flags += ["--log-path", str(target), "--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    names = [f"+{name}" for name in KEYS]

    def build(warehouse: Path, now: datetime) -> None:
        variables = {"run_at": now.isoformat(sep=" "), "origin": "SIMULATED", "run_id": "no-look-ahead"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIDEGAUGE_WAREHOUSE", str(warehouse))
            ran = dbtRunner(manifest=parsed).invoke(
                ["run", "--select", *names, "--vars", json.dumps(variables), *flags]
            )
            DuckDBConnectionManager.close_all_connections()
        assert ran.success, ran.exception or [
            (one.node.name, one.message) for one in ran.result.results if one.status != "success"
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGAUGE_WAREHOUSE", str(target / "warehouse.duckdb"))
        parsed = dbtRunner().invoke(["parse", *flags]).result
    return build


@pytest.fixture
def rebuilt(
    eventful: Eventful, models: Callable[[Path, datetime], None], tmp_path: Path
) -> Iterator[Callable[[date], Rebuilt]]:
    opened: list[duckdb.DuckDBPyConnection] = []

    def at(day: date) -> Rebuilt:
        whole, cut = tmp_path / "whole.duckdb", tmp_path / "cut" / eventful.home.warehouse.name
        cut.parent.mkdir()
        shutil.copyfile(eventful.home.warehouse, whole)
        shutil.copyfile(eventful.home.warehouse, cut)
        (cutoff,) = eventful.raw("select cutoff_at from calendar.sessions where session_date = ?", day)[0]
        forget(cut, cutoff)
        models(cut, cutoff)
        con = duckdb.connect()
        opened.append(con)
        con.execute(f"attach '{whole}' as whole (read_only)")
        con.execute(f"attach '{cut}' as cut (read_only)")
        return Rebuilt(cutoff, con)

    yield at
    for con in opened:
        con.close()


def forget(warehouse: Path, cutoff: datetime) -> None:
    """Remove every raw row that became known after `cutoff`, and compute breadth again."""
    with duckdb.connect(str(warehouse)) as con:
        con.execute("set TimeZone = 'UTC'")
        in_rows = (table.id for table in TABLES if not table.is_in_daily_files)  # breadth reads no option chains
        for table in (*in_rows, *(f"{source}.observations" for source in SOURCES)):
            con.execute(f"delete from {table} where known_at > ?", [cutoff])
        con.execute("delete from breadth.inputs")
        assert update_breadth(con, now=cutoff.replace(tzinfo=UTC)).extent == "all"
        con.execute("checkpoint")


def changed_rows(found: Rebuilt, table: str, clock: str = "settled_at", without: str = "") -> dict[str, int]:
    """Return how many settled rows are missing or other without what came later, and how many are new."""
    keys = ", ".join(KEYS[table])
    columns = f"* exclude ({without})" if without else "*"
    settled = f"select {columns} from whole.marts.{table} where {clock} <= ?"
    return {
        "only in the whole": found.one(
            f"select count(*) from ({settled} except select {columns} from cut.marts.{table})", found.cutoff
        ),
        "only in the cut": found.one(
            f"select count(*) from (select {columns} from cut.marts.{table} semi join"
            f" (select {keys} from whole.marts.{table} where {clock} <= ?) using ({keys}) except {settled})",
            found.cutoff, found.cutoff,
        ),
    }  # fmt: skip


def require_nothing_changed(found: Rebuilt, day: date) -> None:
    nothing = {"only in the whole": 0, "only in the cut": 0}
    for table, keys in KEYS.items():
        assert changed_rows(found, table) == nothing, table
        told = found.one(f"select max({keys[1]}) from cut.marts.{table}")
        assert told is None or told <= day, f"{table} speaks of what had not happened"
        later = found.one(f"select max(settled_at) from cut.marts.{table}")
        assert later is None or later <= found.cutoff, f"{table} is settled by something that was forgotten"
    for table, of_heartbeats in OF_HEARTBEATS.items():
        assert changed_rows(found, table, "flow_settled_at", f"{of_heartbeats}, settled_at") == nothing, table


def settled_share(found: Rebuilt, table: str, day: date) -> float:
    share: float = found.one(
        f"select coalesce(count(*) filter (settled_at <= ?) / nullif(count(*), 0), 1)"
        f" from whole.marts.{table} where {KEYS[table][1]} < ?",
        found.cutoff, day,
    )  # fmt: skip
    return share


def days_of_the_first_run(count: int, seed: int) -> list[date]:
    """Return random weekdays on which history was known as it happened; later ones wait for the run that saw them."""
    first, last = date(2019, 10, 1).toordinal(), LONG_BEFORE.date().toordinal() - 1
    assert first > SINCE.toordinal()
    chosen = random.Random(seed)
    return [date.fromordinal(chosen.randint(first, last)) for _ in range(count)]


def session_up_to(eventful: Eventful, day: date) -> date:
    found: date = eventful.raw("select max(session_date) from calendar.sessions where session_date <= ?", day)[0][0]
    return found


def check(eventful: Eventful, rebuilt: Callable[[date], Rebuilt], day: date) -> None:
    session = session_up_to(eventful, day)
    found = rebuilt(session)
    require_nothing_changed(found, session)
    for table, least in SETTLED_SHARES.items():
        assert settled_share(found, table, session) >= least, table


@pytest.mark.parametrize("day", days_of_the_first_run(1, seed=20), ids=str)
def test_nothing_settled_changes_with_what_came_later(eventful, rebuilt, day):
    check(eventful, rebuilt, day)


@pytest.mark.slow
@pytest.mark.parametrize("day", days_of_the_first_run(50, seed=7), ids=str)
def test_nothing_settled_changes_on_fifty_days(eventful, rebuilt, day):
    check(eventful, rebuilt, day)


def test_what_is_learned_late_was_not_settled(eventful, rebuilt):
    """On the day before a late print, a correction and two splits."""
    day = session_up_to(eventful, ON_THE_DAY.date())
    found = rebuilt(day)
    require_nothing_changed(found, day)
    for table in KEYS:
        assert settled_share(found, table, day) > 0.95, table
    unsettled = found.one(
        "select count(*) from whole.marts.breadth_symbol_daily w join cut.marts.breadth_symbol_daily c"
        " using (universe, session_date, permid) where w.settled_at > ? and w.is_priced <> c.is_priced",
        found.cutoff,
    )
    assert unsettled >= 1, "the late print is among what differs"
