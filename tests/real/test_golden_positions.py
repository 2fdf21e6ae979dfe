"""Golden figures of positioning: the CFTC's own file and JSON, and the marts over what was out by then."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ingest.sources.cftc import cftc
from ingest.sources.finra import short_interest, short_volume
from tests.unit.fakes import payload_of

# contract, net of asset managers, net of leveraged funds, its share of the open interest in percent
JUNE_9 = [
    ("13874A", 2_203_164, 984_086, -451_586, -20.50),
    ("097741", 505_075, -78_076, -99_844, -19.77),
    ("043602", 5_251_295, 2_412_885, -1_979_511, -37.70),
    ("1170E1", 410_407, -26_394, -35_290, -8.60),
    ("232741", 314_177, -12_083, 42_292, 13.46),
]


@pytest.fixture(scope="module")
def pack(real_data: Path) -> Path:
    return real_data / "packs/p3_positioning"


@pytest.fixture(scope="module")
def year(pack: Path) -> pl.DataFrame:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(pack / "FinFutYY_2026_native.txt", "FinFutYY.txt")
    meta = {"kind": "year", "first": "2026-01-01", "last": "2026-12-31"}
    return cftc.parse(payload_of("cftc", body.getvalue(), meta=meta))[cftc.TABLE]


def nets(rows: pl.DataFrame, code: str, day: date) -> tuple[int, int, int]:
    row = rows.row(by_predicate=(pl.col("contract_code") == code) & (pl.col("report_date") == day), named=True)
    managers = row["asset_manager_long_contracts"] - row["asset_manager_short_contracts"]
    return row["open_interest_contracts"], managers, row["leveraged_long_contracts"] - row["leveraged_short_contracts"]


@pytest.mark.parametrize(("code", "interest", "managers", "funds", "share"), JUNE_9)
def test_the_report_of_june_9(year, code, interest, managers, funds, share):
    assert nets(year, code, date(2026, 6, 9)) == (interest, managers, funds)
    assert round(100 * funds / interest, 2) == share


def test_the_json_of_september(pack: Path):
    meta = {"kind": "json", "first": "2026-09-01", "last": "2026-09-15"}
    body = (pack / "cftc_tff_socrata_gpe5-46if_13874A.json").read_bytes()
    rows = cftc.parse(payload_of("cftc", body, meta=meta))[cftc.TABLE]
    interest, managers, funds = nets(rows, "13874A", date(2026, 9, 15))
    assert (interest, managers, funds) == (2_446_519, 904_684, -293_143)
    assert (round(100 * managers / interest, 1), round(100 * funds / interest, 2)) == (37.0, -11.98)


def test_every_row_of_our_contracts_adds_up(year):
    sides = [name for name in year.columns if name.endswith("_contracts") and "open_interest" not in name]
    for side in ("long", "short"):
        parts = [name for name in sides if f"_{side}_" in name or "_spread_" in name]
        assert year.filter(pl.sum_horizontal(parts) != pl.col("open_interest_contracts")).is_empty()
    assert year.height == 27 * 23


def test_short_interest_of_july_2021(pack: Path):
    meta = {"day": "2021-07-15", "symbols": "AAPL,AAL,ABNB,BRK-B"}
    body = (pack / "finra_shrt20210715_head.csv").read_bytes()
    rows = short_interest.parse(payload_of("finra", body, meta=meta))[short_interest.TABLE]
    found = {row["ticker"]: row for row in rows.iter_rows(named=True)}
    assert found.keys() == {"AAPL", "AAL", "ABNB"}
    apple, airline = found["AAPL"], found["AAL"]
    assert (apple["short_shares"], apple["previous_short_shares"], apple["change_pct"]) == (
        96_355_309,
        90_213_531,
        6.81,
    )
    assert round(100 * (apple["short_shares"] / apple["previous_short_shares"] - 1), 2) == 6.81
    assert (airline["short_shares"], airline["average_daily_volume_shares"]) == (91_490_076, 28_871_308)
    assert (
        round(airline["short_shares"] / airline["average_daily_volume_shares"], 2) == airline["days_to_cover"] == 3.17
    )


def test_short_interest_of_july_2026_by_api(pack: Path):
    meta = {"day": "2026-07-31", "symbols": "NVDA,MVIS,AAALF"}
    body = (pack / "finra_query_api_short_interest_2026-07-31.json").read_bytes()
    rows = short_interest.parse(payload_of("finra", body, meta=meta))[short_interest.TABLE]
    days = dict(rows.select("ticker", "days_to_cover").iter_rows())
    assert days == {"NVDA": 2.47, "MVIS": 6.73, "AAALF": 999.99}
    chips = rows.row(by_predicate=pl.col("ticker") == "NVDA", named=True)
    assert (chips["short_shares"], chips["average_daily_volume_shares"]) == (324_052_767, 131_174_356)
    assert round(chips["short_shares"] / chips["average_daily_volume_shares"], 2) == 2.47


def test_short_volume_of_july_30(pack: Path):
    meta = {"day": "2026-07-30", "symbols": "AAPL,BRK-B,MSFT"}
    body = (pack / "CNMSshvol20260730.txt").read_bytes()
    rows = short_volume.parse(payload_of("finra", body, meta=meta))[short_volume.TABLE]
    assert rows["ticker"].to_list() == ["AAPL", "BRK-B", "MSFT"]
    apple = rows.row(0, named=True)
    assert (apple["short_volume_shares"], apple["total_volume_shares"]) == (9_699_860.835956, 20_246_331.798531)
    assert round(100 * apple["short_volume_shares"] / apple["total_volume_shares"], 2) == 47.91


def test_what_the_recorded_moment_knew(published, year):
    """The folder stands on Monday 2026-04-27: the report of the 21st was out on Friday, later ones are not there."""
    rows = published.execute(
        "select contract_code, net_contracts from marts.positioning_weekly"
        " where report_date = '2026-04-21' and trader_class = 'leveraged'"
    ).fetchall()
    assert len(rows) == 27
    for code, net in rows:
        assert nets(year, code, date(2026, 4, 21))[2] == net
    assert published.execute("select max(report_date) from marts.positioning_weekly").fetchone() == (date(2026, 4, 21),)
    known = dict(
        published.execute(
            "select session_date, sp500_report_date from marts.positioning_known_daily"
            " where session_date >= '2026-04-23'"
        ).fetchall()
    )
    assert known[date(2026, 4, 23)] == date(2026, 4, 14)
    assert max(known) == date(2026, 4, 23), "the cut-off of the 24th has not passed"


def test_the_whole_run_refused_no_row_of_the_packs(warehouse):
    """Of the recordings that are later than the folder, test_golden_late_packs says the same."""
    rows = warehouse.execute(
        "select table_id, reason, count(*) from quarantine.refused_rows where source in"
        " ('cftc', 'finra', 'sec', 'cboe', 'alternative_me', 'wikimedia', 'user_file') group by all order by all"
    ).fetchall()
    assert rows == []
    refused = warehouse.execute("select count(*) from ops.snapshot_files where part = 'refused'").fetchone()
    assert refused == (0,)
