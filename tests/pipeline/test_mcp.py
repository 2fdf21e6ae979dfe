"""What an assistant is told of the demo's release."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import QueryRefused
from ingest.home import Home
from serving.mcp.answers import describe, explain, list_marts, regime
from serving.query.exports import json_text


@pytest.fixture(scope="module")
def home(demo_home: Path) -> Home:
    return Home(demo_home)


def test_marts_have_their_grain(home: Home):
    tables = list_marts(home)["tables"]
    assert len(tables) > 60
    assert not [one["table"] for one in tables if one["table"].startswith("marts.") and not one["grain"]]
    assert {one["table"] for one in tables if one["has_past"] is False} > {"marts.knowledge"}


def test_a_mart_is_described_with_units_key_lags_and_an_example(home: Home):
    found = describe(home, "net_liquidity_daily")
    assert found["key"] == ["session_date"]
    units = {one["name"]: one["unit"] for one in found["columns"]}
    assert units["net_liquidity_usd_bn"] == "billions of US dollars"
    assert {one["series_id"] for one in found["inputs"]} >= {"fed_total_assets", "tga_daily", "on_rrp"}
    assert "net_liquidity_daily" in found["example"]["sql"]
    assert found["newest"][0]["newest"]["session_date"]
    with pytest.raises(QueryRefused, match=r"there is no table net_liquidity; near it: marts\.net_liquidity"):
        describe(home, "net_liquidity")


@pytest.mark.parametrize(
    "table", ["meta.build", "meta.checks", "marts.series", "marts.margin_changes", "policy_path_daily", "regime_daily"]
)
def test_tables_of_every_kind_are_described(table: str, home: Home):
    found = describe(home, table)
    assert found["columns"]
    assert found["example"]["sql"]
    assert len(json_text(found)) < 80_000


def test_a_cell_is_explained_to_its_bytes(home: Home):
    found = explain(home, "net_liquidity_daily", ["2023-03-15"], "net_liquidity_usd_bn")
    assert {one["archived"]["is_same"] for one in found["inputs"]} == {True}
    assert found["release"]["mark"]


def test_the_regime_of_today_has_every_dimension(home: Home):
    found = regime(home)
    assert found["regime_class"] in {"CALM", "NORMAL", "CAUTION", "STRESS", "CRISIS"}
    assert found["sentence"].startswith(found["regime_class"])
    assert len(found["dimensions"]) == 11
    assert all(one["reason"] for one in found["unknown"])
    assert "neither advice" in found["note"]
