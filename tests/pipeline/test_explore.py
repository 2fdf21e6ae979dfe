"""The page over a whole published file: every mart is drawn, at a moment too, and a point leads back to its bytes."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from pathlib import Path

import duckdb
import httpx
import pytest
from starlette.testclient import TestClient

from ingest.home import Home
from serving.explore.server import app_of
from tests.cli import COMMAND, ROOT, environment


@pytest.fixture(scope="module")
def page(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    # In a place of its own: DuckDB would share the page's locked connection with whatever else this process opens.
    root = tmp_path_factory.mktemp("explored")
    (root / "archive").symlink_to(demo_home / "archive")
    (root / "published").mkdir()
    (root / "published" / "tidegauge.duckdb").hardlink_to(demo_home / "published" / "tidegauge.duckdb")
    return TestClient(app_of(Home(root)), base_url="http://127.0.0.1")


def test_every_mart_is_drawn(page: TestClient):
    catalog = page.get("/api/catalog").json()
    marts = [one for one in catalog["marts"] if one["columns"]]
    assert len(marts) >= 60
    assert len(catalog["first"]) == 3
    for mart in marts:
        columns = [("s", f"{mart['mart']}.{name}") for name, *_ in mart["columns"][:12]]
        answer = page.get("/api/view", params=columns)
        assert answer.status_code == 200, answer.text
        lines = answer.json()["lines"]
        assert any(value is not None for line in lines for value in line["y"]), mart["mart"]
        assert all(set(line["keys"]) == set(mart["selectors"]) for line in lines if line["axis"] is not None)


def test_a_wide_mart_is_read_by_its_parts(page: TestClient, demo_home: Path):
    names = ["vix_index", "hy_oas_bp", "data_origin", "vix_band"]
    asked = [("s", f"market_daily.{name}") for name in names]
    lines = page.get("/api/view", params=[*asked, ("asof", "2014-03-10")]).json()["lines"]
    with duckdb.connect(str(demo_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        moment = "marts.new_york('2014-03-11 00:00')"
        expected = con.execute(
            f"select session_date::varchar, {', '.join(names)} from marts.market_daily_as_of({moment}) order by 1"
        ).fetchall()
    assert list(zip(lines[0]["x"], *(line["y"] for line in lines), strict=True)) == expected


def test_as_of_is_what_the_macro_says(page: TestClient, demo_home: Path):
    asked = [("s", "carry_daily.carry_2y_bp"), ("s", "etf_flows_daily.flow_usd_mn;ticker=SPY"), ("asof", "2023-03-10")]
    carry, flows = page.get("/api/view", params=asked).json()["lines"]
    with duckdb.connect(str(demo_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        moment = "marts.new_york('2023-03-11 00:00')"
        expected = con.execute(
            f"select session_date::varchar, carry_2y_bp from marts.carry_daily_as_of({moment}) order by 1"
        ).fetchall()
        spy = con.execute(
            f"select flow_usd_mn from marts.etf_flows_daily_as_of({moment}) where ticker = 'SPY' order by session_date"
        ).fetchall()
    assert list(zip(carry["x"], carry["y"], strict=True)) == expected
    assert flows["y"] == [value for (value,) in spy]
    assert flows["now"]["x"][-1] > flows["x"][-1]


def test_a_point_leads_back_to_its_bytes(page: TestClient):
    asked = {"s": "net_liquidity_daily.net_liquidity_usd_bn", "x": "2023-03-15"}
    found = page.get("/api/explain", params=asked).json()
    assert [one["archived"]["is_same"] for one in found["inputs"]] == [True, True, True]
    assert all(one["archived"]["excerpt"] for one in found["inputs"])
    assert found["is_simulated"] is True


def test_addresses_of_the_docs(page: TestClient):
    found = re.findall(r"`http://127\.0\.0\.1:8765/(\?[^`]+)`", (ROOT / "docs" / "bi.md").read_text())
    assert found
    for query in found:
        (*lines,) = page.get(f"/api/view{query}").json()["lines"]
        assert all(len(line["y"]) > 500 for line in lines)


def test_the_command_of_the_readme_serves_the_page(demo_home: Path):
    (shown,) = re.findall(r"^\.venv/bin/tidegauge (explore.*)$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    arguments = [*shlex.split(shown, comments=True), "--port", "0"]
    served = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env=environment(demo_home), stderr=subprocess.PIPE, text=True
    )
    try:
        assert served.stderr is not None
        said = re.match(r"http://127\.0\.0\.1:\d+/", served.stderr.readline())
        assert said is not None
        with httpx.Client(base_url=said[0], trust_env=False, timeout=60) as client:
            assert "SIMULATED: these figures" in client.get("").text
            assert client.get("api/build").json()["origin"] == "SIMULATED"
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0, "Ctrl-C is how it ends"
    finally:
        served.kill()
