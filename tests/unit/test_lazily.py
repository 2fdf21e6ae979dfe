"""A module that is loaded when it is used is the same module, later; the gate loads nothing that it does not use."""

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
