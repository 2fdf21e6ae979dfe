"""A clock that stands before what the home has recorded: refused in one sentence, nothing written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.archive import Archive, sha256_of
from ingest.errors import ClockBehind, ConfigError
from ingest.home import Home
from ingest.payload import Payload
from orchestration import cli
from tests.unit.databases import opened_build
from tests.unit.test_publish import NOW, build, publish_now
from warehouse.recorded import require_clock
from warehouse.runs import begin_run, finish_run

TEN_DAYS = timedelta(days=10)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def fetched(home: Home, moment: datetime) -> None:
    archive = Archive(home.archive)
    archive.put(Payload("cboe", "VIX", "https://cdn.cboe.com/", b"x", sha256_of(b"x"), moment))
    archive.close()


def ran(home: Home, moment: datetime, state: str) -> None:
    con = opened_build(home)
    begin_run(con, "run 1", moment)
    finish_run(con, "run 1", state, moment)
    con.close()


def published(home: Home, moment: datetime) -> None:
    build(home)
    publish_now(home, now=moment)


RECORDS = {
    "a fetch": fetched,
    "a publication": published,
    "a run that built": lambda home, moment: ran(home, moment, "built"),
    "a run without news": lambda home, moment: ran(home, moment, "unchanged"),
}


def tree(home: Home) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in home.root.rglob("*")}


@pytest.mark.parametrize("what", list(RECORDS))
def test_before_what_is_recorded_is_refused_and_nothing_is_written(home: Home, what: str) -> None:
    RECORDS[what](home, NOW)
    before = tree(home)
    with pytest.raises(ClockBehind, match=r"the clock stands at 2026-02-24 22:30 UTC, before the newest (fetch|build)"):
        require_clock(home, NOW - TEN_DAYS)
    assert tree(home) == before
    for moment in (NOW - timedelta(minutes=1), NOW, NOW + TEN_DAYS):
        require_clock(home, moment)


def test_an_empty_home_and_a_run_that_failed_bind_nobody(home: Home) -> None:
    require_clock(home, NOW - TEN_DAYS)
    require_clock(Home(home.root / "none"), NOW)
    ran(home, NOW, "failed")
    before = tree(home)
    require_clock(home, NOW - TEN_DAYS)
    assert tree(home) == before
    ran(home, NOW, "built")
    with pytest.raises(ClockBehind):
        require_clock(home, NOW - TEN_DAYS)


def test_the_newest_moment_counts_and_not_the_last_line(home: Home) -> None:
    for moment in (NOW - TEN_DAYS, NOW, NOW - timedelta(days=20)):
        fetched(home, moment)
    assert Archive(home.archive).newest_fetch() == NOW
    with pytest.raises(ClockBehind):
        require_clock(home, NOW - timedelta(days=5))


def test_releases_at_one_moment_are_not_taken_for_later_ones(home: Home) -> None:
    for version in range(1, 4):
        build(home, version)
        publish_now(home)  # the names of the second and third are a second later each
    assert len(list(home.releases.glob("*.duckdb"))) == 3
    require_clock(home, NOW)
    with pytest.raises(ClockBehind):
        require_clock(home, NOW - TEN_DAYS)


@pytest.mark.parametrize("command", ["run", "publish", "demo", "rebuild"])
def test_every_command_that_writes_refuses(home: Home, command: str, monkeypatch, capsys) -> None:
    fetched(home, datetime(2026, 3, 6, tzinfo=UTC))
    (home.root / "origin.txt").write_text("SIMULATED\n" if command == "demo" else "LIVE\n")
    (home.root / "tidegauge.log").touch()
    before = tree(home)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.setenv("TIDEGAUGE_NOW", "2026-02-20T09:15")
    assert cli.call([command]) == ConfigError.exit_code
    told = capsys.readouterr().err
    assert "the clock stands at 2026-02-20 14:15 UTC" in told
    assert "nothing was touched" in told
    assert tree(home) == before
