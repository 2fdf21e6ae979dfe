"""The dbt project as dbt parsed it, and dbt started in this process.

Parsing is kept apart from building: a parse sees neither the run's variables nor its home, so what was parsed stays
valid for as long as the project stays the same. What dbt writes lies where orchestration.dbt_state says, never in the
project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import ConfigError
from orchestration.dbt_state import MANIFEST_NAME, PARSED_NAME, PROJECT_DIR, prepare_in, state

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

WAREHOUSE_VARIABLE = "TIDEGAUGE_WAREHOUSE"

_FLAGS = (
    *("--project-dir", str(PROJECT_DIR)),
    *("--profiles-dir", str(PROJECT_DIR)),
    *("--log-level-file", "none"),
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
    "--no-use-colors",
    *("--log-level", "none"),
)
# dbt names the database after the file: the stem must be the one of Home.warehouse. A parse never opens it.
_NO_WAREHOUSE = Path("parse-only") / "warehouse.duckdb"


def ensure_manifest() -> Path:
    """Return the path of the project's manifest; parses when there is none of the project as it is."""
    found = state().manifest
    if found is None:
        _parse()
        found = state().manifest
    assert found is not None
    return found


def parsed_project() -> Any:
    """Return dbt's manifest of the project as it is: what was parsed of it before, or what a parse gives now.

    dbt would look through all files to find that none has changed, which the name of the folder says already.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    where = state()
    if where.manifest is None:
        return _parse()
    try:
        with where.being_written() as folder:
            packed = (folder / PARSED_NAME).read_bytes()
        manifest = Manifest.from_msgpack(packed, decoder=extended_mashumuro_decoder)
        manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - not there, or damaged in whatever way: it is parsed anew, as dbt itself would
        return _parse()
    return manifest


def _parse() -> Any:
    """Parse the project (only what changed since the last time) and return dbt's manifest.

    Writes manifest.json, unless there is one of the project as it is: writing takes as long as parsing. In a thread of
    its own: dbt looks up the module and the source of every frame above it, and a step of Dagster has a hundred.
    """
    where = state()
    with where.being_written() as folder:
        arguments = ["parse", *(["--no-write-json"] if where.manifest is not None else [])]
        with warehouse_named(_NO_WAREHOUSE), ThreadPoolExecutor(1, thread_name_prefix="dbt-parse") as apart:
            ran = apart.submit(invoke, arguments, folder).result()
        if ran.exception is not None or (where.manifest is None and not (folder / MANIFEST_NAME).exists()):
            raise ConfigError(f"dbt cannot read {PROJECT_DIR.name}: {first_line(ran.exception)}") from ran.exception
    return ran.result


def invoke(
    arguments: list[str], folder: Path, manifest: Any = None, callback: Callable[[Any], None] | None = None
) -> dbtRunnerResult:
    """Run a command of dbt on the project, quietly; what it writes goes below `folder`. The result has any error."""
    from dbt.cli.main import dbtRunner

    from orchestration.dbt_events import results_and_trouble

    written = ("--target-path", str(folder), "--log-path", str(folder / "logs"))
    with results_and_trouble():
        return dbtRunner(manifest=manifest, callbacks=[callback] if callback else []).invoke(
            [*arguments, *_FLAGS, *written]
        )


def warehouse_named(warehouse: Path) -> AbstractContextManager[None]:
    """Name the build file for dbt's profile."""
    return variable(WAREHOUSE_VARIABLE, str(warehouse))


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment, and put back what was there."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def first_line(told: object) -> str:
    """Return what dbt says of an error in one line: its first three."""
    lines = [line.strip() for line in str(told or "no reason given").splitlines() if line.strip()]
    return " ".join(lines[:3])


if __name__ == "__main__":  # scripts/setup: the first command finds the project parsed
    prepare_in(ensure_manifest)
