"""The pinned packages install on every Python that the project says it runs on."""

import tomllib
from importlib.metadata import metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = "3.11.2"  # Debian 12's own


def pins() -> list[Requirement]:
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt", "requirements-scale.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return [Requirement(line) for line in lines]


def test_the_oldest_python_is_one_that_the_project_accepts():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert OLDEST_PYTHON in SpecifierSet(project["requires-python"])


def test_every_pin_installs_on_the_oldest_python():
    asked = {pin.name: str(pin.specifier) for pin in pins()}
    installed = {name: f"=={version(name)}" for name in asked}
    assert installed == asked  # the metadata read below is that of the pins
    needs = {name: metadata(name).get("Requires-Python") or "" for name in asked}
    assert {name: rule for name, rule in needs.items() if OLDEST_PYTHON not in SpecifierSet(rule)} == {}
