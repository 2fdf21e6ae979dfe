"""The parsed project is taken as it is only while the project is what it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import dbt_bridge

PARSED_AT = 2_000_000_000  # seconds since the epoch


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, parsed after its last change."""
    for name in ("models/marts/carry_daily.sql", "dbt_project.yml", "target/manifest.json", "target/run/old.sql"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.utime(path, (PARSED_AT - 60, PARSED_AT - 60))
    os.utime(tmp_path / "target" / "manifest.json", (PARSED_AT, PARSED_AT))
    monkeypatch.setattr(dbt_bridge, "PROJECT_DIR", tmp_path)
    monkeypatch.setattr(dbt_bridge, "MANIFEST", tmp_path / "target" / "manifest.json")
    return tmp_path


def later(path: Path) -> None:
    os.utime(path, (PARSED_AT + 60, PARSED_AT + 60))


def test_an_unchanged_project_is_fresh_whatever_dbt_wrote_since(project: Path) -> None:
    later(project / "target" / "run" / "old.sql")
    assert dbt_bridge._is_fresh()


@pytest.mark.parametrize(
    "change",
    [
        lambda project: later(project / "models" / "marts" / "carry_daily.sql"),
        lambda project: later(project / "dbt_project.yml"),
        lambda project: later(project / "models" / "marts"),  # as when a file of it is removed
        lambda project: (project / "target" / "manifest.json").unlink(),
    ],
    ids=["model", "settings", "a model is gone", "never parsed"],
)
def test_a_changed_project_is_not(project: Path, change: Callable[[Path], None]) -> None:
    change(project)
    assert not dbt_bridge._is_fresh()
