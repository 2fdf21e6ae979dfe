"""The dictionary in a real browser: its one script runs under its own policy, and the pages fit a phone."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.browser.test_report import CHROMIUM, FLAGS
from tests.cli import environment, tidegauge

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

ROOT = Path(__file__).parents[2]
BODY = "document.documentElement"
WIDTHS = f"<script>document.title = {BODY}.scrollWidth + ' ' + {BODY}.clientWidth</script>"


@pytest.fixture(scope="module")
def site(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the README's command over the demo's published file, in a home of its own."""
    (line,) = re.findall(r"^\.venv/bin/tidegauge (dictionary\b.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    home = tmp_path_factory.mktemp("home")
    (home / "published").symlink_to(demo_home / "published")
    ran = tidegauge(*shlex.split(line, comments=True), env=environment(home))
    assert ran.returncode == 0, ran.stderr
    return Path(ran.stdout.partition(": ")[2].strip()).parent


def dom_of(address: str, profile: Path, *more: str) -> str:
    own = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", "--enable-logging=stderr"]
    ran = subprocess.run(
        [str(CHROMIUM), *FLAGS, *own, *more, "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert "CONSOLE" not in ran.stderr, "nothing is refused by the policy of the page, and no error is thrown"
    return ran.stdout


def test_the_search_finds_a_register_row_and_says_where(site: Path, tmp_path: Path):
    dom = dom_of(f"{(site / 'index.html').as_uri()}#q=LIQ-10", tmp_path / "profile")
    assert re.search(r'<div id="all" hidden=""', dom)
    hits = dom.partition('id="hits">')[2].partition("</ul>")[0]
    assert 'href="tables/marts.tga_plan.html"' in hits
    assert "<mark>LIQ-10</mark>" in hits
    assert re.findall(r"""(?:src|href)=["'](https?://[^"']+)""", dom) == []


def test_a_wide_table_scrolls_inside_its_page(site: Path, tmp_path: Path):
    page = site / "tables" / "probe.html"
    text = (site / "tables" / "marts.market_daily.html").read_text()
    assert "SIMULATED" in text
    page.write_text(re.sub(r"<meta http-equiv[^>]+>", "", text).replace("</body>", f"{WIDTHS}</body>"))
    title = re.search(r"<title>(\d+) (\d+)<", dom_of(page.as_uri(), tmp_path / "profile", "--window-size=500,900"))
    assert title is not None
    assert int(title[1]) <= int(title[2])
