"""`tidegauge explore` in a real browser: it draws, asks only this machine, and runs nothing that the file says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.browser.test_report import CHROMIUM, FLAGS
from tests.cli import ROOT, environment
from tests.unit.explore_home import HOSTILE_COLUMN, HOSTILE_MART, explorable

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    home = explorable(tmp_path / "home")
    served = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "explore", "--no-open", "--port", "0"],
        cwd=ROOT,
        env=environment(home.root),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stderr is not None
        said = re.match(r"http://127\.0\.0\.1:\d+/", served.stderr.readline())
        assert said is not None
        yield said[0]
    finally:
        served.terminate()
        served.wait(30)


def test_draws_what_the_address_says(address: str, tmp_path: Path):
    hostile = f"{quote(HOSTILE_MART)}.{quote(HOSTILE_COLUMN)}"
    columns = ["carry_daily.carry_2y_bp", "breadth_daily.state;universe=SPX", hostile]
    dom = drawn(f"{address}?{asking(columns)}&asof=2023-03-13", tmp_path)
    assert re.search(r'<p id="simulated"[^>]*>SIMULATED', dom)
    assert dom.count("<canvas") == 3
    assert "Release b1 · SIMULATED" in dom
    assert '<output id="moment" for="slider">2023-03-13 24:00 New York</output>' in dom
    assert re.search(r"2023-03-13: <b>212 bp</b>", dom), "the newest value known then"
    assert re.search(r'<div id="problem"[^>]*hidden', dom)
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in dom
    assert "<img" not in dom


def test_draws_what_can_be_and_says_what_cannot(address: str, tmp_path: Path):
    columns = ["carry_daily.carry_2y", "breadth_daily.state;universe=SPX", "carry_daily", "carry_daily.carry_2y_bp"]
    dom = drawn(f"{address}?{asking(columns)}&asof=2023-02-30&colour=red", tmp_path)
    assert dom.count("<canvas") == 2
    (problem,) = re.findall(r'<div id="problem"[^>]*>(.*?)</div>', dom)
    said = re.findall(r"<span>(.*?)</span>", problem)
    assert said == [
        "marts.carry_daily has no column carry_2y that can be drawn; near it: carry_2y_bp",
        "s: expected mart.column, got carry_daily",
        "asof: expected a day such as 2023-03-10, got 2023-02-30. The charts show what is published now.",
        "colour: no parameter of this page; it has s, from, to, asof, shade, now, joined",
    ]
    parts = ("carry_daily.carry_2y", "carry_daily", "asof", "colour")
    assert re.findall(r"Leave out ([^<]+)<", problem) == list(parts)
    assert '<output id="moment" for="slider">as published: the newest of everything</output>' in dom
    assert re.search(r"2023-03-14: <b>-3.25 bp</b>", dom)


def asking(columns: list[str]) -> str:
    return "&".join(f"s={quote(one)}" for one in columns)


def drawn(address: str, folder: Path) -> str:
    """Return the page at an address once it is drawn; nothing may complain on the way."""
    ran = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--virtual-time-budget=15000",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    said = [line for line in ran.stderr.splitlines() if ":CONSOLE" in line]
    assert said == [], "neither an error nor a warning, none of the policy's either"
    return ran.stdout
