"""A publisher's name is written in its folder, the catalog, what is generated and marts: nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.dataset import DATASETS
from ingest.registry import publishers

ROOT = Path(__file__).parents[2]
ROOMS = ("ingest", "warehouse", "analytics", "serving", "orchestration")
OWN = {one.name for one in publishers().values() if one.is_users_own}
NAMES = {one.name: one.name for one in publishers().values()} | {
    connector: one.name for one in publishers().values() for connector in one.connectors
}
TABLES = sorted({table.name for table in DATASETS})
NAMED = re.compile(rf"^({'|'.join(NAMES)})(\.({'|'.join(TABLES)})(_latest)?)?$")
ALLOWED = {
    "analytics/regimes/validity.py",  # its subject is how one publisher's figures lie beside another's
    "ingest/catalog/calendars.py",  # the calendar of the Reserve Banks has the name of the Board
}


def _literals(path: Path) -> Iterator[str]:
    """Yield the string literals of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value
            yield from re.findall(r"(?:from|join|into|update) ([a-z_]+\.[a-z_]+)", node.value)


def test_no_module_outside_its_folder_names_a_publisher():
    found = []
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place in ALLOWED or "/__pycache__/" in place:
            continue
        for text in _literals(path):
            named = NAMED.match(text)
            if named and NAMES[named[1]] not in OWN and f"ingest/sources/{NAMES[named[1]]}/" not in place:
                found.append(f"{place}: {text}")
    assert found == []


def test_no_model_below_the_marts_names_a_publisher():
    found = []
    quoted = re.compile(rf"""['"]({"|".join(NAMES)})['"]""")
    for path in sorted((ROOT / "dbt_project").rglob("*.sql")):
        place = path.relative_to(ROOT / "dbt_project").as_posix()
        if place.startswith(("target/", "tests/", "models/marts/", "macros/marts/", "macros/_generated")):
            continue
        found += [
            f"{place}: {name}" for name in quoted.findall(path.read_text(encoding="utf-8")) if NAMES[name] not in OWN
        ]
    assert found == []
