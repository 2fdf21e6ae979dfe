"""`tidegauge doctor` looks and changes nothing; what is damaged it names. A file in the home's place is told by all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ingest.errors import HomeUnusable
from ingest.home import Home
from ingest.settings import Settings
from orchestration import cli, doctor
from tests.unit.test_publish import build, publish_now
from warehouse.releases import releases


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home").ensure()
    for version in (1, 2):
        build(home, version)
        publish_now(home)
    return home


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def own(path: Path) -> Path:
    """Return `path` as a file of its own, to be written to."""
    alone = path.with_name("alone")
    shutil.copyfile(path, alone)
    alone.replace(path)
    path.chmod(0o644)
    return path


def test_it_makes_no_home_and_no_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.call(["doctor"]) == 0
    assert "the first run makes it" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_it_changes_nothing_in_a_home(home, capsys):
    before = tree(home.root)
    assert cli.call(["doctor", "--full"]) == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    assert "2 kept, each with its checksum" in printed
    assert "warehouse: 0 runs on record" in printed
    assert tree(home.root) == before


def test_it_opens_the_build_file(home, capsys):
    home.warehouse.write_bytes(b"no database" * 1000)
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    assert f"{home.warehouse} is damaged" in capsys.readouterr().out
    home.warehouse.unlink()
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    assert "is gone, though releases are kept  → Run `tidegauge rebuild`." in capsys.readouterr().out


def test_it_looks_at_checksums(home, capsys):
    older = releases(home)[1].path
    with own(older).open("r+b") as file:
        file.seek(older.stat().st_size // 2)
        file.write(b"!")
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    assert f"damaged: {older.name}" in capsys.readouterr().out


@pytest.mark.parametrize("size", [0, 5000])
def test_it_names_a_published_file_that_cannot_be_opened(home, size, capsys):
    os.truncate(own(home.published), size)
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    printed = capsys.readouterr().out
    assert f"{home.published} cannot be opened" in printed
    assert str(home.warehouse) not in printed


def test_it_names_a_copy_that_is_not_what_was_published(home, capsys):
    with own(home.published).open("ab") as file:
        file.write(b"more")
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    assert "it is damaged  → Run `tidegauge publish`." in capsys.readouterr().out


COMMANDS = [
    ["run"],
    ["demo"],
    ["publish"],
    ["ui"],
    ["status"],
    ["query", "select 1"],
    ["as-of", "2026-01-02", "select 1"],
    ["releases"],
    ["rollback"],
    ["rebuild"],
    ["doctor"],
]


@pytest.mark.parametrize("below", ["", "inside/it"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_file_in_the_place_of_the_home_is_one_sentence(tmp_path, monkeypatch, capsys, command, below):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "file" / below))
    assert cli.call(command) == HomeUnusable.exit_code
    printed = capsys.readouterr()
    told = printed.out if command == ["doctor"] else printed.err
    assert f"{tmp_path / 'file'} is a file. Set TIDEGAUGE_HOME to a folder you own." in told
    assert "Traceback" not in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["archive", "build", "releases", "published", "dagster", "dbt", "quality"])
def test_a_file_in_the_place_of_one_of_its_folders(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / name).write_text("not a folder")
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    for command in (["publish"], ["doctor"]):
        assert cli.call(command) == HomeUnusable.exit_code, command
        printed = capsys.readouterr()
        assert str(tmp_path / "home" / name) in printed.out + printed.err


@pytest.mark.parametrize(
    ("client", "secret", "state", "told"),
    [
        (None, None, "note", "not set: the Query API is asked keyless"),
        ("a-client-1", None, "bad", "one of its two halves is missing"),
        (" ", "a-secret-1", "bad", "one of its two halves is missing"),
        ("a-client-1", "a-secret-1", "good", "set"),
    ],
)
def test_the_key_of_finra_is_whole_or_not_there(tmp_path, client, secret, state, told):
    settings = Settings(_env_file=None, finra_client_id=client, finra_client_secret=secret)
    found = doctor._finra_key(settings, Home(tmp_path))
    assert (found.level, found.seen) == (state, told)
    assert "a-client-1" not in repr(settings) + repr(found)
