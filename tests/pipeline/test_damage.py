"""Whole commands on a home in which something is broken: the next run is good, the figures are what they were."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.errors import AnotherWriter, ConfigError, HomeUnusable
from ingest.home import Home
from simulator import StandIn
from simulator.simulate import simulate
from tests.cli import COMMAND, ROOT, environment, start, tidegauge
from tests.pipeline.test_kill import assert_whole
from warehouse.lived import KEPT_ON_REBUILD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FIRST = datetime(2014, 7, 1, 13, 20, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(simulate(SECOND.date(), members=60), FIRST) as serving:
        yield serving


@pytest.fixture(scope="module")
def two_days(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which two days ran."""
    home = Home(tmp_path_factory.mktemp("damage") / "home")
    for moment in (FIRST, SECOND):
        standin.set_now(moment)
        ran = tidegauge("run", env=environment(home.root, upstream=standin.url, now=moment), timeout=900)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return home


@pytest.fixture
def home(two_days: Home, tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    shutil.copytree(two_days.root, home.root)
    home.published.unlink()
    os.link(newest(home), home.published)
    return home


def newest(home: Home) -> Path:
    return max(home.releases.glob("*.duckdb"))


def command(home: Home, standin: StandIn, *words: str, now: datetime = SECOND) -> subprocess.CompletedProcess[str]:
    return tidegauge(*words, env=environment(home.root, upstream=standin.url, now=now), timeout=900)


def asked(home: Home, query: str, path: Path | None = None) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path or home.warehouse), read_only=True) as con:
        return con.execute(query).fetchall()


def kept(home: Home) -> list[list[tuple[object, ...]]]:
    return [
        asked(home, f"select * from regime.days where {KEPT_ON_REBUILD} order by all"),
        asked(home, "select * from ops.runs where state in ('started', 'built') order by all"),
    ]


def writable(path: Path) -> Path:
    alone = path.with_name("alone")
    shutil.copyfile(path, alone)
    alone.chmod(0o644)
    alone.replace(path)
    return path


def cut(path: Path) -> None:
    os.truncate(writable(path), path.stat().st_size // 2)


def zeroed(path: Path) -> None:
    with writable(path).open("r+b") as file:
        file.write(bytes(12288))


BROKEN: dict[str, Callable[[Home], None]] = {
    "an older release cut": lambda home: cut(min(home.releases.glob("*.duckdb"))),
    "the published file zeroed": lambda home: zeroed(home.published),
    "the published file and its release cut": lambda home: os.truncate(home.published, 5000),
    "the published file gone": lambda home: home.published.unlink(),
    "the event log junk": lambda home: (home.dagster / "event_log.db").write_bytes(os.urandom(9999)),
    "the runs log cut": lambda home: os.truncate(home.dagster / "runs.db", 9000),
    "the schedules a folder": lambda home: (
        (home.dagster / "schedules.db").unlink(),
        (home.dagster / "schedules.db").mkdir(),
    ),
    "dbt's files gone": lambda home: shutil.rmtree(home.dbt),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_the_next_run_is_good(home: Home, standin: StandIn, what: str) -> None:
    if os.geteuid() != 0:
        home.published.chmod(0o644)
    before = asked(home, "select * from marts.market_daily order by all")
    BROKEN[what](home)
    ran = command(home, standin, "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert_whole(home.root)
    assert asked(home, "select * from marts.market_daily order by all", home.published) == before
    assert command(home, standin, "rollback").returncode == 0
    assert_whole(home.root)


@pytest.mark.parametrize("how", [lambda path: path.unlink(), zeroed, cut], ids=["gone", "zeroed", "cut"])
def test_a_lost_warehouse_comes_back_with_what_was_said(home: Home, standin: StandIn, how) -> None:
    before = kept(home)
    market = asked(home, "select * from marts.market_daily order by all", home.published)
    assert before[0], "mornings were lived"
    how(home.warehouse)
    ran = command(home, standin, "rebuild")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert kept(home) == before
    again = command(home, standin, "publish")
    assert again.returncode == 0, again.stdout + again.stderr
    assert kept(home)[0] == before[0]
    assert market
    assert asked(home, "select * from marts.market_daily order by all", home.published) == market


def test_the_clock_set_back_ten_days_is_refused(home: Home, standin: StandIn) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}
    for word in ("run", "publish", "rebuild"):
        ran = command(home, standin, word, now=SECOND - timedelta(days=10))
        assert ran.returncode == ConfigError.exit_code, ran.stdout + ran.stderr
        assert "the clock stands at" in ran.stderr
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before


def test_a_second_writer_is_turned_away_and_the_first_goes_on(home: Home, standin: StandIn, tmp_path: Path) -> None:
    env = environment(home.root, upstream=standin.url, now=SECOND)
    first = start("run", env=env, log=tmp_path / "first.log")
    seen = [command(home, standin, word) for word in ("run", "publish", "rollback", "rebuild")]
    assert first.wait(900) == 0, (tmp_path / "first.log").read_text()
    refused = [one for one in seen if one.returncode == AnotherWriter.exit_code]
    assert refused, "at least the first of them met the writer"
    assert all("another run" in one.stderr for one in refused)
    assert_whole(home.root)


@pytest.mark.parametrize("bytes_at_most", [20_000, 1_000_000, 30_000_000])
def test_a_full_disk_costs_nothing_that_was_there(home: Home, standin: StandIn, bytes_at_most: int) -> None:
    later = SECOND + timedelta(hours=1)

    def no_file_beyond() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_at_most, bytes_at_most))

    ran = subprocess.run(
        [*COMMAND, "run"],
        cwd=ROOT,
        env=environment(home.root, upstream=standin.url, now=later),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        preexec_fn=no_file_beyond,
    )
    assert ran.returncode in (0, HomeUnusable.exit_code), ran.stdout + ran.stderr
    assert_whole(home.root)
    again = command(home, standin, "run", now=later)
    assert again.returncode == 0, again.stdout + again.stderr
    assert_whole(home.root)
