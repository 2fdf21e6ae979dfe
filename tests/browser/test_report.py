"""The report in a real browser: it renders by itself, asks nobody for anything, and says what its figures are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from serving.report.page import CONTENTS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def browse(page: Path, profile: Path, *more: str) -> str:
    ran = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_report_renders_without_a_network(demo_home: Path, tmp_path: Path):
    page = demo_home / "report" / "index.html"
    dom = browse(page, tmp_path / "profile", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom")
    text = re.sub(r"<[^>]+>", " ", dom)
    assert "SIMULATED" in text
    assert dom.count("<svg") >= 6
    assert "not endorsed or certified by the Federal Reserve Bank of St. Louis" in " ".join(text.split())
    assert "CALM" in text, "the legend of the classes, whichever holds today"
    for section in CONTENTS.values():
        assert section in text
    addresses = re.findall(r"""(?:src|href)=["'](https?://[^"']+)""", dom)
    assert addresses == [], "nothing is loaded from anywhere"
    assert "<script" not in dom
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', dom)
    assert policy is not None
    assert policy[1] == "default-src 'none'; style-src 'unsafe-inline'", "no script may run, and nothing may be asked"


def test_report_fits_a_phone(demo_home: Path, tmp_path: Path):
    """The body is not wider than the window: a probe added to a copy of the page writes the widths into its title.

    The copy has no policy, which would not let the probe run.
    """
    page = tmp_path / "probe.html"
    root = "document.documentElement"
    probe = f"<script>document.title = {root}.scrollWidth + ' ' + {root}.clientWidth</script>"
    told = re.sub(r"<meta http-equiv=[^>]+>", "", (demo_home / "report" / "index.html").read_text())
    page.write_text(told.replace("</body>", probe + "</body>"))
    dom = browse(page, tmp_path / "profile", "--window-size=500,900", "--dump-dom")
    title = re.search(r"<title>(\d+) (\d+)</title>", dom)
    assert title is not None
    wide, window = (int(number) for number in title.groups())
    assert wide <= window
