"""The recipes of docs/contributing.md, done on a copy of the project: how many files each takes, and that it works."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
COPIED = ("analytics", "dbt_project", "docs", "ingest", "orchestration", "serving", "simulator", "tests", "warehouse")
SOURCES = Path("ingest") / "sources"


def recipe(name: str) -> str:
    """Return a text of the page."""
    found = re.search(rf"<!-- recipe: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"docs/contributing.md has no recipe {name}"
    return found[1]


class Copy:
    """A throw-away copy of the project, and what each recipe touched in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.touched: dict[str, list[str]] = {}
        for folder in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "target", "logs", "*.duckdb")
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        for name in ("pyproject.toml", "requirements.txt", "README.md"):
            shutil.copy(ROOT / name, root / name)
        self._before = self._state()

    def done(self, name: str) -> None:
        """Note what changed since the last recipe."""
        now = self._state()
        self.touched[name] = sorted(path for path in now if now[path] != self._before.get(path))
        self._before = now

    def _state(self) -> dict[str, str]:
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.root.rglob("*")
            if path.is_file()
        }


def add_series(root: Path) -> None:
    path = root / "ingest" / "catalog" / "series" / "credit.yml"
    path.write_text(path.read_text(encoding="utf-8").rstrip() + "\n" + recipe("series"), encoding="utf-8")


def add_publisher(root: Path) -> None:
    folder = root / SOURCES / "freight_board"
    folder.mkdir()
    (folder / "freight_board.yml").write_text(recipe("publisher.yml"), encoding="utf-8")
    (folder / "freight_board.py").write_text(recipe("publisher.py"), encoding="utf-8")
    (folder / "sample.csv").write_text(recipe("sample.csv"), encoding="utf-8")


def add_table(root: Path) -> None:
    folder = root / SOURCES / "freight_board"
    path = folder / "freight_board.yml"
    document, block = yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(recipe("table.yml"))
    for section in ("connectors", "tables"):
        document[section] |= block[section]
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (folder / "freight_positions.py").write_text(recipe("table.py"), encoding="utf-8")


def add_mart(root: Path) -> None:
    folder = root / "dbt_project" / "models" / "marts" / "credit"
    for kind in ("sql", "yml"):
        (folder / f"freight_positions_weekly.{kind}").write_text(recipe(f"mart.{kind}"), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("project"))
    for name, add in (("series", add_series), ("publisher", add_publisher), ("table", add_table), ("mart", add_mart)):
        add(copy.root)
        copy.done(name)
    return copy


@pytest.fixture(scope="module")
def seen(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the pieces of the pipeline made of it."""
    folder = tmp_path_factory.mktemp("recipes")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGAUGE_")}
    environment |= {"PYTHONPATH": str(copy.root), "PYTHONDONTWRITEBYTECODE": "1", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "tests.pipeline.recipe_run", str(folder)]
    done = subprocess.run(command, cwd=copy.root, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_each_recipe_touches_as_many_files_as_the_page_says(copy: Copy):
    assert copy.touched == {
        "series": ["ingest/catalog/series/credit.yml"],
        "publisher": [
            "ingest/sources/freight_board/freight_board.py",
            "ingest/sources/freight_board/freight_board.yml",
            "ingest/sources/freight_board/sample.csv",
        ],
        "table": [
            "ingest/sources/freight_board/freight_board.yml",
            "ingest/sources/freight_board/freight_positions.py",
        ],
        "mart": [
            "dbt_project/models/marts/credit/freight_positions_weekly.sql",
            "dbt_project/models/marts/credit/freight_positions_weekly.yml",
        ],
    }
    said = [int(count) for count in re.findall(r"^Files: \*\*(\d+)\*\*", PAGE, re.MULTILINE)]
    assert said == [len(files) for files in copy.touched.values()]


def test_a_quarterly_series_lands_and_is_staged(seen: dict[str, Any]):
    assert seen["fred"] == "ok"
    first, count, months = seen["quarterly"]
    assert first == "2012-04-01"
    assert count > 50
    assert months == 4
    assert seen["built"]["staged"][0] > 50


def test_a_publisher_is_asked_served_landed_and_probed(seen: dict[str, Any]):
    assert "data.freight.example" in seen["hosts"]
    assert "freight_board" in seen["probed"]
    assert seen["freight_board"] == "ok"
    assert seen["tables"]["freight_board.rates"] == 4
    assert seen["comment"] == ["Index points"]


def test_a_table_is_drawn_landed_and_held_to_its_identity(seen: dict[str, Any]):
    assert seen["freight_positions"] == "ok"
    assert seen["tables"]["freight_board.positions"] > 100
    accepted, reason = seen["refused"]
    assert accepted == "A"
    assert reason.startswith("open_interest_contracts_adds_up")


def test_a_mart_over_both_is_built_and_read_at_a_past_moment(seen: dict[str, Any]):
    built = seen["built"]
    assert "freight_positions_weekly" in built["nodes"]
    rows, beside = built["mart"]
    assert rows == beside == seen["tables"]["freight_board.positions"]
    assert built["as_of_now"] == built["mart"]
    assert 0 < built["as_of_then"][0] < rows
