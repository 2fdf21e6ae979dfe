"""Kill -9 at any moment, run again: nothing lost, nothing doubled, the published file always one whole release."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from simulator import Market, StandIn
from tests.cli import TWO, environment, start, tidegauge
from tests.pipeline.small import NEXT, NEXT_SESSION, Ran

RAW = """
select table_schema from information_schema.tables
where table_name = 'observations' and table_schema not in ('marts', 'quarantine')
"""


def landed(home: Path) -> list[tuple[object, ...]]:
    """Return every raw row, without the columns that name the run."""
    with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
        schemas = [name for (name,) in con.execute(RAW).fetchall()]
        rows: list[tuple[object, ...]] = []
        for schema in sorted(schemas):
            rows += con.execute(
                f"select provider, series_id, period_date, value, known_at, known_basis, payload_sha256"
                f" from {schema}.observations order by all"
            ).fetchall()
        return rows


def assert_whole(home: Path) -> None:
    """The published file, if there is one, opens and is the release whose checksum was written."""
    published = home / "published" / "tidegauge.duckdb"
    if not published.exists():
        return
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    sums = {path.read_text().split()[0] for path in (home / "releases").glob("*.sha256")}
    assert digest in sums
    with duckdb.connect(str(published), read_only=True) as con:
        assert con.execute("select count(distinct build_id) from meta.build").fetchone() == (1,)
        assert con.execute("select count(*) from marts.market_daily").fetchone()[0] > 0


STAGES = ("asking", "building and testing the marts", "computing regimes")
"""What a run says it is at; after the last of them it is soon published."""


def wait_for(stage: str, victim: subprocess.Popen[bytes], log: Path) -> None:
    while stage not in log.read_text(errors="replace") and victim.poll() is None:
        time.sleep(0.1)


def survive(
    kills: int, seed: int, tmp_path: Path, first: Ran, next_day: Ran, market: Market
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return what landed in a home whose runs were killed, and in one that was left alone."""
    battered = first.copy_to(tmp_path / "battered").root
    with StandIn(market, NEXT) as upstream:
        env = environment(battered, upstream=upstream.url, now=NEXT, **TWO)
        dice, killed = random.Random(seed), 0
        for number in range(kills):
            victim = start("run", env=env, log=tmp_path / f"victim-{number}.log")
            log = tmp_path / f"victim-{number}.log"
            wait_for(STAGES[number % len(STAGES)], victim, log)
            time.sleep(dice.uniform(0, 0.1) * next_day.seconds)
            os.killpg(victim.pid, signal.SIGKILL)
            killed += victim.wait() == -signal.SIGKILL
            assert_whole(battered)
            said = log.read_text(errors="replace").split("\n")
            print(f"kill {number + 1} of {kills}, survived; it was at: {(['', *said])[-2]!r}")
        assert killed >= 2 * kills // 3, "the others had ended by themselves"
        again = tidegauge("run", env=env)
        assert again.returncode == 0, again.stdout + again.stderr
        assert_whole(battered)
        with duckdb.connect(str(battered / "published" / "tidegauge.duckdb"), read_only=True) as con:
            assert con.execute("select max(session_date) from marts.sessions").fetchone()[0] == NEXT_SESSION
        return landed(battered), landed(next_day.home.root)


def test_three_kills(first, next_day, small_market, tmp_path: Path):
    battered, untouched = survive(3, 1, tmp_path, first, next_day, small_market)
    assert battered == untouched


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills(first, next_day, small_market, tmp_path: Path):
    battered, untouched = survive(20, 2, tmp_path, first, next_day, small_market)
    assert battered == untouched


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_forty_more_kills(first, next_day, small_market, tmp_path: Path):
    battered, untouched = survive(40, 3, tmp_path, first, next_day, small_market)
    assert battered == untouched
