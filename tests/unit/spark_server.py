"""Spark itself, with Connect and two executors of one core, on 127.0.0.1: where SPARK_HOME and a JVM are there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.settings import PROJECT_ROOT
from tests.unit.ports import free_port, wait_for

MASTER = "local-cluster[2,1,1024]"
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[str]:
    """Start a server with some variables and yield its address; skip where there is no Spark or no Java."""
    home = os.environ.get("SPARK_HOME")
    if home is None or shutil.which("java") is None:
        pytest.skip("SPARK_HOME is not set, or java is not installed")
    port = free_port()
    told = {
        **os.environ,
        "POLARS_MAX_THREADS": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(PROJECT_ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
        **environment,
    }
    options = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.ui.enabled": "false",
    }
    command = [f"{home}/bin/spark-submit", "--master", MASTER, "--class", SERVER]
    command += [word for name, value in options.items() for word in ("--conf", f"{name}={value}")]
    log = folder / "spark.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "spark-internal"], cwd=folder, env=told, stdout=out, stderr=out, start_new_session=True
        )
    try:
        wait_for(port, server, log, 240)
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its executors are of its group
        server.wait(60)
