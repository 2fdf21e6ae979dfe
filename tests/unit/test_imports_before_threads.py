"""What the gate needs is loaded before anything runs beside it: two threads in one circle of imports break both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli import ROOT

CODE = """
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import orchestration.instance
from orchestration import run

def look(*_arguments):
    threads = [thread.name for thread in threading.enumerate()]
    print("great_expectations" in sys.modules, "sqlalchemy.orm" in sys.modules, *threads)
    raise SystemExit

orchestration.instance.open_instance = look
session = SimpleNamespace(
    home=SimpleNamespace(dbt=Path(sys.argv[1])), settings=SimpleNamespace(dagster_postgres_dsn=None), second=None
)
run._execute(session, "daily")
"""


def test_without_a_second_process_the_gate_is_loaded_when_the_run_begins_and_by_one_thread(tmp_path: Path):
    ran = subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["True", "True", "MainThread"]
