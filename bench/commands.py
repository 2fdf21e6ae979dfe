"""Whole commands as a user types them, each in a process of its own, against the stand-in upstream on this machine.

The daily run lands exactly one new session. Its alternative is what a dbt project of this size costs by itself when it
is started as a command of its own, the usual way: the same models and tests, nothing fetched, nothing published.
`query` stands beside the fewest lines of Python that read the same file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import BenchRow, bench_folder, median_seconds
from ingest.home import Home
from ingest.settings import PROJECT_ROOT
from simulator import StandIn, simulate

DEMO_BUDGET_SECONDS = 75.0
DAILY_BUDGET_SECONDS = 30.0
START_BUDGET_SECONDS = 1.0

FIRST = datetime(2026, 11, 17, 14, 5, tzinfo=UTC)
_QUESTION = "select * from marts.market_daily order by session_date desc limit 5"
_BY_HAND = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).show()"


def run() -> list[BenchRow]:
    """Time demo, daily run, status and query."""
    with bench_folder() as folder:
        return [_demo(folder), *_daily_and_reading(folder)]


def _demo(folder: Path) -> BenchRow:
    took = seconds(tidegauge("demo"), environment(folder / "demo"))
    return BenchRow("tidegauge demo, fresh home", took, None, None, DEMO_BUDGET_SECONDS, "once")


def _daily_and_reading(folder: Path) -> list[BenchRow]:
    home = Home(folder / "daily")
    last = FIRST + timedelta(days=3)
    with StandIn(simulate(last.date()), FIRST) as upstream:
        seconds(tidegauge("run"), environment(home.root, upstream.url, FIRST))
        days = iter(FIRST + timedelta(days=number) for number in range(1, 4))
        took = []
        for now in days:
            upstream.set_now(now)
            took.append(seconds(tidegauge("run"), environment(home.root, upstream.url, now)))
    env = environment(home.root, now=last)
    build = median_seconds(lambda: seconds(_dbt(home, last), {**env, "TIDEGAUGE_WAREHOUSE": str(home.warehouse)}))
    status = median_seconds(lambda: seconds(tidegauge("status"), env))
    query = median_seconds(lambda: seconds(tidegauge("query", _QUESTION), env))
    by_hand = [sys.executable, "-c", _BY_HAND, str(home.published), _QUESTION]
    hand = median_seconds(lambda: seconds(by_hand, env))
    alternative = "the dbt build of it alone, as a command"
    return [
        BenchRow(
            "daily run, one new session", sorted(took)[1], alternative, build, DAILY_BUDGET_SECONDS, "fetch to report"
        ),
        BenchRow("tidegauge status", status, None, None, START_BUDGET_SECONDS, "start-up included"),
        BenchRow(
            "tidegauge query, 5 wide rows",
            query,
            "duckdb by hand in Python",
            hand,
            START_BUDGET_SECONDS,
            "start-up included",
        ),
    ]


def tidegauge(*arguments: str) -> list[str]:
    """Return the command line of `tidegauge`."""
    return [sys.executable, "-m", "orchestration.cli", *arguments]


def _dbt(home: Home, now: datetime) -> list[str]:
    variables = f'{{run_at: "{now:%Y-%m-%d %H:%M:%S}", origin: SIMULATED, run_id: bench}}'
    project = str(PROJECT_ROOT / "dbt_project")
    return [
        *(
            sys.executable,
            "-m",
            "dbt.cli.main",
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--exclude-resource-type",
            "exposure",
        ),
        *("--project-dir", project, "--profiles-dir", project, "--vars", variables),
        *("--target-path", str(home.root / "dbt"), "--log-path", str(home.root / "dbt")),
    ]


def environment(home: Path, upstream: str | None = None, now: datetime | None = None) -> dict[str, str]:
    """Return an environment without settings of ours but those that place a run."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TIDEGAUGE_", "FRED_", "DAGSTER"))
    }
    placed = {"TIDEGAUGE_HOME": str(home)}
    if upstream:
        placed |= {"TIDEGAUGE_UPSTREAM": upstream, "TIDEGAUGE_ORIGIN": "SIMULATED"}
    if now:
        placed["TIDEGAUGE_NOW"] = now.isoformat()
    return {**kept, **placed}


def seconds(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Run a command to its end; return its wall time, or raise RuntimeError with what it said."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - began
