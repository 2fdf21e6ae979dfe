"""What a command tells the allocators of DuckDB and polars before it imports either."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli import ROOT

CODE = """
import os, sys
from orchestration import cli

cli.call = lambda: print(*(name in sys.modules for name in ("duckdb", "polars")), os.environ["DUCKDB_JE_MALLOC_CONF"])
try:
    cli.main()
finally:
    import duckdb, polars
"""


def run(**more: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "MALLOC_CONF" not in name}
    return subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=clean | more, capture_output=True, text=True, timeout=120
    )


def test_a_command_sets_it_before_either_library_is_there_and_both_understand_it():
    ran = run()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["False", "False", "dirty_decay_ms:5000,muzzy_decay_ms:-1"]
    assert ran.stderr == "", "the allocators name what they do not know"


@pytest.mark.parametrize("name", ["DUCKDB_JE_MALLOC_CONF", "_RJEM_MALLOC_CONF"])
def test_both_read_what_is_set(name: str):
    """Shows that the test before it can fail: neither would say anything if it looked elsewhere."""
    assert "Invalid conf" in run(**{name: "no_such_option:1"}).stderr


def test_what_a_user_has_set_stands():
    assert run(DUCKDB_JE_MALLOC_CONF="dirty_decay_ms:1").stdout.split()[-1] == "dirty_decay_ms:1"
