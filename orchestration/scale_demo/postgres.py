"""A PostgreSQL by the binaries of the system, on 127.0.0.1, its data in a folder of ours."""

from __future__ import annotations

import os
import pwd
import secrets as random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestration.scale_demo.process import HOST, Process, ServiceError, free_port

if TYPE_CHECKING:
    import psycopg

OWNER: Final = "gauge_owner"
_INSTALLED_AT: Final = Path("/usr/lib/postgresql")
_SETTINGS: Final[Mapping[str, object]] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "lc_messages": "C",  # the lake's retries know English messages alone
    "shared_buffers": "32MB",
    "max_connections": 60,
}
_UNSAFE_AND_FAST: Final[Mapping[str, object]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`; None where PostgreSQL is not installed."""
    versions = sorted(_INSTALLED_AT.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """A server with data of its own. `start` after `stop` or `kill` finds the same data at the same port."""

    def __init__(self, folder: Path, *, password: str | None = None, is_durable: bool = True) -> None:
        found = binaries()
        if found is None:
            raise ServiceError("PostgreSQL is not installed: apt-get install postgresql, or put initdb on the PATH")
        self._binaries, self._account = found, _account()
        self.password = password or random.token_urlsafe(24)
        self.folder = _reachable(folder, self._account)
        self.port = free_port()
        self._process: Process | None = None
        self._make(_SETTINGS if is_durable else {**_SETTINGS, **_UNSAFE_AND_FAST})

    def _make(self, settings: Mapping[str, object]) -> None:
        data, secret = self.folder / "data", self.folder / "password"
        secret.write_text(self.password, encoding="ascii")
        secret.chmod(0o600)
        if self._account is not None:
            os.chown(secret, pwd.getpwnam(self._account).pw_uid, -1)
        options = ["-U", OWNER, "--pwfile", str(secret), "--auth=scram-sha-256", "-E", "UTF8", "--locale=C"]
        made = subprocess.run(  # noqa: S603
            [self._binaries / "initdb", "-D", data, *options, "--no-sync", "--no-instructions"],
            user=self._account,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        secret.unlink()
        if made.returncode:
            raise ServiceError(f"initdb failed: {made.stderr.strip()}")
        lines = (f"{name} = '{value}'\n" for name, value in {**settings, "port": self.port}.items())
        (data / "postgresql.auto.conf").write_text("".join(lines), encoding="ascii")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command: list[str | Path] = [self._binaries / "postgres", "-D", self.folder / "data"]
        self._process = Process(
            "postgres", command, self.folder, user=self._account, stop_signal=signal.SIGINT
        )  # fast: sessions are ended
        self._process.wait_until(self.answers)

    def stop(self) -> None:
        """Stop it in order; its sessions are ended."""
        if self._process is not None:
            self._process.stop(30)

    def kill(self) -> None:
        """End it at once; its sessions end when they notice."""
        if self._process is not None:
            self._process.kill()

    def remove(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        """Whether it takes statements."""
        import psycopg

        try:
            self.asked("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, user: str = OWNER, password: str | None = None, database: str = "postgres") -> str:
        """Return an address, the password in it."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    def connect(self, user: str = OWNER, database: str = "postgres", **options: Any) -> psycopg.Connection[Any]:
        """Open a connection; everybody here has the same password."""
        import psycopg

        return psycopg.connect(self.dsn(user, database=database), **options)

    def asked(self, sql: str, user: str = OWNER, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements on a connection of their own and return the rows of the last."""
        with self.connect(user, database, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []


def _account() -> str | None:
    """Return whom PostgreSQL runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _reachable(folder: Path, account: str | None) -> Path:
    """Make a folder for the data of `account`; one of /tmp where that account may not enter `folder`."""
    folder = folder.resolve()
    if account is not None and not all(parent.stat().st_mode & 0o001 for parent in folder.parents if parent.exists()):
        folder = Path(tempfile.mkdtemp(prefix="tidegauge-postgres-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    return folder
