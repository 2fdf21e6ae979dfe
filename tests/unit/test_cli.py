"""The command line: exit codes, sentences instead of tracebacks, the forms of `query`, the pages of `status`."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest import errors
from orchestration import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a small published file, made by hand."""
    root = tmp_path / "home"
    (root / "published").mkdir(parents=True)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(root))
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str(root / "published" / "tidegauge.duckdb")) as con:
        con.execute(
            """
            create schema marts; create schema meta;
            create table meta.build as select 'b1' as build_id, timestamp '2026-02-06 14:20:00' as built_at,
                'SIMULATED' as origin, true as is_simulated, date '2026-02-05' as data_through_date;
            create table marts.carry_daily as select * from (values
                (date '2026-02-04', 210.5, null::double), (date '2026-02-05', 212.0, 156.25)
            ) as t(session_date, carry_2y_bp, usdjpy_rate);
            create table meta.freshness as select * from (values
                ('usdjpy', 'yahoo', date '2026-02-05', timestamp '2026-02-05 22:05:00', 1, date '2026-02-05',
                    timestamp '2026-02-06 22:05:00', 'fresh', 4, null, null, timestamp '2026-02-06 14:20:00'),
                ('hy_oas', 'fred', date '2026-01-20', timestamp '2026-01-21 15:30:00', 17, date '2026-02-04',
                    timestamp '2026-01-22 15:30:00', 'stale', 6, 'fred: failed: [no answer]',
                    'fred now serves from 2023-02-06, we hold from 1996-12-31', timestamp '2026-02-06 14:20:00')
            ) as t(series_id, provider, data_through_date, known_at, age_days, expected_period_date, expected_by_at,
                state, stale_limit_days, last_error, shrinkage_note, checked_at);
            """
        )
    return root


def all_errors(kind=errors.TidegaugeError):
    return [kind, *(one for child in kind.__subclasses__() for one in all_errors(child))]


def made(kind):
    if issubclass(kind, errors.SourceChanged):
        if kind is not errors.SourceChanged:
            return None  # made of rows: held to its parent's code
        return kind("fred", "WALCL", expected="a CSV", seen="<html>")
    if kind is errors.NotAsked:
        return kind("fred", "WALCL", "no answer", is_over=True)
    if issubclass(kind, errors.SourceError):
        return kind("fred", "WALCL", "no answer")
    return kind("a sentence")


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_each_error_is_one_sentence_and_its_code(kind, monkeypatch, capsys):
    error = made(kind)
    if error is None:
        pytest.skip("has its parent's code")

    def fails():
        raise error

    monkeypatch.setattr(cli, "_settings", fails)
    assert cli.call(["status"]) == kind.exit_code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"tidegauge: {error}\n"


def test_each_code_is_documented(capsys):
    assert cli.call(["--help"]) == 0
    helped = capsys.readouterr().out
    for code in {kind.exit_code for kind in all_errors()} | {0, 2, 130}:
        assert f"{code} " in helped.split("Exit codes:")[1]


def test_interrupt_is_130(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_settings", interrupted)
    assert cli.call(["status"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_bug_is_one_line_and_a_traceback_in_the_log(home, monkeypatch, capsys):
    monkeypatch.setenv("FRED_API_KEY", "abcdefghijklmnopqrstuvwxyz012345")

    def broken(_home):
        raise RuntimeError("key=abcdefghijklmnopqrstuvwxyz012345 was in the way")

    monkeypatch.setattr(cli, "_console", lambda: broken(None))
    assert cli.call(["status"]) == 1
    printed = capsys.readouterr().err
    assert "a bug: RuntimeError" in printed
    assert "Traceback" not in printed
    log = (home / "tidegauge.log").read_text()
    assert "Traceback" in log
    assert "abcdefghijklmnopqrstuvwxyz012345" not in log


def test_a_bug_of_a_rehearsal_is_in_its_own_log(home, tmp_path, monkeypatch, capsys):
    """It has its own home, whatever home the settings name otherwise."""

    def broken(*_):
        raise RuntimeError("no market today")

    monkeypatch.delenv("TIDEGAUGE_HOME")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/demo").mkdir(parents=True)
    monkeypatch.setattr("simulator.bitcoin_flows.bitcoin_flows_file", broken)
    assert cli.call(["demo"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"details in {tmp_path / 'data/demo/tidegauge.log'}"
    assert "no market today" in (tmp_path / "data/demo/tidegauge.log").read_text()
    assert not (tmp_path / "data/live").exists()
    monkeypatch.setattr(cli, "_settings", broken)
    (tmp_path / "data/live").mkdir()
    assert cli.call(["status"]) == 1
    assert (tmp_path / "data/live/tidegauge.log").exists(), "the next command has the home of the settings"


def test_a_bug_that_no_log_can_hold_is_printed_whole(home, monkeypatch, capsys):
    monkeypatch.setenv("FRED_API_KEY", "abcdefghijklmnopqrstuvwxyz012345")

    def broken():
        raise RuntimeError("key=abcdefghijklmnopqrstuvwxyz012345 was in the way")

    monkeypatch.setenv("TIDEGAUGE_HOME", str(home / "nowhere"))
    monkeypatch.setattr(cli, "_console", broken)
    assert cli.call(["status"]) == 1
    printed = capsys.readouterr().err
    assert "no log could be written" in printed
    assert "in broken\n" in printed, "the traceback"
    assert "abcdefghijklmnopqrstuvwxyz012345" not in printed


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["query"], ["query", "select", "--format", "xml"], ["run", "--no"]]
)
def test_wrong_usage_is_2(arguments, capsys):
    assert cli.call(arguments) == 2
    assert capsys.readouterr().err


def test_unusable_settings_name_the_variable(monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_KEEP_RELEASES", "none")
    assert cli.call(["status"]) == 4
    assert "TIDEGAUGE_KEEP_RELEASES" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["query", "select 1"], ["releases"], ["status"]])
def test_nothing_published_is_7(arguments, capsys):
    assert cli.call(arguments) == 7
    assert "run" in capsys.readouterr().err


SQL = "select * from marts.carry_daily order by session_date"


def test_query_writes_csv(home, capsys):
    assert cli.call(["query", SQL, "--format", "csv"]) == 0
    printed = capsys.readouterr()
    assert list(csv.reader(io.StringIO(printed.out))) == [
        ["session_date", "carry_2y_bp", "usdjpy_rate"],
        ["2026-02-04", "210.5", ""],
        ["2026-02-05", "212.0", "156.25"],
    ]
    assert "SIMULATED" in printed.err


def test_query_writes_json(home, capsys):
    assert cli.call(["query", SQL, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"session_date": "2026-02-04", "carry_2y_bp": 210.5, "usdjpy_rate": None},
        {"session_date": "2026-02-05", "carry_2y_bp": 212.0, "usdjpy_rate": 156.25},
    ]


def test_query_writes_a_table(home, capsys):
    assert cli.call(["query", "select '[red]x[/]' as a, carry_2y_bp from marts.carry_daily order by 2 limit 1"]) == 0
    printed = capsys.readouterr().out
    assert "[red]x[/]" in printed, "what comes from a table is no markup"
    assert "210.5" in printed


def test_query_writes_parquet(home, tmp_path, capsys):
    target = tmp_path / "out.parquet"
    assert cli.call(["query", SQL, "-f", "parquet", "-o", str(target)]) == 0
    assert pl.read_parquet(target)["usdjpy_rate"].to_list() == [None, 156.25]
    assert cli.call(["query", SQL, "-f", "parquet"]) == 2
    assert "--output" in capsys.readouterr().err


def test_query_cannot_write_and_says_what_is_wrong(home, capsys):
    assert cli.call(["query", "drop table marts.carry_daily"]) == 2
    assert "read-only" in capsys.readouterr().err
    assert cli.call(["query", "selec 1"]) == 2
    assert "syntax error" in capsys.readouterr().err
    assert cli.call(["query", SQL, "-f", "csv"]) == 0


def test_status_shows_series_marts_and_what_was_shortened(home, capsys):
    assert cli.call(["status"]) == 0
    printed = capsys.readouterr().out
    for told in (
        "b1",
        "SIMULATED",
        "carry_daily",
        "2026-02-05",
        "hy_oas",
        "stale",
        "17 d",
        "[no answer]",
        "1996-12-31",
    ):
        assert told in printed
    assert "2026-01-22 10:30" in printed, "expected by, in New York"


def test_doctor_advises(home, monkeypatch, capsys):
    monkeypatch.setenv("FRED_API_KEY", "short")
    assert cli.call(["doctor"]) == errors.ConfigError.exit_code
    printed = capsys.readouterr().out
    assert "BAD   FRED key" in printed
    assert "short" not in printed.replace("shortened", "")
    monkeypatch.delenv("FRED_API_KEY")
    assert cli.call(["doctor"]) == 0
    assert "keyless" in capsys.readouterr().out


def test_a_home_keeps_to_one_origin(home, capsys):
    (home / "origin.txt").write_text("SIMULATED\n")
    assert cli.call(["run"]) == errors.ConfigError.exit_code
    assert "nothing was touched" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_home_is_5(tmp_path, monkeypatch, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(locked / "home"))
    assert cli.call(["run"]) == errors.HomeUnusable.exit_code


def test_a_file_in_the_way_of_the_home_is_5(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "file" / "home"))
    assert cli.call(["run"]) == errors.HomeUnusable.exit_code
    assert "TIDEGAUGE_HOME" in capsys.readouterr().err


def test_start_up_imports_nothing_heavy():
    probe = (
        "import sys, orchestration.cli;"
        "print(sorted({name.split('.')[0] for name in sys.modules} &"
        " {'dagster', 'dbt', 'duckdb', 'polars', 'pandas', 'numpy', 'pydantic', 'httpx', 'rich', 'yaml'}))"
    )
    ran = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"
