"""Bad input and bad places, through the whole command: a clear sentence, the right exit code, nothing lost."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator import StandIn, simulate
from tests.cli import environment, tidegauge
from tests.pipeline.placed import ingested, settings_of

NOW = datetime(2014, 7, 1, 13, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def market():
    return simulate(NOW.date(), members=60)


@pytest.mark.slow  # that it is an error: test_reverse_repo_in_another_unit_is_an_error; that it stops: test_run
def test_rrp_subtracted_in_the_wrong_unit_is_caught(market, tmp_path: Path):
    """FRED's RRP a thousand times too small, as one public dataset has it, stops the release and is named."""
    home = tmp_path / "home"
    with StandIn(market, NOW) as upstream:
        upstream.faults.add(r"fredgraph\.csv\?id=RRPONTSYD", "changed_unit", scale=0.001)
        ran = tidegauge("run", env=environment(home, upstream=upstream.url, now=NOW))
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "on_rrp" in ran.stderr
    assert not (home / "published" / "tidegauge.duckdb").exists()


def test_a_bad_fred_key_is_named_and_never_shown(market, tmp_path: Path):
    key = "0123456789abcdef0123456789abcdef"
    home = tmp_path / "home"
    with StandIn(market, NOW) as upstream:
        upstream.faults.add(r"api\.stlouisfed\.org", "bad_key")
        fred = ingested(settings_of(home, upstream, key=key), "fred")["fred"]
    assert fred.landing.state == "failed"
    assert "FRED_API_KEY" in fred.error
    assert key not in fred.error
    for path in home.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


def test_a_file_in_the_way_of_the_home(tmp_path: Path):
    (tmp_path / "home").write_text("a file")
    ran = tidegauge("run", env=environment(tmp_path / "home", upstream="http://127.0.0.1:9", now=NOW))
    assert ran.returncode == 5
    assert "home" in ran.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_home(tmp_path: Path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    ran = tidegauge("run", env=environment(locked / "home", upstream="http://127.0.0.1:9", now=NOW))
    assert ran.returncode == 5
    assert "TIDEGAUGE_HOME" in ran.stderr


def test_no_network_at_all(tmp_path: Path):
    """Nobody listens at the upstream: one sentence, exit 8, no release. The whole command, with its attempts."""
    home = tmp_path / "home"
    ran = tidegauge("run", env=environment(home, upstream="http://127.0.0.1:9", now=NOW))
    assert ran.returncode == 8, ran.stdout + ran.stderr
    assert "no source answered" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (home / "published" / "tidegauge.duckdb").exists()
