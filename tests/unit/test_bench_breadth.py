"""The versions that the benchmark of breadth times do the same work: else their times would say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.breadth import VERSIONS, generate

SESSIONS = 300


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "panel"
    generate(folder, 20, SESSIONS, 0)
    return folder


def test_every_version_finds_the_same(panel: Path):
    found = {name: version(panel)[1] for name, version in VERSIONS.items() if name != "ours, one more session"}
    ours = found["ours"]
    assert all(count > 0 for count in ours.values())
    assert found == dict.fromkeys(found, ours)


def test_one_more_session_is_one_session(panel: Path):
    _, checks = VERSIONS["ours, one more session"](panel)
    assert 0 < checks["is_advance"] <= 20
