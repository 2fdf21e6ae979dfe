"""What may not be passed on is in no copy of the release, in no format, and what is missing is listed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import openpyxl
import pytest

from ingest.errors import TargetUnusable
from ingest.home import Home
from serving.publish.licence import Gated, gate
from serving.publish.publishing import copy_to_folder
from serving.publish.quoted_figures import unquoted, without_figures
from serving.publish.release import opened, tables_of
from tests.unit.publish_home import MOVES, SPREADS, publish_release

FORMS = ("parquet", "csv", "xlsx")
FIGURES = {*SPREADS, *MOVES, *(one / 100 for one in SPREADS), 46123.4, 6401.5}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("licence"))
    publish_release(home)
    return home


def gated(home: Home, **options: bool) -> Gated:
    with opened(home) as con:
        return gate(con, tables_of(con), **{"include_restricted": False, **options})


def test_columns_that_are_one_restricted_series_are_left_out_and_what_is_made_of_it_stays(home):
    columns = {(one.table_path, one.column_name) for one in gated(home).left_out if one.what == "column"}
    assert columns == {
        ("marts.credit_daily", "hy_oas_bp"),
        ("marts.market_daily", "hy_oas_bp"),
        ("marts.market_daily", "hy_oas_pct"),
        ("marts.market_daily", "move_index"),
        ("marts.banks_weekly", "pboc_assets_number"),
        ("marts.banks_weekly", "pboc_assets_usd_bn"),
    }


def test_rows_of_restricted_series_are_left_out_and_counted(home):
    rows = {one.table_path: (one.series_ids, one.rows_count) for one in gated(home).left_out if one.what == "rows"}
    assert rows == {"marts.observations": ("hy_oas, move", 3), "marts.regime_known_episodes": ("hy_oas_bp", 1)}


def test_what_was_asked_of_a_restricted_series_is_left_out_of_its_row(home, tmp_path):
    figures = [one for one in gated(home).left_out if one.what == "figures"]
    assert [(one.table_path, one.column_name, one.rows_count) for one in figures] == [
        ("claims.facts", "known_now_number", 1)
    ]
    copy_to_folder(home, "csv", tmp_path)
    (path,) = tmp_path.rglob("*facts*.csv")
    held = path.read_text()
    assert "a_rate,4.33" in held
    assert "a_spread,," in held


def test_texts_no_longer_quote_restricted_figures(home, tmp_path):
    texts = {(one.table_path, one.column_name) for one in gated(home).left_out if one.what == "figures in texts"}
    assert texts == {
        ("marts.regime_daily", "explain_text"),
        ("marts.regime_daily", "inputs_json"),
        ("meta.regime_ledger", "row_json"),
        ("meta.quality", "detail"),
    }
    copy_to_folder(home, "parquet", tmp_path)
    said, inputs = duckdb.execute(
        f"select explain_text, inputs_json from '{tmp_path}/parquet/marts/regime_daily.parquet'"
    ).fetchall()[0]
    assert said == "CALM: the high-yield spread (left out) bp (+12 in 21 sessions), MOVE (left out), VIX 15.4."
    assert json.loads(inputs) == {
        "credit": {
            "hy_oas_bp": {"obs_date": "2026-02-03", "is_left_out": True},
            "hy_oas_change_21d_bp": {"value": 12.0},
        },
        "days": [{"move_index": None, "vix_index": 15.4}],
    }


def cells_of(form: str, folder: Path) -> set[str]:
    """Return every cell of what was written, as text."""
    if form == "xlsx":
        book = openpyxl.load_workbook(folder / "xlsx" / "tidegauge.xlsx", read_only=True)
        return {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    found = set()
    for path in (folder / form).rglob(f"*.{form}"):
        reader = f"read_csv('{path}', all_varchar = true, header = true)" if form == "csv" else f"'{path}'"
        found |= {str(cell) for row in duckdb.execute(f"from {reader}").fetchall() for cell in row}
    return found


@pytest.mark.parametrize("form", FORMS)
def test_no_copy_has_a_restricted_figure_unless_it_was_asked_for(home, tmp_path, form):
    told = copy_to_folder(home, form, tmp_path).lines
    cells = cells_of(form, tmp_path)
    assert not {str(one) for one in FIGURES} & cells
    assert not [cell for cell in cells for one in FIGURES if str(one) in cell or f" {one:.0f} bp" in cell]
    assert any("left out of marts.credit_daily: hy_oas_bp" in line for line in told)
    manifest = json.loads((tmp_path / form / "manifest.json").read_text())
    assert ["marts.credit_daily", "hy_oas_bp"] in [
        [one["table_path"], one["column_name"]] for one in manifest["left_out"]
    ]
    assert "figures in texts" in cells, "the table left_out is in the copy too"
    copy_to_folder(home, form, tmp_path, include_restricted=True)
    assert {str(SPREADS[0]), str(MOVES[1])} <= cells_of(form, tmp_path)
    assert "restricted" in json.loads((tmp_path / form / "manifest.json").read_text())["notes"][0]


def test_a_release_that_does_not_say_how_inputs_are_used_is_not_copied(home, tmp_path):
    old = Home(tmp_path)
    publish_release(old)
    with duckdb.connect(str(old.published)) as con:
        con.execute("alter table meta.lineage drop column input_use")
    with pytest.raises(TargetUnusable, match="Run `tidegauge publish` first, or give --include-restricted"):
        gated(old)
    assert not gated(old, include_restricted=True).left_out


def test_numbers_in_sentences_are_told_apart():
    assert unquoted("2 points, 1,087 bp, 10-year, 1087.4", {1087.0, 2.0}) == "2 points, (left out) bp, 10-year, 1087.4"
    assert without_figures("no json", {"a"}) == "no json"
    assert without_figures('{"b":1}', {"a"}) == '{"b":1}'
