"""Publication: a new file each time something changed, always whole, always one build."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.errors import HomeUnusable, NothingPublished
from ingest.home import Home
from tests.unit.databases import opened_build
from warehouse.connection import WriterLock, connect
from warehouse.presentation import MartMeta, Presentation, presentation_of
from warehouse.publish import PublishResult, publish, releases, rollback

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)

MARTS = """
    create schema marts;
    create schema meta;
    create table marts.credit_daily as
        select date '2026-03-02' + i::int as session_date, i * 1.5 as hy_oas_bp, {version}::bigint as version_number,
            timestamp '2026-03-03' + to_days(i::int) as known_at
        from range({rows}) t(i);
    comment on table marts.credit_daily is 'Credit spreads, the market''s price of risk. One row per session.';
    comment on column marts.credit_daily.hy_oas_bp is 'bp; ICE BofA "HY" OAS';
    create table marts.sessions as select date '2027-01-01' as session_date;
    comment on table marts.sessions is 'Sessions.';
    create view meta.payloads as select 'abc' as payload_sha256;
    comment on view meta.payloads is 'Payloads.';
    create table meta.freshness as
        select 'hy_oas' as series_id, 'fred' as provider, 'fresh' as state, {version}::bigint as age_days;
    comment on table meta.freshness is 'Freshness.';
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    build(home)
    return home


def build(home: Home, version: int = 1, rows: int = 10) -> None:
    """Make the build file say `version`, as a dbt build would."""
    con = opened_build(home)
    con.execute("drop schema if exists marts cascade; drop schema if exists meta cascade")
    con.execute(MARTS.format(version=version, rows=rows))
    con.execute("delete from ops.checks")
    for run, passed in (("run 0", False), ("run 1", True)):
        con.execute(
            "insert into ops.checks values (?, 'dbt', 'marts.credit_daily', 'unique', 'error', ?, 0, null, ?, true)",
            [run, passed, datetime(2026, 3, 6)],
        )
    con.close()


def publish_now(home: Home, **changes) -> PublishResult:
    arguments = {"run_id": "run 1", "now": NOW, "origin": "LIVE", "code_version": "0.1.0", "keep": 5} | changes
    return publish(home, **arguments)


def ask(path: Path, query: str) -> list[tuple]:
    """Query in a process of its own: within a process DuckDB keeps a file that was replaced."""
    code = (
        "import duckdb, json, sys; con = duckdb.connect(sys.argv[1], read_only=True); "
        "print(json.dumps(con.execute(sys.argv[2]).fetchall(), default=str))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), query], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(row) for row in json.loads(done.stdout)]


def test_the_published_file_is_whole_read_only_and_described(home):
    result = publish_now(home, evaluated_at=datetime(2026, 3, 6, 22, 29))
    assert result.state == "published"
    assert ask(home.published, "select * from meta.build") == [
        (
            result.build_id,
            "2026-03-06 22:30:00",
            "2026-03-06 22:29:00",
            "run 1",
            "0.1.0",
            "LIVE",
            False,
            "2026-03-11",
            ask(home.published, "select content_sha256 from meta.build")[0][0],
            2,
            11,
            None,
            None,
        )
    ]
    quality = ask(home.published, "select run_id, is_passed, is_blocking from meta.quality")
    assert quality == [("run 1", True, True)]
    assert ask(home.published, "select tags['storage_version'] from duckdb_databases() where path is not null") == [
        ("v1.0.0+",)
    ]
    assert ask(home.published, "select table_name, comment from duckdb_columns() where column_name = 'hy_oas_bp'") == [
        ("credit_daily", 'bp; ICE BofA "HY" OAS'),
        ("credit_daily_at", 'bp; ICE BofA "HY" OAS'),
    ]
    comments = dict(ask(home.published, "select schema_name || '.' || table_name, comment from duckdb_tables()"))
    assert comments.pop("marts.credit_daily") == "Credit spreads, the market's price of risk. One row per session."
    assert set(comments) == {
        "marts.sessions",
        "meta.payloads",
        "meta.acceptances",
        "meta.keys",
        "meta.lineage",
        "meta.lake_fingerprints",
        "claims.definitions",
        "meta.freshness",
        *(
            f"meta.{name}"
            for name in (
                "as_of",
                "as_of_parts",
                "build",
                "quality",
                "runs",
                "checks",
                "regime_ledger",
                "readings",
                "charts",
            )
        ),
    }
    assert all(comments.values())
    uncommented = "select table_name, column_name from duckdb_columns() where comment is null and schema_name = 'meta' "
    assert ask(home.published, uncommented + "and table_name in ('build', 'quality')") == []
    assert ask(
        home.published, "select schema_name from duckdb_schemas() where not internal and schema_name <> 'main'"
    ) == [
        ("claims",),
        ("marts",),
        ("meta",),
    ]
    for path in (home.published, result.path):
        assert path.stat().st_mode & 0o777 == 0o444
    digest, name = result.path.with_name(result.path.name + ".sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(home.published.read_bytes()).hexdigest(), result.path.name)
    assert [path.name for path in home.releases.glob("*.tmp*")] == []


AS_OF = "select count(*) from marts.credit_daily_as_of(timestamp '2026-03-05 12:00')"


def test_as_of_in_the_file_itself_and_in_a_kept_release_of_another_name(home):
    result = publish_now(home)
    assert ask(home.published, AS_OF) == ask(result.path, AS_OF) == [(3,)]
    assert ask(home.published, "select count(*) from marts.credit_daily_at") == [(10,)]


def test_as_of_where_the_file_is_attached_under_another_name(home):
    publish_now(home)
    with duckdb.connect() as con:
        con.execute("create schema marts; create table marts.credit_daily as select timestamp '2000-01-01' as known_at")
        con.execute(f"attach '{home.published}' as tg (read_only); set variable as_of = '2026-03-05 12:00:00'")
        assert con.execute("select count(*) from tg.marts.credit_daily_at").fetchone() == (3,)
        with pytest.raises(duckdb.Error):  # a macro's names are those of the file in use: the host's rows, or none
            con.execute("select count(*) from tg.marts.credit_daily_as_of(timestamp '2026-03-05 12:00')").fetchone()
        con.execute("use tg")
        assert con.execute(AS_OF).fetchone() == (3,)


def test_a_macro_refuses_to_read_another_release(home):
    old = publish_now(home).path
    build(home, version=2, rows=20)
    publish_now(home, now=NOW + timedelta(days=1))
    with duckdb.connect() as con:
        con.execute(f"attach '{home.published}' as new (read_only); attach '{old}' as old (read_only); use new")
        assert con.execute("select count(*) from marts.credit_daily_as_of(timestamp '2027-01-01')").fetchone() == (20,)
        with pytest.raises(duckdb.Error, match="USE its catalog first"):
            con.execute("from old.marts.credit_daily_as_of(timestamp '2027-01-01')").fetchall()
        assert con.execute("select count(*) from old.marts.credit_daily_at").fetchone() == (10,)


def test_the_same_content_is_not_published_again(home):
    first = publish_now(home)
    before = home.published.stat()
    build(home)  # the same rows, made anew
    again = publish_now(home, run_id="run 2", now=NOW + timedelta(days=1))
    assert (again.state, again.build_id) == ("unchanged", first.build_id)
    after = home.published.stat()
    # Not the whole stat: reading the file moves its access time.
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert len(releases(home)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "update marts.credit_daily set hy_oas_bp = null where session_date = '2026-03-04'",
        "insert into marts.credit_daily from marts.credit_daily",
        "comment on column marts.credit_daily.hy_oas_bp is 'bp'",
        "alter table marts.credit_daily rename hy_oas_bp to oas_bp",
        "update meta.freshness set state = 'stale'",
        "create schema if not exists intermediate; create table intermediate.compiled as "
        "select 'marts' as schema_name, 'credit_daily' as name, "
        "'{\"select\": \"from marts.credit_daily\"}' as as_of, '' as sql_text",
    ],
)
def test_whatever_an_analyst_would_see_is_a_new_release(home, change):
    publish_now(home)
    con = connect(home)
    con.execute(change)
    con.close()
    assert publish_now(home).state == "published"


def test_another_order_of_the_readings_is_a_new_release_and_the_file_says_it(home):
    def presentation(label: str) -> Presentation:
        column = {"readings": [{"label": label, "order": 1, "unit": "bp"}]}
        return presentation_of([MartMeta("credit_daily", {"session_date": {}, "known_at": {}, "hy_oas_bp": column})])

    publish_now(home, presentation=presentation("Spread"))
    assert publish_now(home, presentation=presentation("Spread")).state == "unchanged"
    assert publish_now(home, presentation=presentation("HY spread")).state == "published"
    found = ask(home.published, "select label, mart, column_name, period_column from meta.readings")
    assert found == [("HY spread", "credit_daily", "hy_oas_bp", "session_date")]
    assert ask(home.published, "select count(*) from meta.charts") == [(0,)]


def test_ages_and_row_order_are_no_news_but_a_new_version_of_the_code_is(home):
    publish_now(home)
    con = connect(home)
    con.execute("update meta.freshness set age_days = 7")
    con.execute("create or replace table reversed as from marts.credit_daily order by session_date desc")
    con.execute("delete from marts.credit_daily; insert into marts.credit_daily from reversed")
    con.close()
    assert publish_now(home).state == "unchanged"
    assert publish_now(home, code_version="0.2.0").state == "published"


def test_simulated_figures_say_so(home):
    publish_now(home, origin="SIMULATED")
    assert (
        ask(home.published, "select comment from duckdb_tables() where not starts_with(comment, 'SIMULATED. ')") == []
    )
    assert ask(home.published, "select origin, is_simulated from meta.build") == [("SIMULATED", True)]


def test_the_last_releases_are_kept_and_build_ids_sort_even_when_the_clock_stands(home):
    built = []
    for version in range(1, 6):
        build(home, version)
        built.append(publish_now(home, keep=3).build_id)
    assert built == sorted(built)
    assert [release.build_id for release in releases(home)] == built[:1:-1]
    assert [release.is_current for release in releases(home)] == [True, False, False]
    assert len(list(home.releases.iterdir())) == 6


def test_rollback_and_forward_again(home):
    built = []
    for version in (1, 2, 3):
        build(home, version)
        built.append(publish_now(home).build_id)
    assert rollback(home).build_id == built[1]
    assert ask(home.published, "select build_id from meta.build") == [(built[1],)]
    assert rollback(home).build_id == built[0]
    with pytest.raises(NothingPublished, match="no release before the current one"):
        rollback(home)
    assert rollback(home, built[2]).is_current
    assert rollback(home, built[2]).is_current
    with pytest.raises(NothingPublished, match=f"no release other; kept are: {built[2]}, "):
        rollback(home, "other")
    assert not home.published.with_name("tidegauge.duckdb.tmp").exists()


def test_what_was_rolled_back_from_is_published_again_by_the_next_run(home):
    publish_now(home)
    build(home, 2)
    second = publish_now(home)
    rollback(home)
    again = publish_now(home)
    assert (again.state, again.build_id) == ("published", second.build_id)
    assert ask(home.published, "select max(version_number) from marts.credit_daily") == [(2,)]


def test_the_current_release_is_never_deleted(home):
    publish_now(home)
    first = releases(home)[0].build_id
    for version in (2, 3):
        build(home, version)
        publish_now(home)
        rollback(home, first)
    build(home, 4)
    publish_now(home, keep=1)
    assert [release.is_current for release in releases(home)] == [True]


def test_a_damaged_release_is_not_rolled_back_to(home):
    publish_now(home)
    build(home, 2)
    second = publish_now(home)
    older = releases(home)[1].path
    older.chmod(0o644)
    with older.open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    with pytest.raises(HomeUnusable, match=r"expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}; the file is damaged"):
        rollback(home)
    assert ask(home.published, "select build_id from meta.build") == [(second.build_id,)]


def test_without_hard_links_the_release_is_copied(home, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    first = publish_now(home)
    build(home, 2)
    second = publish_now(home)
    assert not home.published.samefile(second.path)
    assert home.published.stat().st_mode & 0o777 == 0o444
    assert [release.is_current for release in releases(home)] == [True, False]
    assert publish_now(home).state == "unchanged"
    assert rollback(home).build_id == first.build_id


def test_a_release_that_was_finished_but_not_switched_to_is_taken_up(home, monkeypatch):
    publish_now(home)
    build(home, 2)
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.publish._switch", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish_now(home)
    assert len(releases(home)) == 2
    assert publish_now(home).state == "published"
    assert len(releases(home)) == 2
    assert ask(home.published, "select max(version_number) from marts.credit_daily") == [(2,)]


READER = """
import os, sys, time, duckdb
path, stop = sys.argv[1:]
seen = set()
print("ready", flush=True)
while not os.path.exists(stop):
    con = duckdb.connect(path, read_only=True)
    build, = con.execute("select build_id from meta.build").fetchone()
    versions = con.execute("select distinct version_number from marts.credit_daily").fetchall()
    age, = con.execute("select age_days from meta.freshness").fetchone()
    assert versions == [(age,)], (versions, age)
    assert con.execute("select build_id from meta.build").fetchone() == (build,)
    con.close()
    seen.add(build)
    time.sleep(0.04)  # eight that never pause would leave the publisher no time
print(len(seen), flush=True)
"""


@pytest.mark.parametrize("publishes", [5, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_eight_readers_see_one_build_at_a_time_and_no_error(home, tmp_path, publishes):
    build(home, 1, rows=20_000)
    publish_now(home)
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(home.published), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for version in range(2, 2 + publishes):
        build(home, version, rows=20_000)
        publish_now(home, keep=2)
    stop.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        assert reader.returncode == 0, err
        assert int(out) >= 2, "a reader that never saw a second release shows nothing"


PUBLISHER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ingest.home import Home
from tests.unit.test_publish import build, publish_now
home = Home(Path(sys.argv[1]))
print("ready", flush=True)
version = int(sys.argv[2])
while True:
    version += 1
    build(home, version, rows=50_000)
    publish_now(home)
"""


def test_kill_9_leaves_a_whole_release(home):
    publish_now(home)
    moments = random.Random(20260306)  # fixed: a failure can be seen again
    for attempt in range(3):
        command = [sys.executable, "-c", PUBLISHER, str(home.root), str(attempt * 1000)]
        publisher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert publisher.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.3, 2.0))
        publisher.kill()
        publisher.wait()
        publisher.stdout.close()
        found = ask(
            home.published,
            "select b.build_id, b.rows_count = (select count(*) from marts.credit_daily) + 1, f.age_days = "
            "(select max(version_number) from marts.credit_daily) from meta.build b, meta.freshness f",
        )
        assert found[0][1:] == (True, True)
        assert sum(release.is_current for release in releases(home)) == 1
    build(home, 9999)
    with WriterLock(home):
        assert publish_now(home).state == "published"
    assert [path.name for path in home.releases.iterdir() if ".tmp" in path.name] == []
    for release in releases(home):
        assert rollback(home, release.build_id).is_current


def test_a_full_disk_leaves_the_old_release(home, monkeypatch):
    first = publish_now(home)
    build(home, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warehouse.releases.flush", full)
    with pytest.raises(HomeUnusable, match=r"the disk of .* is full"):
        publish_now(home)
    monkeypatch.undo()
    assert ask(home.published, "select build_id from meta.build") == [(first.build_id,)]
    assert publish_now(home).state == "published"


def test_a_published_file_that_was_removed_is_put_back(home):
    first = publish_now(home)
    home.published.unlink()
    again = publish_now(home)
    assert (again.state, again.build_id) == ("published", first.build_id)
    shutil.copyfile(home.published, home.root / "copy.duckdb")
    assert ask(home.root / "copy.duckdb", "select build_id from meta.build") == [(first.build_id,)]
