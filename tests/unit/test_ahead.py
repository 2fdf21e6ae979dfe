"""Packages are imported beside other work, and one that is missing is left to whoever needs it."""

from __future__ import annotations

import subprocess
import sys

from tests.cli import ROOT

CODE = """
import sys
from orchestration.ahead import GATE_PACKAGES, import_ahead

thread = import_ahead("no_such_package", "colorsys")
thread.join(60)
print(not thread.is_alive() and thread.daemon, "colorsys" in sys.modules, "no_such_package" in sys.modules)
"""


def test_what_is_missing_stops_nothing():
    ran = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout.split(), ran.stderr) == (["True", "True", "False"], "")
