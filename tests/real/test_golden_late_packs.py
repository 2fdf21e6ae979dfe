"""Recordings of the packs that are not of the folder's time: read, judged, landed, computed, built by dbt, in one home.

The folder's other files end in April 2026, so chains of August, positions of June and September, short interest of
2021 and of July, and a data set of 13F do not go into the session's real home.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.options.implied_volatility_tables import update_at_the_money
from analytics.options.tables import update_options
from ingest.archive import Archive
from ingest.batch import Batch
from ingest.catalog import load_catalog
from ingest.clock import clock_at, naive_utc
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.cftc import cftc
from ingest.sources.finra import short_interest, short_volume
from orchestration.ingestion import judge
from simulator.folder_iv import earnings_file, native_chain
from tests.cli import ROOT
from tests.real.test_golden_filings import read as read_13f
from tests.real.test_golden_positions import JUNE_9
from tests.unit.fakes import payload_of
from warehouse.connection import migrate
from warehouse.landing import land
from warehouse.reference import replace_reference

NOW = datetime(2026, 9, 21, 14, 20, tzinfo=UTC)
CHAINS = (
    "p10_iv/WMT_chain_2026-08-19T2247.json",
    "p10_iv/WMT_chain_2026-08-20T1007.json",
    "p4_gamma/NVDA_chain_cboe_greeks_2026-08-22.json",
)
INTEREST = "finra_shrt20210715_head.csv"
MARTS = (
    *("sessions", "single_name_iv_daily", "earnings_iv_events", "dealer_gamma_daily", "dealer_gamma_strikes"),
    *("positioning_weekly", "short_interest_semimonthly", "short_volume_daily"),
    *("holdings_13f_filed", "holdings_13f_quarterly"),
)


@pytest.fixture(scope="module")
def marts(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build file with MARTS. No row of the recordings is refused on the way."""
    home, packs = tmp_path_factory.mktemp("late"), real_data / "packs"
    files = home / "user_files"
    (files / "option_chains").mkdir(parents=True)
    for name in CHAINS:
        (files / "option_chains" / Path(name).name).write_bytes(native_chain(packs / name))
    for stem, text in earnings_file(real_data).items():
        (files / f"{stem}.csv").write_text(text)
    path, catalog = home / "warehouse.duckdb", load_catalog()
    settings = Settings(_env_file=None, home=home)
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'UTC'")
        migrate(con)
        replace_reference(con, catalog, NOW)
        batches = [*_collected(settings), *_recorded(packs), _batch("sec", "sec_13f", read_13f(real_data))]
        for batch in batches:
            gated = judge(con, batch, catalog)
            assert gated.held_back is None
            assert {name: rows.height for name, rows in gated.refused.items() if rows.height} == {}
            land(con, batch, gated, catalog, "a run", NOW, snapshots=home / "snapshots")
        assert update_at_the_money(con, home / "snapshots") == len(CHAINS)
        assert update_options(con, home / "snapshots").chains == len(CHAINS)
    _build(path, home / "dbt")
    return path


def _collected(settings: Settings) -> Iterator[Batch]:
    for name in ("user_chains", "user_earnings"):
        with Upstream(settings, clock_at(NOW), Archive(settings.home / "archive")) as http:
            batch = collect(connector(name), FetchContext("user_file", settings, clock_at(NOW), http))
        assert not batch.problems
        yield batch


def _recorded(packs: Path) -> Iterator[Batch]:
    folder = packs / "p3_positioning"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "FinFutYY_2026_native.txt", "FinFutYY.txt")
    year = {"kind": "year", "first": "2026-01-01", "last": "2026-12-31"}
    json = {"kind": "json", "first": "2026-09-01", "last": "2026-09-15"}
    body = (folder / "cftc_tff_socrata_gpe5-46if_13874A.json").read_bytes()
    for raw, meta in ((packed.getvalue(), year), (body, json)):
        yield _batch("cftc", "cftc", cftc.parse(payload_of("cftc", raw, meta=meta)))
    for module, name, day, symbols in (
        (short_interest, INTEREST, "2021-07-15", _symbols(folder / INTEREST)),
        (short_interest, "finra_query_api_short_interest_2026-07-31.json", "2026-07-31", "NVDA,MVIS,AAALF"),
        (short_volume, "CNMSshvol20260730.txt", "2026-07-30", "AAPL,BRK-B,MSFT"),
    ):
        payload = payload_of("finra", (folder / name).read_bytes(), meta={"day": day, "symbols": symbols})
        yield _batch("finra", module.__name__.rsplit(".", 1)[-1], module.parse(payload))


def _symbols(path: Path) -> str:
    """Return every symbol of a file of short interest, also preferred shares and those with hardly any volume."""
    header, *lines = path.read_text().splitlines()
    at = header.split("|").index("symbolCode")
    return ",".join(line.split("|")[at] for line in lines if line.strip())


def _batch(source: str, name: str, tables: Mapping[str, pl.DataFrame]) -> Batch:
    seen = pl.lit(naive_utc(NOW), dtype=pl.Datetime("us")).alias("fetched_at")
    return Batch(source, {table: rows.with_columns(seen) for table, rows in tables.items()}, (), (), (), NOW, name)


def _build(warehouse: Path, target: Path) -> None:
    from dbt.cli.main import dbtRunner

    project = str(ROOT / "dbt_project")
    flags = ["--project-dir", project, "--profiles-dir", project, "--quiet", "--log-level-file", "none"]
    flags += ["--target-path", str(target), "--log-path", str(target)]
    variables = '{"run_at": "2026-09-21 14:20:00", "origin": "REAL FOLDER", "run_id": "test"}'
    chosen = ["--select", *MARTS, "--exclude-resource-type", "unit_test"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGAUGE_WAREHOUSE", str(warehouse))
        done = dbtRunner().invoke(["build", *chosen, "--vars", variables, *flags])
    assert done.success, done.exception or [one.message for one in done.result]


@pytest.fixture
def con(marts: Path):
    with duckdb.connect(str(marts)) as found:  # dbt has it open in this process
        yield found


def test_thirty_days_before_and_after(con):
    rows = con.execute(
        "select session_date, round(spot_usd, 2), round(iv_30d_pct, 2), round(iv_front_pct, 2), front_expiry_date"
        " from marts.single_name_iv_daily where symbol = 'WMT' order by snapshot_at"
    ).fetchall()
    assert rows == [
        (date(2026, 8, 19), 114.30, 30.86, 46.48, date(2026, 8, 28)),
        (date(2026, 8, 20), 104.13, 24.62, 27.52, date(2026, 8, 28)),
    ]


def test_the_first_expiry_falls_by_58_percent_and_thirty_days_by_20(con):
    (row,) = con.execute("from marts.earnings_iv_events").pl().to_dicts()
    assert (row["symbol"], row["release_date"], row["timing"]) == ("WMT", date(2026, 8, 20), "BMO")
    figures = {
        "covering_iv_before_pct": 84.13,
        "covering_iv_after_pct": 35.11,
        "covering_crush_pct": -58.3,
        "front_iv_before_pct": 46.48,
        "front_iv_after_pct": 27.52,
        "iv_before_pct": 30.86,
        "iv_after_pct": 24.62,
        "crush_pct": -20.2,
        "spot_move_pct": -8.9,
    }
    assert {name: row[name] for name in figures} == pytest.approx(figures, abs=0.05)
    assert row["covering_expiry_date"] == date(2026, 8, 21)
    assert (row["placebo_count"], row["placebo_median_pct"]) == (0, None), "the folder has no other name's chains"


def test_every_line_of_the_list_of_dates_lands(con, real_data: Path):
    listed = list(csv.DictReader(io.StringIO(earnings_file(real_data)["earnings"])))
    assert len(listed) == 808
    assert con.execute("select count(*) from user_file.earnings").fetchone() == (808,)


@pytest.mark.parametrize(
    ("day", "code", "interest", "managers", "funds", "share"),
    [
        *((date(2026, 6, 9), *row) for row in JUNE_9),
        (date(2026, 9, 15), "13874A", 2_446_519, 904_684, -293_143, -11.98),
    ],
)
def test_positions(con, day, code, interest, managers, funds, share):
    rows = con.execute(
        "select trader_class, open_interest_contracts, net_contracts, round(net_oi_pct, 2)"
        " from marts.positioning_weekly where report_date = ? and contract_code = ?"
        " and trader_class in ('asset_manager', 'leveraged') order by trader_class",
        [day, code],
    ).fetchall()
    assert rows == [
        ("asset_manager", interest, managers, round(100 * managers / interest, 2)),
        ("leveraged", interest, funds, share),
    ]


def test_short_interest(con):
    rows = con.execute(
        "select ticker, settlement_date::varchar, short_shares, previous_short_shares, adv20_shares,"
        " round(change_pct, 2), round(short_adv20_ratio, 2), days_to_cover from marts.short_interest_semimonthly"
        " where ticker in ('AAPL', 'AAL', 'NVDA') order by ticker"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    assert found["AAPL"][:3] == ("2021-07-15", 96_355_309, 90_213_531)
    assert found["AAPL"][4] == 6.81
    assert (found["AAL"][1], found["AAL"][3], *found["AAL"][5:]) == (91_490_076, 28_871_308, 3.17, 3.17)
    assert (found["NVDA"][0], found["NVDA"][1], found["NVDA"][3]) == ("2026-07-31", 324_052_767, 131_174_356)
    assert found["NVDA"][5:] == (2.47, 2.47)
    capped = con.execute(
        "select is_capped, days_to_cover from marts.short_interest_semimonthly where ticker = 'AAALF'"
    ).fetchone()
    assert capped == (True, None)


def test_short_volume(con):
    row = con.execute(
        "select short_volume_shares, total_volume_shares, round(short_volume_share_pct, 2)"
        " from marts.short_volume_daily where ticker = 'AAPL' and session_date = '2026-07-30'"
    ).fetchone()
    assert row == (9_699_860.835956, 20_246_331.798531, 47.91)


def test_gamma_of_nvda(con):
    row = con.execute(
        "select session_date, round(gex_usd_bn, 4), call_wall_index, put_wall_index, round(spot_index, 2)"
        " from marts.dealer_gamma_daily where underlying = 'NVDA'"
    ).fetchone()
    assert row == (date(2026, 8, 21), 0.7981, 220.0, 200.0, 214.72)
    walls = con.execute(
        "select strike_index, round(sum(call_gex_usd_bn), 4), round(sum(put_gex_usd_bn), 4)"
        " from marts.dealer_gamma_strikes where underlying = 'NVDA' and strike_index in (200, 220)"
        " group by all order by all"
    ).fetchall()
    assert (walls[1][1], walls[0][2]) == (0.2133, -0.1195)


def test_one_share_as_six_managers_filed_it(con):
    rows = con.execute(
        "select held_shares, round(price_implied_usd, 2), scale_fix, round(value_usd) from marts.holdings_13f_filed"
        " order by held_shares"
    ).fetchall()
    assert [row[:2] for row in rows][:2] == [(493, 136.32), (1752, 136.32)]
    found = {shares: (price, fix, value) for shares, price, fix, value in rows}
    assert found[5680][0] == 136.32
    assert found[39538] == (136.32, "thousands_by_price", 5_390_000), "sent in thousands though dollars are due"
    assert (found[4615][0], found[7000][0]) == (37.2, 25.33), "as filed, and marked"
