"""`tidegauge verify --lake`, where there is nothing to verify; what it finds is in test_breadth_in_lake."""

from __future__ import annotations

import pytest

from ingest.errors import ConfigError, NothingPublished
from ingest.settings import Settings
from orchestration import cli
from orchestration.verify_command import verify_lake


def test_it_says_what_is_missing(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="there is no lake: set TIDEGAUGE_LAKE"):
        verify_lake(Settings(home=tmp_path))
    lake = f"postgresql://u@127.0.0.1/lake?data={tmp_path}"
    with pytest.raises(NothingPublished, match="has no warehouse yet"):
        verify_lake(Settings(home=tmp_path, lake=lake))
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path))
    assert cli.call(["verify"]) == 2
