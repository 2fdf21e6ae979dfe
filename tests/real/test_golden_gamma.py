"""The golden figures of the gamma pack: a chain of SPX through the whole pipeline, one of NVDA in the API's form."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from analytics.options.gamma import living, strikes_of, summary_of
from ingest.catalog.underlyings import load_underlyings
from ingest.sources.cboe import cboe_chains
from ingest.sources.user_file import user_chains
from simulator.folder_gamma import recorded_chain
from tests.unit.option_sample import payload_of

PACK = "packs/p4_gamma"
KNOWN = {one.underlying: one for one in load_underlyings()}


def test_spx_of_june_2022_as_published(published) -> None:
    row = published.execute(
        """
        select session_date, round(spot_index, 4), round(call_gex_usd_bn, 4), round(put_gex_usd_bn, 4),
            round(gex_usd_bn, 4), call_wall_index, put_wall_index, round(flip_index, 2),
            call_open_interest_count, put_open_interest_count, known_at
        from marts.dealer_gamma_daily where underlying = 'SPX' and snapshot_at = '2022-06-12 00:47'
        """
    ).fetchall()
    moment = datetime(2022, 6, 12, 0, 47)
    assert row == [
        (
            date(2022, 6, 10),
            3900.8601,
            41.2157,
            -82.9411,
            -41.7254,
            4000.0,
            4000.0,
            4198.99,
            6267072.0,
            10668498.0,
            moment,
        )
    ]
    walls = published.execute(
        "select round(sum(call_gex_usd_bn), 4), round(sum(put_gex_usd_bn), 4) from marts.dealer_gamma_strikes"
        " where underlying = 'SPX' and snapshot_at = '2022-06-12 00:47' and strike_index = 4000"
    ).fetchone()
    assert walls == (5.4114, -7.9573)


def test_the_sign_is_that_of_squeezemetrics_and_its_rank_is_low(published, real_data: Path) -> None:
    theirs = pl.read_csv(real_data / PACK / "squeezemetrics_DIX_2011_2026-08-21.csv", try_parse_dates=True)
    gex = theirs.filter(pl.col("date") == date(2022, 6, 10))["gex"][0]
    (ours,) = published.execute(
        "select gex_usd_bn from marts.dealer_gamma_daily where underlying = 'SPX' and session_date = '2022-06-10'"
    ).fetchone()
    assert (gex < 0) == (ours < 0)
    assert (theirs["gex"] <= gex).mean() < 0.05  # deep below zero by their method too


def test_the_download_and_the_form_of_the_api_have_the_same_contracts(real_data: Path) -> None:
    (body,) = recorded_chain(real_data).values()
    api = cboe_chains.parse(replace(payload_of(body), fetched_at=datetime(2022, 6, 12, 0, 48, tzinfo=UTC)))[
        cboe_chains.TABLE
    ]
    path = real_data / PACK / "spx_quotedata_2022-06-10.csv"
    file = user_chains.parse(payload_of(path.read_bytes()))[user_chains.TABLE]
    same = ["session_date", "snapshot_at", "option_symbol", "iv_ratio", "gamma_ratio", "open_interest_contracts"]
    assert api.height == 19670
    assert api.select(same).sort("option_symbol").equals(file.select(same).sort("option_symbol"))


@pytest.fixture(scope="module")
def nvda(real_data: Path) -> pl.DataFrame:
    """Return a recorded chain, its fields under the API's names. It is of August 2026: the real build ends in April."""
    recorded = json.loads((real_data / PACK / "NVDA_chain_cboe_greeks_2026-08-22.json").read_text(encoding="utf-8"))
    names = {"option": "symbol", "open_interest": "openInterest", "last_trade_price": "last"}
    same = ("bid", "ask", "volume", "iv", "delta", "gamma", "theta", "vega")
    options = [
        {
            **{name: quote[of] for name, of in names.items()},
            **{name: quote[name] for name in same},
            **dict.fromkeys(("bid_size", "ask_size", "last_trade_time")),
        }
        for quote in recorded["quotes"]
    ]
    data = {"symbol": "NVDA", "current_price": recorded["underlyingPrice"], "options": options}
    body = json.dumps({"timestamp": recorded["updated"], "data": data}).encode()
    return cboe_chains.parse(replace(payload_of(body, "NVDA"), fetched_at=datetime(2026, 8, 22, 14, tzinfo=UTC)))[
        cboe_chains.TABLE
    ]


def test_nvda_of_august_2026(nvda: pl.DataFrame) -> None:
    assert nvda["session_date"].unique().to_list() == [date(2026, 8, 21)]  # asked for on the Saturday
    contracts = living(nvda, KNOWN["NVDA"])
    strikes = strikes_of(contracts)
    found = summary_of(contracts, strikes, date(2026, 8, 22), float(nvda["spot_usd"][0]))
    assert round(found["gex_usd_bn"], 4) == 0.7981
    assert (found["call_wall_usd"], found["put_wall_usd"]) == (220.0, 200.0)
    totals = strikes.group_by("strike_usd").agg(pl.col("call_gex_usd_bn", "put_gex_usd_bn").sum())
    assert round(totals.filter(pl.col("strike_usd") == 220)["call_gex_usd_bn"][0], 4) == 0.2133
    assert round(totals.filter(pl.col("strike_usd") == 200)["put_gex_usd_bn"][0], 4) == -0.1195
    assert (found["missing_gamma_count"], found["missing_open_interest_count"]) == (287, 11)
    assert 99 < found["covered_oi_pct"] < 100
