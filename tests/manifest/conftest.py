"""An empty, migrated build file and dbt in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.catalog import load_catalog
from orchestration.dbt_parsed import parsed_project
from orchestration.dbt_state import kept_under
from warehouse.connection import migrate
from warehouse.reference import replace_reference

ROOT = Path(__file__).parents[2]
DBT_PROJECT = ROOT / "dbt_project"
RUN_AT = datetime(2026, 2, 6, 14, 20, tzinfo=UTC)

Dbt = Callable[..., Any]


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build file as a first run finds it after migration: catalog and calendar, no observation."""
    path = tmp_path_factory.mktemp("build") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        migrate(con)
        replace_reference(con, load_catalog(), RUN_AT)
    return path


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """Return run(warehouse, *arguments): dbt's result object; the project is what a run would read it as.

    That it is what a parse gives is shown in test_dbt_parsed.
    """
    from dbt.cli.main import dbtRunner

    target = tmp_path_factory.mktemp("dbt")
    folders = ("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT))
    quiet = ("--quiet", "--log-level-file", "none", "--target-path", str(target), "--log-path", str(target))
    with pytest.MonkeyPatch.context() as patch:
        with kept_under(target / "parsed"):
            project = parsed_project()

        def run(warehouse: Path, *arguments: str) -> Any:
            if not arguments:
                return project
            patch.setenv("TIDEGAUGE_WAREHOUSE", str(warehouse))
            variables = ("--vars", '{"run_at": "2026-02-06 14:20:00", "origin": "SIMULATED", "run_id": "test"}')
            asked = [*arguments]
            if asked[0] == "build":
                asked += ["--exclude-resource-type", "exposure"]  # who reads the models: there is nothing to build
            done = dbtRunner(manifest=project).invoke([*asked, *variables, *folders, *quiet])
            assert done.exception is None, done.exception
            return done.result

        yield run


@pytest.fixture(scope="session")
def manifest(dbt: Dbt, empty_warehouse: Path) -> Any:
    """dbt's manifest of the project."""
    return dbt(empty_warehouse)
