"""Asks the real publishers for their smallest answers. Run by hand: `python -m pytest -m live tests/live`."""

from tests.cli import environment, tidegauge


def test_each_publisher_still_keeps_its_contract(tmp_path):
    ran = tidegauge("doctor", "--live", env=environment(tmp_path / "home"), timeout=600)
    assert ran.returncode == 0, ran.stdout
