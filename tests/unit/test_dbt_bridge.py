"""The parsed project is taken as it is only while the project is what it was, and nothing is written into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import dbt_state
from tests.cli import ROOT, environment


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, prepared beside the environment."""
    folder = tmp_path / "dbt_project"
    for name in ("models/marts/carry_daily.sql", "dbt_project.yml", "target/run/old.sql"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-")
    monkeypatch.setattr(dbt_state, "PROJECT_DIR", folder)
    monkeypatch.setattr(dbt_state, "PREPARED", tmp_path / "prepared")
    monkeypatch.setattr(dbt_state, "_root", None)
    dbt_state.prepare_in(parse)
    dbt_state.keep_under(tmp_path / "home" / "dbt")
    return folder


def parse() -> None:
    with dbt_state.state().being_written() as folder:
        (folder / "manifest.json").write_text("{}")
        (folder / "partial_parse.msgpack").write_text("-")


def test_an_unchanged_project_is_fresh_whatever_dbt_wrote_since_and_when(project: Path) -> None:
    (project / "target" / "run" / "old.sql").write_text("other")
    for path in project.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    assert dbt_state.state().manifest is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "models" / "marts" / "carry_daily.sql").write_text("+"),
        lambda project: (project / "dbt_project.yml").write_text("name: other"),
        lambda project: (project / "models" / "marts" / "carry_daily.sql").unlink(),
        lambda project: shutil.rmtree(dbt_state.PREPARED),
    ],
    ids=["model", "settings", "a model is gone", "never parsed"],
)
def test_a_changed_project_is_not(project: Path, change: Callable[[Path], None]) -> None:
    change(project)
    assert dbt_state.state().manifest is None


def test_a_run_begins_with_what_was_prepared_and_writes_below_its_home(project: Path, tmp_path: Path) -> None:
    where = dbt_state.state()
    with where.being_written() as folder:
        assert (folder / "partial_parse.msgpack").exists()
    assert where.folder.parent == tmp_path / "home" / "dbt"
    assert sorted(path.name for path in where.folder.iterdir()) == ["manifest.json", "partial_parse.msgpack"]


def test_a_parse_that_fails_leaves_nothing(project: Path) -> None:
    with pytest.raises(ZeroDivisionError), dbt_state.state().being_written():
        1 / 0  # noqa: B018
    assert not any(dbt_state.state().folder.parent.iterdir())


def test_another_version_prepared_replaces_the_one_before(project: Path) -> None:
    (project / "dbt_project.yml").write_text("name: other")
    dbt_state.prepare_in(parse)
    assert [path.name for path in dbt_state.PREPARED.iterdir()] == [dbt_state.content_key()]


def test_importing_the_definitions_writes_nothing_into_the_checkout(tmp_path: Path) -> None:
    """From a copy that nobody parsed before, without a home: the tree is what it was."""
    copy, work = tmp_path / "copy", tmp_path / "work"
    work.mkdir()
    for name in ("ingest", "warehouse", "orchestration", "dbt_project"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    for name in ("dagster.yaml", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    before = tree(copy)
    env = environment(tmp_path / "home", PYTHONDONTWRITEBYTECODE="1", TMPDIR=str(work))
    del env["TIDEGAUGE_HOME"]
    code = "import orchestration.definitions as d; print(d.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(copy / "orchestration" / "definitions.py")
    assert tree(copy) == before
    assert not list(work.glob("tidegauge-dbt-*")), "what only this process needed goes with it"


def tree(folder: Path) -> dict[str, tuple[int, int] | None]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }
