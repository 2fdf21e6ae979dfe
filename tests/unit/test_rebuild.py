"""Rebuild: the archive alone gives the same rows, and a difference is never swapped in."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingest.errors import AuditFailed
from ingest.home import Home
from ingest.kit import Batch, CheckResult, GateResult, Window
from tests.unit.test_landing import CATALOG, MON, OAS, SOURCE, TUE, WED, frame, utc
from warehouse.connection import connect, migrate
from warehouse.landing import land
from warehouse.rebuild import RebuildResult, rebuild
from warehouse.runs import begin_run, record_checks

BATCHES = [
    Batch(SOURCE, frame(rows, moment), [Window(OAS, None)], (), (), moment)
    for moment, rows in (
        (utc(3, 16), [(OAS, MON, 3.1)]),
        (utc(4, 16), [(OAS, MON, 3.15)]),
        (utc(6, 16), [(OAS, MON, 3.15), (OAS, TUE, 3.2), (OAS, WED, 99.0)]),
        (utc(9, 16), [(OAS, MON, 3.1), (OAS, WED, 3.3)]),
    )
]


def gate(batch: Batch, _held: pl.DataFrame) -> GateResult:
    plausible = pl.col("value") < 40
    refused = batch.rows.filter(~plausible).with_columns(pl.lit("above 40").alias("reason"))
    return GateResult(batch.rows.filter(plausible), refused, (), None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    con = connect(home)
    migrate(con)
    for number, batch in enumerate(BATCHES):
        begin_run(con, f"run {number}", batch.fetched_at)
        land(con, batch, gate(batch, pl.DataFrame()), CATALOG, f"run {number}", batch.fetched_at)
    con.close()
    return home


def rows(home: Home) -> list[tuple]:
    con = connect(home)
    found = con.execute(
        "select series_id, period_date, value, known_at, known_basis from fred.observations order by all"
    ).fetchall()
    con.close()
    return found


def again(home: Home, batches: list[Batch]) -> RebuildResult:
    return rebuild(home, iter(batches), gate, CATALOG, run_id="rebuild", now=utc(20))


def test_the_archive_gives_the_same_rows(home):
    before = rows(home)
    assert [row[4] for row in before] == ["release_rule", "captured", "captured", "captured", "captured", "captured"]
    assert again(home, BATCHES) == RebuildResult(4, 6, 6)
    assert rows(home) == before
    con = connect(home)
    assert con.execute("select count(*) from ops.runs").fetchone() == (4,)
    con.close()
    assert not (home.root / "rebuild").exists()


def test_a_warehouse_that_was_deleted_comes_back(home):
    before = rows(home)
    home.warehouse.unlink()
    assert again(home, BATCHES) == RebuildResult(4, 6, None)
    assert rows(home) == before


def test_a_difference_keeps_the_old_file_and_says_what_differs(home):
    before = rows(home)
    with pytest.raises(
        AuditFailed,
        match=r"fred.observations: the old file has a row that the archive does not give: hy_oas 2026-03-02",
    ):
        again(home, BATCHES[:1])
    assert rows(home) == before
    assert home.warehouse.with_name("warehouse_rebuilt.duckdb").exists()
    assert again(home, BATCHES).rows_compared == 6


def test_the_checks_of_a_file_of_older_code_are_carried_over(home: Home):
    """Checks of runs before a column was there: the rebuilt file has the column and does not know."""
    con = connect(home)
    check = CheckResult("fred.observations", "value_is_a_number", "error", True, 0, "passed")
    record_checks(con, "run 0", [check], utc(3, 16))
    con.execute("alter table ops.checks drop column is_blocking")
    con.close()
    again(home, BATCHES)
    con = connect(home)
    kept = con.execute(
        "select run_id, check_name, is_blocking from ops.checks where check_name = 'value_is_a_number'"
    ).fetchall()
    con.close()
    assert kept == [("run 0", "value_is_a_number", None)]
