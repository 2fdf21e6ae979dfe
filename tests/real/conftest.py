"""One whole run over the recorded history, shared by the golden tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def real_home(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `tidegauge real` once into a folder of its own and return that home."""
    home = tmp_path_factory.mktemp("real") / "home"
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("TIDEGAUGE_", "FRED_", "DAGSTER"))
        },
        "TIDEGAUGE_REAL_DATA": str(real_data),
        "TIDEGAUGE_HOME": str(home),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "real"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, (
        f"tidegauge real failed with {ran.returncode}:\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    )
    return home


@pytest.fixture
def published(real_home: Path):
    """Return a read-only connection to the release of the real build."""
    import duckdb

    with duckdb.connect(str(real_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        yield con


@pytest.fixture
def warehouse(real_home: Path):
    """Return a read-only connection to the build file, quarantine included."""
    import duckdb

    with duckdb.connect(str(real_home / "build" / "warehouse.duckdb"), read_only=True) as con:
        yield con
