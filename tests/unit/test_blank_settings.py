"""A variable that is set to nothing counts as not set: a blank TIDEGAUGE_HOME is not the current folder."""

from pathlib import Path

import pytest

from ingest.settings import load_settings


@pytest.mark.parametrize(
    ("name", "field", "default"),
    [
        ("TIDEGAUGE_HOME", "home", Path("data/live")),
        ("TIDEGAUGE_NOW", "now", None),
        ("TIDEGAUGE_KEEP_RELEASES", "keep_releases", 5),
        ("TIDEGAUGE_WIDE_UNIVERSE", "wide_universe", False),
        ("TIDEGAUGE_REAL_DATA", "real_data", None),
    ],
)
def test_a_blank_variable_leaves_the_default(monkeypatch, tmp_path, name, field, default):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "")
    assert getattr(load_settings(), field) == default
