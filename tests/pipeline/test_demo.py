"""The demo as a stranger sees it: what it prints, what it leaves, who can open it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingest.connectors import asked_by
from orchestration import cli
from serving.readings import readings
from tests.cli import ROOT, environment, tidegauge

NEXT_DRIVER = Path(sys.prefix) / "duckdb-next"


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return demo_home / "published" / "tidegauge.duckdb"


def test_demo_says_simulated_and_where_things_are(demo_home: Path):
    printed = (demo_home / "demo.stdout").read_text()
    assert "SIMULATED" in printed
    assert "published/tidegauge.duckdb" in printed.replace("\n", "")
    assert "report/index.html" in printed.replace("\n", "")


def test_every_publisher_answers_in_full(demo_home: Path):
    """A demo that ended with a source `partial` would read as a fault of ours."""
    with duckdb.connect(str(demo_home / "build" / "warehouse.duckdb"), read_only=True) as con:
        states = dict(con.execute("select source, state from ops.source_runs").fetchall())
    brought = {"user_fund_flows", "user_chains"}  # files of the simulated market's own user
    asked_nothing = {"nasdaq", *(one.name for one in asked_by("file"))} - brought
    assert {source for source, state in states.items() if state == "skipped"} == asked_nothing
    assert {state for source, state in states.items() if source not in asked_nothing} == {"ok"}


def test_every_mart_has_rows_up_to_the_last_session(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        last = con.execute("select max(session_date) from marts.sessions").fetchone()
        for mart in ("net_liquidity_daily", "funding_daily", "carry_daily", "credit_daily", "volatility_daily"):
            assert con.execute(f"select max(session_date) from marts.{mart}").fetchone() == last, mart
        assert con.execute("select count(*) from marts.market_daily").fetchone()[0] > 12 * 250
        assert con.execute("select origin, is_simulated from meta.build").fetchone() == ("SIMULATED", True)


def test_no_published_comment_has_a_brace_that_nothing_filled(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        comments = con.execute(
            "select table_name, comment from duckdb_tables() union all select view_name, comment from duckdb_views()"
            " union all select table_name || '.' || column_name, comment from duckdb_columns()"
        ).fetchall()
    told = [(name, comment) for name, comment in comments if comment]
    assert len(told) > 1000
    assert [one for one in told if "{" in one[1] or "}" in one[1]] == []


def test_recent_sessions_have_figures_in_every_column_that_matters(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        row = con.execute(
            "select net_liquidity_usd_bn, carry_2y_bp, usdjpy_rate, hy_oas_bp, vix_index, vvix_index, move_index,"
            " put_call_total_ratio, sofr_iorb_bp from marts.market_daily"
            " where session_date <= (select max(session_date) - 7 from marts.market_daily)"
            " order by session_date desc limit 1"
        ).fetchone()
    assert all(value is not None for value in row), row


def test_a_derived_reading_is_as_old_as_its_oldest_part(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        found = {reading.label: reading for reading in readings(con)}
    legs = ("Fed total assets", "Treasury General Account", "Overnight reverse repo")
    assert found["Net liquidity"].obs_date == min(found[leg].obs_date for leg in legs)


def test_labour_and_margin_debt_are_known_when_they_were_printed_and_not_before(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        known = {
            row[0].isoformat(): row[1:]
            for row in con.execute(
                "select session_date, unrate_pct is not null, unrate_obs_date::varchar,"
                " initial_claims_obs_date::varchar, margin_debt_obs_date::varchar,"
                " sahm_realtime_pct is not null from marts.market_known_daily"
            ).fetchall()
        }
        hole = con.execute(
            "select value from marts.observations where series_id = 'unrate' and period_date = '2025-10-01'"
        ).fetchall()
    assert hole == [(None,)], "missing, not interpolated"
    assert known["2023-03-08"][:2] == (True, "2023-01-01")
    assert known["2023-03-09"][:2] == (True, "2023-02-01")  # printed on 10 March 08:30, before the cut-off
    # the shutdown of 2025: September comes on 20 November, October never, November on 16 December
    assert known["2025-11-18"] == (False, "2025-08-01", "2025-09-20", "2025-09-01", False)
    assert known["2025-11-19"] == (True, "2025-09-01", "2025-11-15", "2025-09-01", True)
    assert known["2025-12-12"][:2] == (False, "2025-09-01")
    assert known["2025-12-15"][:2] == (True, "2025-11-01")
    assert not known["2026-02-09"][4]
    assert known["2026-02-10"][4]
    assert [known[day][3] for day in ("2025-11-21", "2025-11-24")] == ["2025-09-01", "2025-10-01"]


def test_breadth_and_flows_are_read_from_their_marts(published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        found = {reading.label: reading for reading in readings(con)}
        above = con.execute(
            "select session_date, above_200dma_pct from marts.breadth_daily where universe = 'SPX'"
            " and above_200dma_pct is not null order by session_date desc limit 1"
        ).fetchone()
    shown = found["Members above 200-day average"]
    assert (shown.obs_date, shown.value, shown.state) == (*above, "fresh")
    flows = found["Equity ETF flows, 5 days"]
    assert flows.state == "fresh"
    assert flows.obs_date < shown.obs_date, "share counts come a session later than prices"


def test_every_value_leads_to_an_archived_payload(demo_home: Path, published: Path):
    with duckdb.connect(str(published), read_only=True) as con:
        orphans = con.execute(
            "select count(*) from marts.observations o"
            " where not exists (select 1 from meta.payloads p where p.payload_sha256 = o.payload_sha256)"
        ).fetchone()
        sample = con.execute(
            "select distinct payload_sha256 from marts.observations using sample 20 rows (reservoir, 7)"
        ).fetchall()
    assert orphans == (0,)
    for (sha,) in sample:
        assert (demo_home / "archive" / sha[:2] / f"{sha}.gz").exists()


def test_nobody_can_write_to_the_published_file(published: Path):
    assert not published.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_the_next_major_driver_opens_the_file(published: Path):
    if not NEXT_DRIVER.exists():
        pytest.skip(f"{NEXT_DRIVER} is not there: `make setup` puts the next driver beside the environment")
    ask = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True);"
        "print(duckdb.__version__, con.execute('select count(*) from marts.market_daily').fetchone()[0],"
        " con.execute(\"select comment from duckdb_columns() where table_name = 'market_daily'"
        " and column_name = 'vix_index'\").fetchone()[0])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", ask, str(published)],
        env={**os.environ, "PYTHONPATH": str(NEXT_DRIVER)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    version, rows, *comment = ran.stdout.split()
    assert version.startswith("2.")
    assert int(rows) > 12 * 250
    assert comment


def test_published_file_keeps_its_contract(published: Path, real_data: Path):
    checker = real_data.parent / "accept" / "published_file.py"
    if not checker.exists():
        pytest.skip(f"{checker.name} is not beside the real data")
    ran = subprocess.run([sys.executable, str(checker), str(published), "regimes"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_no_machine_path_and_no_key_in_what_is_published(demo_home: Path, published: Path):
    text = (demo_home / "report" / "index.html").read_text()
    with duckdb.connect(str(published), read_only=True) as con:
        for table in ("payloads", "quality", "build", "freshness"):
            text += str(con.execute(f"select * from meta.{table}").fetchall())
    assert str(ROOT) not in text
    assert str(demo_home) not in text
    assert "api_key" not in text
    assert "127.0.0.1" not in text, "addresses are the publishers', not the stand-in's"


def test_readme_commands(demo_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Each `tidegauge` command line that the README shows for the demo runs, and each make target exists."""
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(
        r"^\.venv/bin/tidegauge ((?:query|as-of|search|explain) .*|(?:status|regime).*)$", readme, flags=re.MULTILINE
    )
    assert len(shown) >= 3
    for line in shown:
        code, said = cli.call(shlex.split(line, comments=True)), capsys.readouterr()
        assert code == 0, f"{line}\n{said.out}\n{said.err}"
        assert said.out.strip()
    targets = re.findall(r"^make ([a-z-]+)", readme, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test", "run", "ui", "bench"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    listed = set(re.findall(r"^\| `tidegauge ([a-z-]+)", readme, flags=re.MULTILINE))
    helped = tidegauge("--help", env=environment(demo_home)).stdout
    for command in listed | {"rollback"}:
        assert command in helped, command


def test_python_examples_of_the_docs(demo_home: Path, tmp_path: Path):
    """The Python blocks of README and docs/bi.md run as they stand, beside a data/demo folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(demo_home)
    blocks = [
        block
        for page in ("README.md", "docs/bi.md")
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    ]
    assert len(blocks) >= 3
    for block in blocks:
        ran = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, f"{block}\n{ran.stderr}"
        assert ran.stdout.strip()


def test_a_copy_of_the_file_is_enough(published: Path, tmp_path: Path):
    """Self-contained: no other file, no home."""
    alone = tmp_path / "anything.duckdb"
    shutil.copy(published, alone)
    with duckdb.connect(str(alone), read_only=True) as con:
        assert con.execute("select count(*) from marts.market_known_daily").fetchone()[0] > 0


def test_an_earnings_release_lies_between_two_saved_chains(published: Path):
    """More than the other names move, volatility falls over it, most in the expiry that covers it."""
    with duckdb.connect(str(published), read_only=True) as con:
        events = con.execute(
            "select crush_pct, covering_crush_pct, placebo_median_pct, placebo_count, implied_move_pct"
            " from marts.earnings_iv_events where crush_pct is not null"
        ).fetchall()
        snapshots = con.execute(
            "select count(distinct session_date), count(*) filter (where iv_30d_pct is null)"
            " from marts.single_name_iv_daily where symbol not in ('SPY', 'QQQ', 'IBIT')"
        ).fetchone()
    assert events
    for crush, covering, placebo, names, implied in events:
        assert covering < crush < placebo
        assert names >= 3
        assert 0 < implied < 25
    assert snapshots[0] >= 2
    assert snapshots[1] == 0
