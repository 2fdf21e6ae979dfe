"""Runs the `tidegauge` command as a user would: a process of its own, with no environment of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from functools import cache
from pathlib import Path

from orchestration.dbt_state import PREPARED, content_key

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "orchestration.cli"]
TWO = {"TIDEGAUGE_SECOND_PROCESS": "1"}
"""What a run has to be given to work in two processes, as it does for users."""


def environment(home: Path, *, upstream: str | None = None, now: datetime | None = None, **more: str) -> dict[str, str]:
    """Return a clean environment that places a run: home, stand-in, clock."""
    _prepare()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TIDEGAUGE_", "FRED_", "DAGSTER", "PYTEST"))}
    clean["TIDEGAUGE_HOME"] = str(home)
    clean["TIDEGAUGE_RETRY_WAIT_SECONDS"] = "0.01"
    clean["TIDEGAUGE_SECOND_PROCESS"] = "0"  # it starts for three seconds of processor, in each of the small runs
    if upstream:
        clean["TIDEGAUGE_UPSTREAM"] = upstream
        clean["TIDEGAUGE_ORIGIN"] = "SIMULATED"
    if now:
        clean["TIDEGAUGE_NOW"] = now.isoformat()
    return {**clean, **more}


@cache
def _prepare() -> None:
    """Parse the project once for all runs, as `make setup` does, where it was changed since."""
    if not (PREPARED / content_key() / "manifest.json").exists():
        subprocess.run([sys.executable, "-m", "orchestration.dbt_parsed"], cwd=ROOT, check=True, timeout=300)


def tidegauge(*arguments: str, env: dict[str, str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run one command to its end and return what it printed."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def start(*arguments: str, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start one command in a process group of its own, so that a kill takes all of it."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [*COMMAND, *arguments], cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )
