"""Kill -9 at any moment, or a disk that is full, and run again: nothing lost, nothing doubled.

The published file is always one whole release.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


Survived = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]
"""The rows of a home whose runs were killed, and those of one that was left alone."""

STAGES = ("asking", "building and testing the marts", "computing regimes")
"""What a run says it is at; after the last of them it is soon published."""


def wait_for(stage: str, victim: subprocess.Popen[bytes], log: Path) -> None:
    while stage not in log.read_text(errors="replace") and victim.poll() is None:
        time.sleep(0.1)


def survive(
    kills: int,
    seed: int,
    tmp_path: Path,
    first: Ran,
    next_day: Ran,
    market: Market,
    *,
    place: Path | None = None,
    after_the_first: Callable[[Path, dict[str, str]], None] | None = None,
) -> Survived:
    """Return what landed in a home whose runs were killed, and in one that was left alone.

    `place` is the folder of the home, `after_the_first` what is done to it after the first kill, in an environment.
    """
    battered = first.copy_to((place or tmp_path) / "battered").root
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
            if number == 0 and after_the_first is not None:
                after_the_first(battered, env)
        assert killed >= 2 * kills // 3, "the others had ended by themselves"
        again = tidegauge("run", env=env)
        assert again.returncode == 0, again.stdout + again.stderr
        assert_whole(battered)
        with duckdb.connect(str(battered / "published" / "tidegauge.duckdb"), read_only=True) as con:
            for mart in ("sessions", "market_daily"):
                assert con.execute(f"select max(session_date) from marts.{mart}").fetchone()[0] == NEXT_SESSION
        return landed(battered), landed(next_day.home.root)


@dataclass
class Disk:
    """A disk of its own with room for a home and little else; `run` is the run that found no room."""

    folder: Path
    run: subprocess.CompletedProcess[str] | None = None
    is_release_the_same: bool = False

    def give(self, megabytes: int) -> None:
        """Make the disk so large."""
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(self.folder)], capture_output=True, check=True)

    def fill(self, home: Path, env: dict[str, str]) -> None:
        """Run where there is no room for another day; then there is."""
        published = home / "published" / "tidegauge.duckdb"
        before = published.read_bytes()
        used = shutil.disk_usage(self.folder).used // 2**20
        self.give(used + ROOM)
        self.run = tidegauge("run", env={**env, "TIDEGAUGE_SECOND_PROCESS": "0"})
        self.is_release_the_same = published.read_bytes() == before
        self.give(PLENTY)


ROOM, PLENTY = 12, 1500
"""Megabytes beside what a home has: less than another day takes, and more than anything."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk | None]:
    """Yield a disk of its own; None without the right to mount one."""
    folder = tmp_path_factory.mktemp("disk")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={PLENTY}m", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def battered(
    disk: Disk | None, first: Ran, next_day: Ran, small_market: Market, tmp_path_factory: pytest.TempPathFactory
) -> Survived:
    """Return what landed in spite of three kills and, where one can be mounted, a full disk after the first of them."""
    folder = tmp_path_factory.mktemp("battered")
    if disk is None:
        return survive(3, 1, folder, first, next_day, small_market)
    return survive(3, 1, folder, first, next_day, small_market, place=disk.folder, after_the_first=disk.fill)


def test_three_kills(battered: Survived):
    landed_in_spite, untouched = battered
    assert landed_in_spite == untouched


def test_a_full_disk_is_a_sentence_and_loses_nothing(disk: Disk | None, battered: Survived):
    """That runs with more room completed what it had not, and published it, is asserted with the kills."""
    if disk is None:
        pytest.skip("no right to mount a small disk here")
    assert disk.run is not None
    assert disk.run.returncode == 5, disk.run.stdout + disk.run.stderr
    assert "full" in disk.run.stderr
    assert "Traceback" not in disk.run.stderr + disk.run.stdout
    assert disk.is_release_the_same


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
