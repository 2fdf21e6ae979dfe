"""The prompt: entries behind the guard of `query`, a moment that stays set, the next release from the next entry on."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.errors import NothingPublished
from ingest.home import Home
from orchestration import cli
from serving.query.names import column_names, table_names
from serving.query.shell import Shell
from tests.cli import COMMAND, ROOT
from tests.unit.query_home import publish_small, tree
from warehouse.lake.setting import Lake


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("shell")
    publish_small(root / "home" / "published" / "tidegauge.duckdb")
    return Home(root / "home")


def test_entries_end_with_a_semicolon_or_an_empty_line(home: Home, capsys):
    assert (
        Shell(home).run(["select 1 as a,\n", "  2 as b;\n", "from carry_daily\n", "order by 1\n", "\n", "select 3"])
        == 0
    )
    printed = capsys.readouterr()
    assert "(1 row, 2 columns)" in printed.out
    assert "(3 rows, 3 columns)" in printed.out
    assert "(1 row)" in printed.out, "what is left at the end is an entry too"
    assert "release b1" in printed.err
    assert "SIMULATED" in printed.err


def test_the_moment_stays_until_it_is_taken_back(home: Home, capsys):
    shell = Shell(home)
    count = "select count(*) as rows_count from carry_daily;"
    shell.run([".format csv", ".as_of 2023-03-13 09:15", count, ".as_of", count])
    assert capsys.readouterr().out.split() == ["rows_count", "2", "rows_count", "3"]
    shell.run([".as_of 2023-03-13 09:15"])
    assert shell.prompt() == "tidegauge (SIMULATED, as of 2023-03-13 09:15 New York)> "


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("drop table marts.carry_daily;", "not read-only"),
        ("copy (select 1) to 'out.csv';", "not read-only"),
        ("from read_text('/etc/hostname');", "not for here"),
        ("select getenv('HOME');", "not for here"),
        ("attach 'x.duckdb';", "not read-only"),
        ("selec 1;", "syntax error"),
        (".as_of soon", "is no moment"),
        (".describe carry", "near it: marts.carry_daily"),
        (".format pdf", "expected auto"),
        (".shell ls", ".help says"),
    ],
)
def test_an_error_is_a_sentence_and_the_next_entry_is_read(
    entry: str, why: str, home: Home, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    before = tree(home.root)
    assert Shell(home).run([entry, ".format csv", "select 7 as a;"]) == 2
    printed = capsys.readouterr()
    assert why in printed.err
    assert printed.out.endswith("a\n7\n")
    assert tree(home.root) == before
    assert not list(tmp_path.iterdir())


def test_the_next_release_is_read_and_said(home: Home, tmp_path: Path, capsys):
    mine = Home(tmp_path / "home")
    mine.published.parent.mkdir(parents=True)
    shutil.copy(home.published, mine.published)

    def lines() -> Iterator[str]:
        yield "select build_id from build;"
        waiting = mine.published.with_suffix(".next")
        shutil.copy(mine.published, waiting)
        waiting.chmod(0o644)
        with duckdb.connect(str(waiting)) as con:
            con.execute("update meta.build set build_id = 'b2'")
        os.replace(waiting, mine.published)
        yield "select build_id from build;"

    assert Shell(mine).run(lines()) == 0
    printed = capsys.readouterr()
    assert [word for word in printed.out.split() if word in {"b1", "b2"}] == ["b1", "b2"]
    assert "a new release b2" in printed.err


def test_without_a_release_there_is_no_prompt(tmp_path: Path):
    with pytest.raises(NothingPublished):
        Shell(Home(tmp_path))


def test_a_terminal_has_a_prompt_a_history_and_names(home: Home, tmp_path: Path):
    terminal, inside = pty.openpty()
    env = os.environ | {"TIDEGAUGE_HOME": str(home.root), "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    running = subprocess.Popen([*COMMAND, "shell"], cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, env=env)
    os.close(inside)
    shown = read_until(terminal, "> ")
    os.write(terminal, b"select max(carry_2\t) from carry_d\t;\n")
    answer = read_until(terminal, "(1 row)", "> ")
    os.write(terminal, b".quit\n")
    assert running.wait(60) == 0
    os.close(terminal)
    assert "tidegauge (SIMULATED)> " in shown
    assert "212" in answer, "Tab completed column and table"
    kept = (tmp_path / "tidegauge" / "shell_history").read_text()
    assert "select max(carry_2y_bp) from carry_daily" in kept


def read_until(terminal: int, *words: str) -> str:
    shown = ""
    for word in words:
        place = len(shown)
        while word not in shown[place:]:
            shown += os.read(terminal, 4096).decode()
    return shown


def test_duckdbs_own_shell_is_locked(home: Home, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.call(["shell", "--duckdb"]) == 2
    assert "no duckdb on the PATH" in capsys.readouterr().err
    program = tmp_path / "duckdb"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, *COMMAND[1:], "shell", "--duckdb"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert ran.stdout.startswith("-readonly -cmd set search_path")
    assert "enable_external_access = false" in ran.stdout
    with duckdb.connect(str(home.published), read_only=True) as con:  # what it is given runs
        con.execute(ran.stdout.partition("-cmd ")[2].rpartition(";")[0])


def test_the_lake_is_read_beside_the_file_at_every_entry(home: Home, monkeypatch, capsys):
    asked: list[Any] = []
    monkeypatch.setattr("serving.query.shell.run_query", lambda *_, lake, **__: asked.append(lake))
    lake = Lake("postgresql://nobody@localhost/lake", "/nowhere")
    assert Shell(home, lake).run(["from lake.cboe.option_quotes;", ".as_of 2023-03-13", "select 1;"]) == 0
    assert asked == [lake, lake]
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.delenv("TIDEGAUGE_LAKE", raising=False)
    capsys.readouterr()
    for arguments, told in (
        (["--lake"], "--lake reads the lake that TIDEGAUGE_LAKE names"),
        (["--lake", "--duckdb"], "--lake goes without --duckdb"),
    ):
        assert cli.call(["shell", *arguments]) != 0
        assert told in capsys.readouterr().err


def test_names_for_the_tab_key(home: Home, tmp_path: Path):
    assert table_names(home.published) == ["carry_daily", "knowledge", "meta.as_of", "meta.build"]
    assert column_names(home.published, "marts.carry_daily") == ["carry_2y_bp", "known_at", "session_date"]
    (tmp_path / "broken.duckdb").write_text("no database")
    assert table_names(tmp_path / "broken.duckdb") == []
    assert table_names(tmp_path / "none.duckdb") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["describe", "carr"], ["carry_daily"]),
        (["explain", "know"], ["knowledge"]),
        (["explain", "carry_daily", "2023-03-13", "carry_"], ["carry_2y_bp"]),
        (["query", "-f", "par"], ["parquet"]),
        (["fresh"], ["freshness"]),
    ],
)
def test_the_shell_of_the_user_completes(words: list[str], expected: list[str], home: Home, monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.setenv("_TIDEGAUGE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(["tidegauge", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        cli.app(prog_name="tidegauge")
    assert capsys.readouterr().out.split() == expected
