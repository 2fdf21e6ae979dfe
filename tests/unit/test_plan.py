"""What a run is going to ask, before it asks: counts worked by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.catalog import load_catalog
from ingest.connectors import CONNECTORS
from ingest.errors import ConfigError
from ingest.home import home_at
from ingest.registry import AskFacts, publishers
from ingest.settings import Settings
from ingest.yaml_files import checked
from orchestration.plan import HostPlan, plan, sentence


def planned(tmp_path: Path, **settings: object) -> dict[str, HostPlan]:
    now = datetime(2026, 11, 27, 23, tzinfo=UTC)  # a Friday; 18:00 in New York
    chosen = Settings.model_validate({"home": tmp_path, "now": now, **settings})
    return {one.host: one for one in plan(chosen, load_catalog(), home_at(tmp_path))}


def test_an_empty_home_is_asked_for_everything(tmp_path: Path) -> None:
    hosts = planned(tmp_path)
    pages = hosts["cdn.cboe.com"]  # a page per session since Monday 2019-10-07: 7.14 years of some 252
    assert pages.connectors == ("cboe",)
    assert 1790 < pages.requests < 1800
    assert pages.minutes == pytest.approx(pages.requests / 5 / 60)
    years = (2026 - 2018 + 1) + (2026 - 2000 + 1) + (2026 - 2013 + 1)
    assert hosts["markets.newyorkfed.org"].requests == years
    assert "api.stlouisfed.org" not in hosts, "without a key"
    assert not home_at(tmp_path).warehouse.exists(), "a plan creates nothing"


def test_a_key_asks_another_host(tmp_path: Path) -> None:
    keyless, keyed = planned(tmp_path), planned(tmp_path, fred_api_key="0123456789abcdef0123456789abcdef")
    assert "fred.stlouisfed.org" not in keyed
    assert keyed["api.stlouisfed.org"].requests == 4 * keyless["fred.stlouisfed.org"].requests


def test_the_slowest_host_is_the_runs_time(tmp_path: Path) -> None:
    found = list(planned(tmp_path).values())
    assert found == sorted(found, key=lambda one: -one.minutes)
    said = sentence([HostPlan("slow.test", ("a",), 1200, 30.0, 10.0), HostPlan("fast.test", ("b",), 30, 4.0, 0.1)])
    assert "2 hosts side by side for about 1,230 answers (34 MB)" in said
    assert "slow.test, takes about 10.0 minutes" in said


def test_every_connector_is_in_the_plan(tmp_path: Path) -> None:
    """A publisher that declares nothing is counted by what its connectors are asked for."""
    named = {name for one in planned(tmp_path).values() for name in one.connectors}
    assert named == {one.name for one in CONNECTORS if not one.is_users_own and publishers()[one.source].hosts}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"host": "x.test", "per": "session"}, "since a day"),
        ({"host": "x.test", "since": "2020-01-01"}, "since a day"),
        ({"host": "x.test", "times": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_counted_is_an_error(entry: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        checked(AskFacts, entry, "publisher x.yml")
