"""What `query` and its kin show and write: every format, every width, text from outside, the dictionary."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from rich.cells import cell_len

from orchestration import cli
from serving.query.results import distinct
from serving.query.terminal import console, say, shown
from tests.unit.query_home import HOSTILE, publish_small

ROOT = Path(__file__).parents[2]
STEERING = ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u2069", "\u200b"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    publish_small(tmp_path / "home" / "published" / "tidegauge.duckdb")
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def asked(capsys, *arguments: str) -> str:
    code = cli.call(list(arguments))
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# -- text from outside -------------------------------------------------------------------------------------------


def test_shown_keeps_what_can_be_read():
    assert shown("a\x1b[31mb\u202ec\u200f \u2028d\x00") == "a[31mbc  d"
    assert shown("one\r\ntwo\tthree") == "one two three"
    assert shown("one\r\ntwo\n\x9bthree", keep_lines=True) == "one\ntwo\nthree"
    assert shown("Ä 日本 €😀 −5 ‘’ :100: [red]") == "Ä 日本 €😀 −5 ‘’ :100: [red]"


def test_consoles_and_lines_show_no_hidden_character():
    file = io.StringIO()
    out = console(file=file, force_terminal=True, width=200, color_system="standard")
    out.print(f"[bold]{HOSTILE.split('[red]')[0]}[/]", ":100:", highlight=False)
    said = io.StringIO()
    say(HOSTILE, said)
    assert ":100:" in file.getvalue()
    assert "\x1b[1m" in file.getvalue(), "our own styles stay"
    without_styles = file.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    for sign in STEERING:
        assert sign not in without_styles
        assert sign not in said.getvalue()


@pytest.mark.parametrize("form", ["table", "record", "md", "json"])
def test_no_format_for_eyes_steers_the_terminal(form: str, home: Path, capsys):
    text = asked(capsys, "query", f'select {literal(HOSTILE)} as body, 1 as "n\x1b[1m"', "-f", form)
    for sign in STEERING:
        assert sign not in text
    assert ":100:" in text
    assert "[red]x[/]" in text


def test_exports_keep_every_character(home: Path, capsys):
    sql = f"select {literal(HOSTILE)} as body"
    assert json.loads(asked(capsys, "query", sql, "-f", "json")) == [{"body": HOSTILE}]
    assert list(csv.reader(io.StringIO(asked(capsys, "query", sql, "-f", "csv")))) == [["body"], [HOSTILE]]
    asked(capsys, "query", sql, "-o", "x.parquet")
    assert pl.read_parquet("x.parquet")["body"].to_list() == [HOSTILE]


def test_errors_show_no_hidden_character(home: Path, capsys):
    assert cli.call(["query", f"select {literal(HOSTILE)}::integer"]) == 2
    assert cli.call(["query", "select 1", "-f", "x\x1b[2J"]) == 2
    assert cli.call(["nonsense\x1b[2J"]) == 2
    assert not [sign for sign in STEERING if sign in capsys.readouterr().err]


def test_status_and_the_log_show_no_hidden_character(home: Path, capsys, monkeypatch):
    import duckdb

    file = home / "published" / "tidegauge.duckdb"
    file.chmod(0o644)
    with duckdb.connect(str(file)) as con:
        con.execute(
            "create table meta.freshness as select 'hy_oas' as series_id, 'fred' as provider, date '2026-01-20' as "
            "data_through_date, timestamp '2026-01-21' as known_at, 17 as age_days, date '2026-02-04' as "
            "expected_period_date, timestamp '2026-01-22' as expected_by_at, 'stale' as state, 6 as stale_limit_days, "
            f"{literal(HOSTILE + ' <!DOCTYPE html><html><head>…')} as last_error, "
            f"{literal(HOSTILE)} as shrinkage_note, timestamp '2026-02-06' as checked_at"
        )
    text = asked(capsys, "status")
    assert ":100:" in text
    assert "last error of 1 series: 404:" in text
    assert "DOCTYPE" not in text
    assert not [sign for sign in STEERING if sign in text]

    def broken() -> None:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(cli, "_console", broken)
    assert cli.call(["status"]) == 1
    assert not [sign for sign in STEERING if sign in capsys.readouterr().err]
    assert not [sign for sign in STEERING if sign in (home / "tidegauge.log").read_text()]


# -- tables ------------------------------------------------------------------------------------------------------

WIDE = "select " + ", ".join(f"{n}.5 as a_column_{n}_usd_bn" for n in range(18)) + " from range({rows})"


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
@pytest.mark.parametrize(
    "sql",
    [
        "select session_date, carry_2y_bp from carry_daily",
        WIDE.format(rows=3),
        WIDE.format(rows=40),
        "select repeat('many words ', 40) as told, 12345.678 as figure, repeat('日本', 60) as wide",
        "describe carry_daily",
    ],
)
def test_a_result_fits_the_terminal_and_cuts_no_figure(columns: int, sql: str, home: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = asked(capsys, "query", sql).splitlines()
    assert max(cell_len(line) for line in lines[:-1]) <= columns
    assert lines[-1].startswith("(")
    assert "row" in lines[-1]
    shown_figures = [word for line in lines for word in line.split() if word[0].isdigit() and "." in word]
    assert all(len(word.split(".")[1]) >= 1 for word in shown_figures), "whole figures or none"


def test_numbers_stand_to_the_right_and_rows_are_counted(home: Path, capsys):
    text = asked(capsys, "query", "select carry_2y_bp, session_date from carry_daily order by session_date")
    assert text.splitlines() == [
        "carry_2y_bp  session_date",
        "───────────  ────────────",
        "      210.5  2023-03-10",
        "      212.0  2023-03-13",
        "      -3.25  2023-03-14",
        "(3 rows, 2 columns)",
    ]


def test_what_does_not_fit_is_records_while_it_is_short_and_left_out_columns_are_told(home, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    records = asked(capsys, "query", WIDE.format(rows=3))
    assert records.count("─ record") == 3
    assert records.count("a_column_17_usd_bn") == 3
    left_out = asked(capsys, "query", WIDE.format(rows=40))
    assert "…" in left_out
    assert "18 columns, 4 of them shown: --format record shows all" in left_out
    assert "record 40" in asked(capsys, "query", WIDE.format(rows=40), "-f", "record")
    assert "…" in asked(capsys, "query", WIDE.format(rows=3), "-f", "table")
    monkeypatch.delenv("COLUMNS")
    assert "…" not in asked(capsys, "query", WIDE.format(rows=40)), "off a terminal nothing is left out"


def test_no_rows_many_rows_and_terminals_with_few_letters(home: Path, capsys):
    assert "(0 rows)" in asked(capsys, "query", "select 1 as a where false")
    text = asked(capsys, "query", "from range(1001)")
    assert "(the first 1,000 rows; --output FILE.csv writes them all)" in text
    env = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orchestration.cli", "query", "select 'ä' as a"]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert ran.stdout == "a\n-\n?\n(1 row)\n"


# -- exports -----------------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "＝1"]


def test_csv_guards_text_that_a_spreadsheet_would_run(home: Path, capsys):
    texts = ", ".join(f"({literal(text)}, -1.5, -2, -0.25::decimal(9, 2))" for text in FORMULAS)
    sql = f"from (values {texts}, ('5-3', 0, 0, 0)) as t(\"=t\", d, i, e)"
    guarded = list(csv.reader(io.StringIO(asked(capsys, "query", sql, "-f", "csv"), newline="")))
    assert guarded[0] == ["'=t", "d", "i", "e"]
    assert [row[0] for row in guarded[1:]] == [*(f"'{text}" for text in FORMULAS), "5-3"]
    assert {tuple(row[1:]) for row in guarded[1:-1]} == {("-1.5", "-2", "-0.25")}
    raw = list(csv.reader(io.StringIO(asked(capsys, "query", sql, "-f", "csv", "--raw"), newline="")))
    assert [row[0] for row in raw] == ["=t", *FORMULAS, "5-3"]


def test_xlsx_holds_types_and_no_formula(home: Path, capsys):
    sql = (
        "select '=1+1' as t, date '2026-02-05' as d, timestamp '2026-02-05 22:05:00' as m, 1.5 as x, -3 as i, "
        "true as b, 2.50::decimal(9, 2) as e, 9007199254740993 as big, 'nan'::double as n, null as z, 'a\x07b' as c, "
        "timestamptz '2026-02-05 17:05:00-05' as tz, date '1850-01-01' as old, 2 as t; from carry_daily"
    )
    asked(capsys, "query", sql, "-o", "x.xlsx")
    book = openpyxl.load_workbook("x.xlsx")
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]] == [*"tdmxibe", "big", "n", "z", "c", "tz", "old", "t_1"]
    row = sheet[2]
    assert row[0].data_type == "s"
    moment = datetime(2026, 2, 5, 22, 5)
    assert [cell.value for cell in row] == [
        *("=1+1", datetime(2026, 2, 5), moment, 1.5, -3, True, 2.5, "9007199254740993", None, None, "ab", moment),
        *("1850-01-01", 2),
    ]
    assert row[1].is_date
    assert [len(list(one.rows)) for one in book.worksheets] == [2, 4]


def test_json_is_strict_and_keeps_digits(home: Path, capsys):
    sql = (
        "select 'nan'::double as n, 'inf'::double as i, -exp(1000.0) as e, 'nan'::float as f, "
        "[1.5, 'nan'::double] as l, {'a': 'inf'::double, 'b': null} as s, "
        "12345678901234567890.123456789::decimal(38, 9) as d, 170141183460469231731687303715884105727::hugeint as h, "
        "true as b, date '2026-02-05' as day, '\"\\' as q"
    )
    text = asked(capsys, "query", sql, "-f", "json")

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(text, parse_constant=refuse, parse_float=Decimal)[0]
    assert [found[name] for name in "nief"] == [None] * 4
    assert found["l"] == [Decimal("1.5"), None]
    assert found["s"] == {"a": None, "b": None}
    assert found["d"] == Decimal("12345678901234567890.123456789")
    assert found["h"] == 170141183460469231731687303715884105727
    assert (found["b"], found["day"], found["q"]) == (True, "2026-02-05", '"\\')


SAME_NAMES = "select 1 as a, 2 as A, 3 as a, 4 as a_1"


def test_equal_names_stay_apart_in_every_format(home: Path, capsys):
    names = ["a", "A_2", "a_3", "a_1"]
    assert distinct(["a", "A", "a", "a_1"]) == names
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a_1", "a_2"]
    assert json.loads(asked(capsys, "query", SAME_NAMES, "-f", "json")) == [dict(zip(names, [1, 2, 3, 4], strict=True))]
    assert asked(capsys, "query", SAME_NAMES, "-f", "csv") == "a,A_2,a_3,a_1\n1,2,3,4\n"
    assert asked(capsys, "query", SAME_NAMES, "-f", "md").startswith("| a | A_2 | a_3 | a_1 |\n")
    for form in ("table", "record"):
        assert all(name in asked(capsys, "query", SAME_NAMES, "-f", form) for name in names)
    asked(capsys, "query", SAME_NAMES, "-o", "x.parquet")
    assert pl.read_parquet("x.parquet").columns == names
    asked(capsys, "query", SAME_NAMES, "-o", "x.xlsx")
    assert [cell.value for cell in openpyxl.load_workbook("x.xlsx").worksheets[0][1]] == names


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("x.csv", b"session_date,"),
        ("x.JSON", b"[\n {"),
        ("x.md", b"| session_date |"),
        ("x.parquet", b"PAR1"),
        ("x.xlsx", b"PK"),
        ("x.txt", b"session_date  "),
    ],
)
def test_the_name_of_the_file_says_the_format(name: str, begins: bytes, home: Path, tmp_path: Path, capsys):
    asked(capsys, "query", "from carry_daily", "-o", name)
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", name]


def test_what_has_no_format_or_no_file(home: Path, capsys):
    assert cli.call(["query", "select 1", "-o", "x.abc"]) == 2
    assert "--format" in capsys.readouterr().err
    assert cli.call(["query", "select 1", "-f", "xlsx"]) == 2
    assert "--output" in capsys.readouterr().err
    assert cli.call(["query", "select interval '1 month'", "-o", "x.parquet"]) == 2
    assert "parquet cannot hold" in capsys.readouterr().err
    asked(capsys, "query", "select 1 as a", "-f", "csv", "-o", "x.abc")
    assert Path("x.abc").read_text() == "a\n1\n"


def test_decimals_bytes_and_nested_values_are_readable(home: Path, capsys):
    sql = (
        "select 0::decimal(18, 10) as d, 1e-7::double as f, '\\xAB'::blob as b, [date '2026-02-05'] as l, {'a': 1} as s"
    )
    assert asked(capsys, "query", sql, "-f", "csv").splitlines()[1] == (
        '0.0000000000,1e-07,ab,"[""2026-02-05""]","{""a"": 1}"'
    )


# -- statements, where SQL comes from, the dictionary ------------------------------------------------------------


def test_each_statement_gives_its_result(home: Path, capsys):
    both = "select 1 as a; set variable x = 3; select getvariable('x') as b"
    text = asked(capsys, "query", both)
    assert text.count("(1 row)") == 2
    assert json.loads(asked(capsys, "query", both, "-f", "json")) == [[{"a": 1}], [{"b": 3}]]
    assert cli.call(["query", both, "-f", "csv"]) == 2
    assert "2" in capsys.readouterr().err
    assert asked(capsys, "query", "set variable x = 3; select getvariable('x') as b;", "-f", "csv") == "b\n3\n"
    assert cli.call(["query", " ; -- nothing"]) == 2


def test_sql_from_a_file_and_from_standard_input(home: Path, tmp_path: Path, capsys, monkeypatch):
    (tmp_path / "q.sql").write_text("\ufeffselect 41 + 1 as a", encoding="utf-8")
    assert asked(capsys, "query", "--file", "q.sql", "-f", "csv") == "a\n42\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("select 7 as a"))
    assert asked(capsys, "as-of", "2023-03-13 09:15", "-", "-f", "csv") == "a\n7\n"
    for wrong in ([], ["select 1", "--file", "q.sql"], ["--file", "gone.sql"]):
        assert cli.call(["query", *wrong]) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_an_sql_error_comes_first_and_alone(home: Path, capsys):
    assert cli.call(["query", "selec 1"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("tidegauge: Parser Error: syntax error")
    assert "Usage" not in printed


def test_the_dictionary(home: Path, capsys):
    tables = json.loads(asked(capsys, "tables", "-f", "json"))
    assert {
        "table": "marts.carry_daily",
        "rows": 3,
        "columns": 3,
        "as_of": "yes",
        "holds": "carry_daily, one row each.",
    } in tables
    assert {row["table"]: row["as_of"] for row in tables} == {
        "marts.carry_daily": "yes",
        "marts.knowledge": "no",
        "meta.as_of": "",
        "meta.build": "",
    }
    columns = json.loads(asked(capsys, "describe", "carry_daily", "-f", "json"))
    assert columns[1] == {
        "column": "carry_2y_bp",
        "type": "DOUBLE",
        "holds": "Basis points; US less Japanese 2-year yield",
    }
    assert asked(capsys, "describe", "meta.build", "-f", "csv").startswith("column,type,holds\nbuild_id,")
    assert cli.call(["describe", "carry"]) == 2
    assert "marts.carry_daily" in capsys.readouterr().err
    found = json.loads(asked(capsys, "search", "JAPANESE", "-f", "json"))
    assert [row["place"] for row in found] == ["marts.carry_daily.carry_2y_bp"]
    assert "marts.new_york" in asked(capsys, "search", "clocks in New York")
    assert "(0 rows" in asked(capsys, "search", "it's not there")
    assert cli.call(["describe", "knowledge"]) == 0
    assert "cannot be read as of a moment" in capsys.readouterr().err


def test_a_mart_without_a_past_says_why(home: Path, capsys):
    for arguments in (
        ["as-of", "2023-03-13", "select count(*) from marts.knowledge"],
        ["as-of", "2023-03-13", "from knowledge"],
        ["query", "from marts.knowledge_as_of(timestamp '2023-03-13')"],
        ["query", "select series_id from knowledge_at"],
    ):
        assert cli.call(arguments) == 2
        printed = capsys.readouterr().err
        assert "marts.knowledge cannot be read as of a moment: it says how well moments are known" in printed
        assert "Did you mean" not in printed
    assert asked(capsys, "as-of", "2023-03-13", "select series_id from tidegauge.marts.knowledge", "-f", "csv")


def test_as_of_reads_the_moment_of_the_command_line(home: Path, capsys):
    sql = "select max(session_date) as d from carry_daily"
    assert asked(capsys, "as-of", "2023-03-13 09:15", sql, "-f", "csv") == "d\n2023-03-13\n"
    assert asked(capsys, "as-of", "2023-03-13 08:59", sql, "-f", "csv") == "d\n2023-03-10\n"
    assert cli.call(["as-of", "2023-03-13", "set variable as_of = null; " + sql]) == 2
    assert "command line" in capsys.readouterr().err


def test_version_and_completion(capsys, monkeypatch):
    assert asked(capsys, "--version").startswith("tidegauge 0.")
    assert "--install-completion" in asked(capsys, "--help")


def test_a_reader_that_has_seen_enough_is_no_error(home: Path):
    code = "import sys; from orchestration import cli; sys.exit(cli.call(sys.argv[1:]))"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    for form in ("csv", "json", "record"):
        command = [sys.executable, "-c", code, "query", "select repeat('x', 300) as a from range(900)", "-f", form]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(60) == 0, running.stderr and running.stderr.read()
        assert running.stderr is not None
        assert b"Error" not in running.stderr.read()


def test_nothing_published_names_a_home_beside_it(tmp_path: Path, monkeypatch, capsys):
    publish_small(tmp_path / "data" / "demo" / "published" / "tidegauge.duckdb")
    monkeypatch.delenv("TIDEGAUGE_HOME")
    monkeypatch.chdir(tmp_path)
    for command in (["query", "select 1"], ["tables"], ["releases"], ["status"], ["describe", "x"]):
        assert cli.call(command) == 7
        assert "TIDEGAUGE_HOME=data/demo" in capsys.readouterr().err
