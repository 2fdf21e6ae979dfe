"""One whole run over the recorded history, shared by the golden tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import TWO, environment, tidegauge
from tests.shared import built_once


@pytest.fixture(scope="session")
def real_home(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `tidegauge real` once into a folder of its own and return that home."""

    def build(folder: Path) -> None:
        ran = tidegauge(
            "real", env=environment(folder / "home", TIDEGAUGE_REAL_DATA=str(real_data), **TWO), timeout=840
        )
        assert ran.returncode == 0, (
            f"tidegauge real failed with {ran.returncode}:\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        )

    return built_once(tmp_path_factory, "real", build) / "home"


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
