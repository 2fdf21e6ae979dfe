"""A release as files: what is in them, how they say what they are, and that a folder always holds one whole release."""

from __future__ import annotations

import csv
import hashlib
import json
import threading
from datetime import datetime
from pathlib import Path

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from ingest.errors import QueryRefused, TargetUnusable
from ingest.home import Home
from orchestration import cli
from serving.publish import files, workbook
from serving.publish.publishing import copy_to_folder
from tests.unit.publish_home import ODD_TEXTS, publish_release


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    home = Home(tmp_path / "home")
    publish_release(home)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    return home


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def test_parquet_says_what_it_is(home, out):
    copy_to_folder(home, "parquet", out)
    schema = pq.read_schema(out / "parquet" / "marts" / "credit_daily.parquet")
    said = {name.decode(): value.decode() for name, value in schema.metadata.items()}
    assert (said["build_id"], said["origin"], said["is_simulated"]) == ("b1", "SIMULATED", "true")
    assert said["comment"] == "SIMULATED. Spreads. It's one row per session."
    assert json.loads(said["key"]) == ["session_date"]
    told = schema.field("hy_oas_change_21d_bp").metadata
    assert (told[b"unit"], told[b"comment"]) == (b"basis points", b"Basis points; a \\ and a 'quote'")
    assert json.loads(said["columns"])["hy_oas_change_21d_bp"]["unit"] == "basis points"
    path = out / "parquet" / "marts" / "odd_values.parquet"
    assert {pq.ParquetFile(path).metadata.row_group(0).column(0).compression} == {"ZSTD"}
    cells = "note_text, value_ratio::varchar, big_count::varchar"
    written = duckdb.execute(f"select {cells} from '{path}' order by row_number").fetchall()
    with duckdb.connect(str(home.published), read_only=True) as con:
        assert written == con.execute(f"select {cells} from marts.odd_values order by row_number").fetchall()


def test_the_manifest_measures_every_file(home, out):
    lines = copy_to_folder(home, "csv", out).lines
    folder = out / "csv"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["build_id"], manifest["origin"], manifest["is_simulated"]) == ("b1", "SIMULATED", True)
    written = {one["file"]: one for one in manifest["files"]}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.csv")} == set(written)
    for name, one in written.items():
        held = (folder / name).read_bytes()
        assert (one["bytes"], one["sha256"]) == (len(held), hashlib.sha256(held).hexdigest())
        assert one["rows"] == len(list(csv.reader((folder / name).read_text("utf-8").splitlines(keepends=True)))) - 1
    assert written["marts/observations.csv"]["rows"] == 2, "three rows are of restricted series"
    assert lines[0] == f"SIMULATED. {folder}: {len(written)} tables, release b1"
    assert lines[-1] == "1 series of the class personal_use are in it: for your own use, not for passing on."


def test_csv_keeps_text_and_no_cell_is_a_formula(home, out):
    copy_to_folder(home, "csv", out)
    held = (out / "csv" / "marts" / "odd_values.csv").read_text("utf-8")
    rows = list(csv.DictReader(held.splitlines(keepends=True)))
    expected = [f"'{one}" if one and one[0] in "=+-@\t" else one or "" for one in ODD_TEXTS]
    assert [row["note_text"] for row in rows] == expected
    assert [row["small_count"] for row in rows] == [str(-place) for place in range(10)], "numbers keep their sign"
    assert '\n0,"",' in held, "empty text is quoted"
    assert "\n1,," in held, "NULL is not"
    dictionary = list(csv.DictReader((out / "csv" / "meta" / "dictionary.csv").open(encoding="utf-8", newline="")))
    (row,) = [
        one for one in dictionary if (one["table_path"], one["column_name"]) == ("marts.credit_daily", "session_date")
    ]
    assert (row["data_type"], row["is_key"]) == ("DATE", "true")
    assert row["table_comment"].startswith("SIMULATED. ")


def test_a_workbook_has_dates_as_dates_and_text_as_text(home, out):
    copy_to_folder(home, "xlsx", out)
    book = openpyxl.load_workbook(out / "xlsx" / "tidegauge.xlsx")
    assert book.sheetnames[:3] == ["README", "dictionary", "left_out"]
    readme = {row[0].value: row[1].value for row in book["README"].iter_rows()}
    assert readme["SIMULATED"] == "SIMULATED. These figures are not today's market"
    assert readme["credit_daily"] == "all rows. SIMULATED. Spreads. It's one row per session."
    odd = book["odd_values"]
    cells = {cell.value: place for place, cell in enumerate(odd[1])}
    assert isinstance(odd.cell(2, cells["seen_date"] + 1).value, datetime)
    notes = [row[cells["note_text"]] for row in odd.iter_rows(min_row=2)]
    assert {cell.data_type for cell in notes if cell.value} == {"s"}, "and no formula"
    assert "=1+1" in {cell.value for cell in notes}


def test_a_table_that_is_too_long_shows_its_newest_rows_or_says_why_not(home, out, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_CELLS", 8)
    lines = copy_to_folder(home, "xlsx", out).lines
    assert "marts.credit_daily: the 2 most recent of 3 rows, by session_date" in lines
    book = openpyxl.load_workbook(out / "xlsx" / "tidegauge.xlsx")
    days = [row[0].value.date().isoformat() for row in book["credit_daily"].iter_rows(min_row=2)]
    assert days == ["2026-02-03", "2026-02-04"]
    assert any(line.startswith("marts.odd_values: no sheet: longer than a sheet") for line in lines)
    assert "odd_values" not in book.sheetnames
    copy_to_folder(home, "xlsx", out, only=["credit_daily"])
    book = openpyxl.load_workbook(out / "xlsx" / "tidegauge.xlsx")
    assert (book["credit_daily"].max_row, "market_daily" in book.sheetnames) == (4, False), "asked for: whole"


def test_readers_of_a_folder_meet_whole_releases(home, out):
    copy_to_folder(home, "parquet", out)
    stop, seen, trouble = threading.Event(), set(), []

    def read() -> None:
        con = duckdb.connect()
        try:
            while not stop.wait(0.001):
                folder = (out / "parquet").resolve()
                tables = (f"'{folder}/meta/build.parquet'", f"'{folder}/marts/market_daily.parquet'")
                found = {con.execute(f"select max(generation_count) from {one}").fetchone() for one in tables}
                assert len(found) == 1
                seen.update(found)
        except BaseException as error:  # noqa: BLE001  # told below, in the thread of the test
            trouble.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for generation in (2, 3):
        publish_release(home, f"b{generation}", generation=generation)
        copy_to_folder(home, "parquet", out)
    stop.set()
    reader.join()
    assert not trouble
    assert seen <= {(1,), (2,), (3,)}
    kept = sorted(path.name.split("-")[1] for path in out.iterdir() if not path.is_symlink())
    assert kept == ["b2", "b3"], "the one before stays for those who have it open"


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), duckdb.IOException("No space left on device")]
)
def test_what_fails_half_way_leaves_the_old_release(home, out, monkeypatch, error):
    copy_to_folder(home, "parquet", out)
    before = (out / "parquet").resolve()
    publish_release(home, "b2")

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(files, "_entry", full)
    with pytest.raises(TargetUnusable, match=r"cannot write .*: No space left on device; .*parquet is what it was"):
        copy_to_folder(home, "parquet", out)
    assert (out / "parquet").resolve() == before
    assert sorted(path.name for path in out.iterdir()) == sorted(["parquet", before.name])


def test_folders_of_others_and_of_the_home_are_left_alone(home, out, capsys):
    (out / "parquet").mkdir(parents=True)
    (out / "parquet" / "precious.txt").write_text("mine")
    with pytest.raises(TargetUnusable, match="is there and tidegauge did not make it"):
        copy_to_folder(home, "parquet", out)
    (out / "csv").symlink_to("elsewhere")
    with pytest.raises(TargetUnusable, match="is a link to elsewhere, which tidegauge did not make"):
        copy_to_folder(home, "csv", out)
    (out / "csv-2020").mkdir()
    copy_to_folder(home, "xlsx", out)
    assert (out / "csv-2020").is_dir()
    with pytest.raises(QueryRefused, match="belongs to tidegauge: name a folder elsewhere"):
        copy_to_folder(home, "csv", home.releases.parent / "published" / "new" / "deeper")
    assert not (home.published.parent / "new").exists()
    assert cli.call(["publish", "--to", "csv", "--out", str(out / "file"), "--table", "nothing"]) == 2
    assert "there is no such table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "x"], "say where to with --to"),
        (["--include-restricted"], "say where to with --to"),
        (["--to", "parquet"], "--to parquet needs --out FOLDER"),
        (["--to", "csv", "--out", "x", "--role", "r"], "--dsn, --schema and --role go with --to postgres"),
        (["--to", "csv", "--out", "x", "--accept-loss"], "--accept-loss and --full-build are for a new release"),
        (["--to", "sqlite"], "sqlite"),
    ],
)
def test_options_that_do_not_go_together_are_refused(home, capsys, arguments, told):
    assert cli.call(["publish", *arguments]) == 2
    assert told in capsys.readouterr().err
