"""Damaged releases and a damaged published file: set aside or replaced, named, and in nobody's way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ingest.errors import AuditFailed, HomeUnusable, NothingPublished, UnknownRelease
from ingest.home import Home
from orchestration import cli
from tests.unit.test_publish import ask, build, publish_now
from warehouse.connection import connect, home_errors, home_sentence
from warehouse.publish import require_no_shorter
from warehouse.releases import is_sound, releases, rollback


def zeroed_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096 * 3))


def truncated(keep: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, keep(path.stat().st_size))


def flipped(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def replaced(by: Callable[[Path], None]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        by(path)

    return replace


def another_database(path: Path) -> None:
    path.unlink()
    duckdb.connect(str(path)).close()


DAMAGES = {
    "header zeroed": zeroed_header,
    "empty": truncated(lambda _: 0),
    "a hundred bytes": truncated(lambda _: 100),
    "half": truncated(lambda size: size // 2),
    "its tail": truncated(lambda size: size - 1000),
    "one bit": flipped,
    "garbage": lambda path: path.write_bytes(os.urandom(5000)),
    "text": lambda path: path.write_text("not a database"),
    "a folder": replaced(Path.mkdir),
    "a dangling link": replaced(lambda path: path.symlink_to("/nowhere/at/all")),
    "another database": another_database,
}


@pytest.fixture(scope="module")
def three_releases(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("releases") / "home").ensure()
    for version in (1, 2, 3):
        build(home, version)
        publish_now(home)
    return home


@pytest.fixture
def home(three_releases: Home, tmp_path: Path) -> Home:
    """Return a home with three releases, the newest of which is the published file by another name."""
    home = Home(tmp_path / "home")
    shutil.copytree(three_releases.root, home.root)
    home.published.unlink()
    os.link(max(home.releases.glob("*.duckdb")), home.published)
    return home


def damage(path: Path, how: str) -> None:
    """Damage a file of its own: a release and the published file may be two names of one."""
    alone = path.with_name("alone")
    shutil.copyfile(path, alone)
    alone.chmod(0o644)
    alone.replace(path)
    DAMAGES[how](path)


def published_version(home: Home) -> int:
    return ask(home.published, "select max(version_number) from marts.credit_daily")[0][0]


@pytest.mark.parametrize("how", list(DAMAGES))
def test_a_damaged_published_file_is_replaced_by_the_next_run(home: Home, how: str) -> None:
    damage(home.published, how)
    assert publish_now(home).state == "published"
    assert published_version(home) == 3


@pytest.mark.parametrize("how", list(DAMAGES))
def test_a_damaged_published_file_is_replaced_by_rollback(home: Home, how: str) -> None:
    damage(home.published, how)
    assert rollback(home).is_current
    assert published_version(home) in (2, 3)


@pytest.mark.parametrize("how", list(DAMAGES))
def test_a_damaged_older_release_is_in_nobodys_way(home: Home, how: str) -> None:
    older, oldest = (release for release in releases(home) if not release.is_current)
    damage(older.path, how)
    listed = {release.build_id: release.is_damaged for release in releases(home, verify=True)}
    assert listed[older.build_id]
    assert sum(listed.values()) == 1
    with pytest.raises(HomeUnusable, match=rf"release {older.build_id}: .*the file is damaged"):
        rollback(home, older.build_id)
    assert rollback(home).build_id == oldest.build_id
    build(home, 4)
    assert publish_now(home).state == "published"
    assert published_version(home) == 4
    assert not any(is_sound(release) for release in releases(home) if release.build_id == older.build_id)


@pytest.mark.parametrize("how", ["header zeroed", "a folder", "a dangling link"])
def test_what_cannot_be_read_is_set_aside_and_listed(home: Home, how: str, monkeypatch, capsys) -> None:
    older = next(release for release in releases(home) if not release.is_current)
    damage(older.path, how)
    build(home, 4)
    publish_now(home)
    aside = older.path.with_name(f"{older.path.name}.damaged")
    assert aside.exists() or aside.is_symlink()
    assert not older.path.exists()
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    assert cli.call(["releases"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(older.build_id in line and "damaged" in line and aside.name in line for line in lines)
    assert sum("sound" in line for line in lines) == 3
    with pytest.raises(HomeUnusable, match=older.build_id):
        rollback(home, older.build_id)


def test_the_release_that_is_published_is_damaged_itself(home: Home) -> None:
    home.published.chmod(0o644)
    os.truncate(home.published, 5000)  # a hard link: the release is the same file
    assert publish_now(home).state == "published"
    assert published_version(home) == 3
    assert [release.is_damaged for release in releases(home) if release.is_current] == [False]


def test_without_any_sound_release_rollback_says_so(home: Home) -> None:
    for release in releases(home):
        damage(release.path, "half")
    with pytest.raises(HomeUnusable, match="the file is damaged"):
        rollback(home)
    assert publish_now(home).state == "published"
    assert published_version(home) == 3


def test_what_was_set_aside_goes_with_the_releases_of_its_time(home: Home) -> None:
    oldest = releases(home)[-1]
    damage(oldest.path, "garbage")
    for version in (4, 5, 6):
        build(home, version)
        publish_now(home, keep=2)
    assert not any("damaged" in path.name for path in home.releases.iterdir())
    assert len(releases(home)) == 2


def test_a_file_that_somebody_holds_is_not_taken_for_damaged(home: Home) -> None:
    assert not [release for release in releases(home) if release.is_damaged]
    error = duckdb.IOException("IO Error: Could not set lock on file: Conflicting lock is held in python (PID 1)")
    assert home_sentence(home, error) is None


def test_rollback_to_a_release_that_is_not_kept_is_wrong_usage(home: Home, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    assert cli.call(["rollback", "--to", "nope"]) == UnknownRelease.exit_code == 2
    told = capsys.readouterr().err
    assert all(release.build_id in told for release in releases(home))
    with pytest.raises(NothingPublished, match="no release nope; kept are: "):
        rollback(home, "nope")


@pytest.mark.parametrize("how", ["header zeroed", "a hundred bytes", "garbage"])
@pytest.mark.parametrize("command", [["status"], ["query", "from marts.credit_daily"]])
def test_readers_name_the_published_file_and_never_the_warehouse(
    home: Home, how: str, command: list[str], monkeypatch, capsys
) -> None:
    damage(home.published, how)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    code = cli.call(command)
    told = capsys.readouterr().err
    assert code == HomeUnusable.exit_code, told
    assert str(home.published) in told
    assert "rollback" in told
    assert str(home.warehouse) not in told


@pytest.mark.parametrize("how", ["header zeroed", "a hundred bytes", "garbage", "a folder"])
def test_a_damaged_warehouse_is_named_as_itself(home: Home, how: str) -> None:
    damage(home.warehouse, how)
    with pytest.raises(HomeUnusable, match=rf"{home.warehouse} is damaged .*tidegauge rebuild"):
        connect(home)


def test_an_error_that_names_no_file_is_of_the_one_that_was_read(home: Home) -> None:
    text = "IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at 3"
    with pytest.raises(HomeUnusable, match=str(home.warehouse)), home_errors(home):
        raise duckdb.IOException(text)
    assert str(home.published) in (home_sentence(home, duckdb.IOException(text), read=home.published) or "")


def test_a_build_that_ends_before_the_published_one_is_refused(home: Home) -> None:
    build(home, 4, rows=9)
    con = connect(home)
    with pytest.raises(AuditFailed, match=r"ends on 2026-03-10, release \S+ that it would replace on 2026-03-11"):
        require_no_shorter(home, con)
    con.close()
    build(home, 4, rows=10)
    con = connect(home)
    require_no_shorter(home, con)
    con.close()
    damage(home.published, "garbage")
    build(home, 4, rows=9)
    con = connect(home)
    require_no_shorter(home, con)  # it has no end that could be read
    con.close()


def test_the_newest_sound_release_is_what_a_fresh_moment_names(home: Home) -> None:
    moments = [release.stamp for release in releases(home)]
    assert moments == sorted(moments, reverse=True)
    assert all(moment <= datetime(2026, 3, 6, 22, 31, tzinfo=UTC) for moment in moments)
