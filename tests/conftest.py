"""Test tiers by cost. Sockets are blocked everywhere but in tests/live, except to 127.0.0.1."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from pytest_socket import enable_socket, socket_allow_hosts

from ingest import secrets
from ingest.kept_memory import keep_freed_memory
from tests.cli import TWO, environment, tidegauge
from tests.shared import built_once

TESTS = Path(__file__).parent
TIERS = ("unit", "manifest", "pipeline", "browser", "real", "live")

LONGEST_FIRST = (
    "pipeline/test_run.py",
    "real/test_golden.py",
    "pipeline/test_panel_events.py",
    "pipeline/test_demo.py",
    "pipeline/test_kill.py",
    "pipeline/test_panel_no_look_ahead.py",
    "pipeline/test_secrets.py",
    "pipeline/test_regimes_run.py",
    "pipeline/test_panel_run.py",
    "real/test_regimes_no_look_ahead.py",
    "pipeline/test_contributing.py",
    "pipeline/test_fault_matrix.py",
    "manifest/test_dbt.py",
    "pipeline/test_as_of.py",
    "unit/test_withdrawal.py",
    "unit/test_absence.py",
    "unit/test_rebuild.py",
    "unit/test_publish.py",
)
"""With whole files to a worker, a long one that begins last is waited for. Two that need one build stand apart."""


# With dbt's manifest in memory looking for garbage as often as Python does by itself is a seventh of every test.
gc.set_threshold(50_000, 10, 10)

# As commands do; xdist's workers are given it before they import DuckDB.
keep_freed_memory()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test outside the tiers; mark live tests, so that only `-m live` runs them; put long files first."""
    for item in items:
        tier = item.path.relative_to(TESTS).parts[0]
        if tier not in TIERS:
            raise pytest.UsageError(f"{item.path} is in none of the tiers {TIERS}")
        if tier == "live":
            item.add_marker(pytest.mark.live)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.path.relative_to(TESTS).as_posix()
    return LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(autouse=True)
def _only_this_machine(request: pytest.FixtureRequest):
    """Block every socket but those to 127.0.0.1."""
    if request.node.get_closest_marker("live"):
        enable_socket()
        return
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _no_environment_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Tests neither read a developer's settings nor write outside tmp_path."""
    for name in list(os.environ):
        if name.startswith(("TIDEGAUGE_", "DAGSTER_HOME", "FRED_API_KEY")) and name != "TIDEGAUGE_REAL_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    yield
    secrets.forget()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real payloads and history; skip where it is not there."""
    named = os.environ.get("TIDEGAUGE_REAL_DATA")
    if not named:
        pytest.skip("TIDEGAUGE_REAL_DATA is not set: the real-history tests need the folder of real payloads")
    folder = Path(named).resolve()
    if not (folder / "MANIFEST.md").exists():
        pytest.skip(f"TIDEGAUGE_REAL_DATA={folder} has no MANIFEST.md")
    return folder


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `tidegauge demo` once and return its home, for every test that reads a whole published file."""

    def build(folder: Path) -> None:
        home = folder / "home"
        # within pytest's own limit, on a busy machine too
        ran = tidegauge("demo", env=environment(home, **TWO), timeout=840)
        assert ran.returncode == 0, (
            f"tidegauge demo failed with {ran.returncode}:\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        )
        (home / "demo.stdout").write_text(ran.stdout)

    return built_once(tmp_path_factory, "demo", build) / "home"
