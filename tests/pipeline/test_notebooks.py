"""The notebooks run from top to bottom over the demo's published file, and are kept without their outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


def run(cells: list[str], name: str) -> list[Any]:
    """Run cells in one namespace and return what each would show: the value of its last expression."""
    shown, names = [], {"__name__": name}
    for text in cells:
        tree = ast.parse(text)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)
        shown.append(eval(compile(ast.Expression(last.value), name, "eval"), names) if last else None)
    names["con"].close()
    return shown


@pytest.mark.parametrize("name", ["morning", "as_of", "regimes"])
def test_a_notebook_runs_and_shows_something_in_every_cell(name, demo_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
    charts = 0
    for text, shown in zip(code, run(code, name), strict=True):
        if (hasattr(shown, "to_dict") and hasattr(shown, "mark_line")) or hasattr(shown, "layer"):
            drawn = shown.to_dict()
            charts += 1
            assert "SIMULATED" in json.dumps(drawn.get("title"))
            assert any(drawn["datasets"].values()), text
        elif "meta.freshness" not in text:
            assert shown is True or len(shown), text
    assert charts >= 1
