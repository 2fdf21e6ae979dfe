"""Chains that a user saved: read as Cboe's, known at their own moment, landed once however often they are seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.options.implied_volatility_tables import update_at_the_money
from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.errors import SourceChanged
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.user_file import user_chains
from orchestration.ingestion import judge
from tests.unit.databases import empty_build
from tests.unit.fakes import payload_of
from tests.unit.option_sample import document, option
from tests.unit.panel_helpers import panel_context, whole
from warehouse.landing import land

CATALOG = load_catalog()
NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)


def chain(at: str = "2026-11-18 21:20:00", iv: float = 0.3, of: str = "WMT") -> str:
    of_call = {"iv": iv, "gamma": 0.0138 / iv, "bid": 2.0, "ask": 2.2, "last_trade_time": None}
    quotes = [option(f"{of}261218{side}00100000", **of_call) for side in "CP"]
    return json.dumps(document(timestamp=at, symbol=of, price=101.0, last_trade_time=None, options=quotes))


def parse(body: str) -> Any:
    return user_chains.parse(payload_of("user_file", body, name="option_chains/a.json"))


def test_a_saved_chain_may_be_weeks_old() -> None:
    assert whole(parse(chain(at="2026-11-02 21:20:00")), "user_file.option_quotes").height == 2


def test_a_chain_is_known_when_its_publisher_made_it() -> None:
    rows = whole(parse(chain()), "user_file.option_quotes")
    assert rows["stated_at"].unique().to_list() == [datetime(2026, 11, 18, 21, 20)]
    assert rows["underlying"].to_list() == ["WMT", "WMT"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "an empty body"),
        ("<html></html>", "an HTML page"),
        (chain()[:120], "JSON broken at character"),
        (chain(of="^XSP"), "expected a chain of a stock, a fund, SPX, VIX"),
        (chain(of="TOOLONG"), "expected a chain of a stock, a fund, SPX, VIX"),
        (json.dumps({"symbol": "WMT", "quotes": []}), "expected data in the file"),
        (chain(iv=30.0), "expected volatilities as ratios"),
        (chain(at="08/20/2026"), "expected a moment like 2026-11-18 21:20:00 as timestamp"),
    ],
)
def test_what_is_no_chain_is_named(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("user_file: option_chains/a.json: ")
    assert message in str(caught.value)


def run(con: duckdb.DuckDBPyConnection, home: Path, now: datetime) -> int:
    settings = Settings(_env_file=None, home=home)
    with Upstream(settings, clock_at(now), Archive(home / "archive")) as http:
        batch = collect(connector("user_chains"), FetchContext("user_file", settings, clock_at(now), http))
    assert not batch.problems
    gated = judge(con, batch, CATALOG)
    return land(con, batch, gated, CATALOG, f"run {now}", now, snapshots=home / "snapshots").rows_new


def test_each_file_lands_once_and_each_chain_is_reduced_once(tmp_path: Path) -> None:
    folder = tmp_path / "user_files/option_chains"
    folder.mkdir(parents=True)
    (folder / "evening.json").write_text(chain())
    with empty_build() as con:
        run(con, tmp_path, NOW)
        assert update_at_the_money(con, tmp_path / "snapshots") == 1
        (folder / "morning.json").write_text(chain("2026-11-18 14:45:00", iv=0.5))
        for _ in range(3):
            run(con, tmp_path, NOW)
        assert con.execute("select count(*) from ops.snapshot_files").fetchone() == (2,)
        assert update_at_the_money(con, tmp_path / "snapshots") == 1
        assert update_at_the_money(con, tmp_path / "snapshots") == 0
        rows = (
            "select symbol, snapshot_at, expiry_in_days, iv_pct, round(straddle_pct, 4), quotes_count"
            " from implied_volatility.at_the_money order by snapshot_at"
        )
        assert con.execute(rows).fetchall() == [
            ("WMT", datetime(2026, 11, 18, 14, 45), 30, 50.0, 4.1584, 2),
            ("WMT", datetime(2026, 11, 18, 21, 20), 30, 30.0, 4.1584, 2),
        ]


def test_other_files_of_the_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "user_files/option_chains").mkdir(parents=True)
    (tmp_path / "user_files/option_chains/wmt.txt").write_text("x")
    found = list(user_chains.fetch(panel_context("user_file", None, home=tmp_path)))
    expected = "user_file: option_chains/wmt.txt: expected a name that ends in .csv or .json, got wmt.txt"
    assert [str(one) for one in found] == [expected]
