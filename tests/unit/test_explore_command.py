"""The command `explore`, up to where it serves: what stops it, in a sentence."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ingest.home import Home
from orchestration.cli import call
from tests.unit.query_home import publish_small


def test_nothing_published_is_7(capsys: pytest.CaptureFixture[str]):
    assert call(["explore", "--no-open"]) == 7
    assert "nothing" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path))
    publish_small(Home(tmp_path).published)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert call(["explore", "--no-open", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"tidegauge: port {port} of 127.0.0.1 cannot be had: Address already in use.")
    assert f"`tidegauge explore --port {port + 1}`" in told


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]):
    assert call(["explore", f"--port={port}"]) == 2
    assert "Traceback" not in capsys.readouterr().err
