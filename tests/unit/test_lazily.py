"""Modules that are loaded later, or not at all: the gate loads nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys

from tests.cli import ROOT

CODE = """
import sys
from ingest.lazily import load_when_used

load_when_used("colorsys", "no_such_module", "sys", "xml.dom.minidom")
import colorsys
from xml.dom import minidom
waits = [type(one).__name__ for one in (colorsys, minidom)]
print(*waits, colorsys.rgb_to_hsv(1, 0, 0)[2], minidom.parseString("<a/>").documentElement.tagName)
try:
    import no_such_module
except ModuleNotFoundError as error:
    print(error)
"""

MISSING = """
import colorsys
import sys
from ingest.lazily import as_if_missing

try:
    with as_if_missing("colorsys", "graphlib"):
        import colorsys
        try:
            import graphlib
        except ImportError as error:
            print(error)
        raise KeyError
except KeyError:
    import graphlib
    print(graphlib.TopologicalSorter.__name__, sys.modules["colorsys"] is colorsys)
"""

WARM = """
import sys
from ingest.rules import expectations
expectations.warm()
print(*(name in sys.modules for name in ("great_expectations", "pyspark", "sqlalchemy")))
import sqlalchemy.orm
import polars as pl
from ingest.rules.rule import Rule
pages = {}
rule = Rule("b", "error", "c", "d", column="a", at_most=2)
(found,) = expectations.validate(pl.DataFrame({"a": [1, 3]}), [rule], "e", pages)
print(found.failing, found.detail["result"]["unexpected_count"], *pages)
"""

GATE = """
import sys
from ingest.rules.expectations import validate
import great_expectations
print("scipy.stats._stats_py" in sys.modules, "altair.vegalite" in sys.modules)
"""


def said(code: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def test_a_module_is_loaded_when_it_is_used() -> None:
    assert said(CODE) == ["_LazyModule _LazyModule 1 a", "No module named 'no_such_module'"]


def test_the_gate_loads_neither_statistics_nor_charts() -> None:
    assert said(GATE) == ["False False"]


def test_a_library_finds_a_package_missing_only_for_so_long() -> None:
    assert said(MISSING) == ["import of graphlib halted; None in sys.modules", "TopologicalSorter True"]


def test_the_second_process_judges_without_packages_for_other_engines() -> None:
    assert said(WARM) == ["True False False", "[1] 1 e"]
