"""Cells computed again from the archived bytes: equal where nothing was touched, and told where something was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer

from ingest.archive import Archive
from ingest.errors import ArchiveDamaged, QueryRefused
from ingest.home import Home
from ingest.settings import Settings
from orchestration.explain_command import explain
from orchestration.recomputing import recomputed
from orchestration.session import no_progress
from scripts import recompute_cells
from tests.pipeline.small import Ran

MARTS = ("marts.fund_flows_weekly", "marts.positioning_weekly", "marts.short_volume_daily")
"""Of few answers each: by category, by contract and by ticker."""


@pytest.fixture
def con(first: Ran) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(first.home.published), read_only=True) as con:
        yield con


def test_every_cell_of_some_marts_is_computed_again(first: Ran, con: duckdb.DuckDBPyConnection) -> None:
    with recomputed(Settings(), first.home, con, MARTS, no_progress) as made:
        columns = list(recompute_cells.differing_columns(con, str(made.path), MARTS))
    told = {text.partition(" of ")[0]: (cells, different) for cells, different, text in columns}
    assert len(told) == len(columns), "a column is compared once"
    assert set(made.publishers) == {"cftc", "finra", "ici"}
    assert made.answers_count > 0
    assert {name.rpartition(".")[0] for name, (cells, _) in told.items() if cells} == set(MARTS)
    assert not {name: found for name, found in told.items() if found[1]}


def test_a_cell_that_is_not_what_the_bytes_give_is_told(
    copied: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEGAUGE_HOME", str(copied.root))
    path = copied.published.resolve()
    path.chmod(0o644)
    with duckdb.connect(str(path)) as con:
        category, day = con.execute(
            "select category, week_end_date from marts.fund_flows_weekly where combined_flow_usd_mn is not null "
            "order by all limit 1"
        ).fetchone() or ("", "")
        con.execute(
            "update marts.fund_flows_weekly set combined_flow_usd_mn = combined_flow_usd_mn + 1 "
            "where category = ? and week_end_date = ?",
            [category, day],
        )
    with pytest.raises(typer.Exit) as ended:
        explain(["fund_flows_weekly", category, str(day), "combined_flow_usd_mn"], recompute=True)
    assert ended.value.exit_code == 3
    assert ": DIFFERS\n" in capsys.readouterr().out


def test_what_cannot_be_computed_again_is_named(copied: Home, con: duckdb.DuckDBPyConnection) -> None:
    def again(*marts: str) -> None:
        with recomputed(Settings(), copied, con, marts, no_progress):
            raise AssertionError

    with pytest.raises(QueryRefused, match=r"marts.regime_truth is the simulator's own account"):
        again("marts.regime_truth")
    archive = Archive(copied.archive)
    entry = next(one for one in archive.entries() if one.source == "ici_combined")
    body = copied.archive / entry.sha256[:2] / f"{entry.sha256}.gz"
    kept = body.read_bytes()
    body.unlink()  # of other bytes test_archive tells
    with pytest.raises(ArchiveDamaged, match=rf"archive: .*{entry.sha256}.gz is missing"):
        again(MARTS[0])
    body.write_bytes(kept)
    lines = archive.index_path.read_text().splitlines(keepends=True)
    archive.index_path.write_text("".join(line for line in lines if entry.sha256 not in line))
    with pytest.raises(ArchiveDamaged, match=rf"does not name the answer {entry.sha256} of ici_combined "):
        again(MARTS[0])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_cell_of_a_home_of_two_runs_is_computed_again(next_day: Ran) -> None:
    with duckdb.connect(str(next_day.home.published), read_only=True) as con:
        tables = {table for table, *_ in recompute_cells.numeric_columns(con)}
        with recomputed(Settings(), next_day.home, con, tables, no_progress) as made:
            found = list(recompute_cells.differing_columns(con, str(made.path), tables))
    assert sum(cells for cells, *_ in found) > 100_000
    assert not [text for _, different, text in found if different]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_cells_drawn_from_the_demo_are_computed_again(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    monkeypatch.setattr("sys.argv", ["recompute_cells", "--count", "200"])
    ended = recompute_cells.main()
    assert (ended, capsys.readouterr().out.partition(";")[0]) == (0, "200 of 200 cells are equal")
