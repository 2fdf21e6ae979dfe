"""A PostgreSQL of the tests' own: on 127.0.0.1, in a folder that goes with it, by the binaries of the system."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

OWNER, PASSWORD = "gauge_owner", "tide-Secret-42"


@dataclass(frozen=True)
class Server:
    """Where it listens."""

    port: int

    def dsn(self, user: str = OWNER, password: str = PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, user: str = OWNER, **options: object) -> psycopg.Connection:
        return psycopg.connect(self.dsn(user), **options)  # type: ignore[arg-type]

    def asked(self, sql: str, user: str = OWNER) -> list[tuple]:
        """Run statements on a connection of their own and return the rows of the last."""
        with self.connect(user, autocommit=True) as connection:
            found = connection.execute(sql)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, or skip where PostgreSQL is not installed."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(binaries[-1]) if binaries else shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql, or put initdb on the PATH")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="tidegauge-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if account is not None:  # initdb refuses to run as root
        for path in (folder, folder / "password"):
            os.chown(path, pwd.getpwnam(account).pw_uid, -1)
    data, port = folder / "data", _free_port()
    options = ["-U", OWNER, "--pwfile", str(folder / "password"), "--auth=scram-sha-256", "-E", "UTF8"]
    run = {"user": account, "cwd": folder, "check": True, "capture_output": True, "text": True}
    try:
        subprocess.run([found, "-D", data, *options, "--locale=C", "--no-sync", "--no-instructions"], **run)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings |= {
            "shared_buffers": "32MB",
            "max_connections": 30,
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        (data / "postgresql.auto.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [Path(found).with_name("postgres"), "-D", data], user=account, cwd=folder, stdout=log, stderr=log
            )
        try:
            _wait(Server(port), server, folder / "log")
            yield Server(port)
        finally:
            server.send_signal(2)  # fast: sessions are ended
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(server: Server, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server.asked("select 1")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from None
            time.sleep(0.1)
