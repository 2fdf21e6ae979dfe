"""ICI's published weeks, in a workbook of the documented layout: no recorded workbook is in the folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingest.sources.ici import ici
from tests.unit.fakes import payload_of
from tests.unit.fund_files import xls
from tests.unit.test_ici import GROUPS, LABELS

COLUMNS = {
    "total": "total",
    "equity": "equity",
    "domestic_equity": "domestic_equity",
    "world_equity": "world_equity",
    "hybrid": "hybrid",
    "bond": "bond",
    "taxable_bond": "taxable_bond",
    "muni_bond": "municipal_bond",
    "commodity": "commodity",
}


@pytest.mark.parametrize("release", ["2023-12-05", "2024-02-27"])
def test_published_weeks_pass_every_check_and_come_out_as_printed(real_data: Path, release: str) -> None:
    printed = pl.read_csv(real_data / "ici" / "ici_etf_net_issuance_transcribed.csv", try_parse_dates=True)
    printed = printed.filter(pl.col("release_date") == pl.lit(release).str.to_date())
    assert printed.height == 5
    weeks = [
        [f"{row['week_ended']:%m/%d/%Y}", *(row[name] for name in COLUMNS)] for row in printed.iter_rows(named=True)
    ]
    body = xls([["Estimated ETF Net Issuance"], ["Millions of dollars"], GROUPS, LABELS, *weeks], ici.SHEET)
    payload = payload_of("ici", body, meta={"part": "weekly", "year": release[:4]})
    rows = ici.parse(payload)["ici.weekly_flows"]
    theirs = printed.rename(COLUMNS).unpivot(list(COLUMNS.values()), index="week_ended", variable_name="category")
    both = rows.join(theirs, left_on=["week_end_date", "category"], right_on=["week_ended", "category"])
    assert both.height == rows.height == 5 * 9
    assert both["flow_usd_mn"].to_list() == both["value"].to_list()
