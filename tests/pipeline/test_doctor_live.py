"""`tidegauge doctor --live` against the stand-in: one line per publisher, and what moved in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from ingest.clock import NEW_YORK
from ingest.connectors import CONNECTORS
from ingest.errors import SourceError
from orchestration import cli
from orchestration.probe import probed
from simulator import StandIn
from simulator.simulate import simulate

NOW = datetime(2026, 2, 5, 20, 0, tzinfo=NEW_YORK)
ASKED = {one.name for one in CONNECTORS if not one.is_users_own}


@pytest.fixture(scope="module")
def serving() -> Iterator[StandIn]:
    with StandIn(simulate(NOW.date()), NOW) as standin:
        yield standin


@pytest.fixture
def standin(serving: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("TIDEGAUGE_UPSTREAM", serving.url)
    monkeypatch.setenv("TIDEGAUGE_NOW", NOW.isoformat())
    monkeypatch.setenv("TIDEGAUGE_ORIGIN", "SIMULATED")
    monkeypatch.setenv("TIDEGAUGE_REQUEST_ATTEMPTS", "1")
    monkeypatch.setenv("TIDEGAUGE_CONTACT", "ann@example.org")
    yield serving
    serving.faults.clear()


def lines(printed: str) -> dict[str, str]:
    """Return source -> its line, level first."""
    found = {}
    for line in printed.splitlines():
        level, _, rest = line.partition("  ")
        name = rest.strip().partition(":")[0]
        if name in ASKED:
            assert name not in found, "one line per source"
            found[name] = f"{level.strip()} {rest.strip().partition(': ')[2]}"
    return found


def test_every_publisher_has_a_contract():
    assert sorted(one.name for one in probed()) == sorted(ASKED)


def test_all_as_agreed(standin, capsys):
    before = len(standin.requests)
    assert cli.call(["doctor", "--live"]) == 0
    told = lines(capsys.readouterr().out)
    assert set(told) == ASKED
    assert all(line.startswith("ok as agreed") for line in told.values()), told
    assert len(standin.requests) - before < 2.6 * len(ASKED), "the smallest answers"


def test_what_moved_is_named(standin, capsys):
    standin.faults.add("jgbcme", "changed_column", old="2Y", new="24M")
    standin.faults.add("rates/secured/sofr", "frozen", as_of=datetime(2026, 1, 5, tzinfo=NEW_YORK))
    standin.faults.add("financialresearch", "status", code=404)
    standin.faults.add("navhist-us-en-spy", "html")
    standin.faults.add("historical_nav", "frozen", as_of=datetime(2026, 1, 5, tzinfo=NEW_YORK))
    standin.faults.add("nasdaqlisted", "changed_column")
    assert cli.call(["doctor", "--live"]) == SourceError.exit_code
    told = lines(capsys.readouterr().out)
    assert told["japan_mof"].startswith("BAD JGB yields, history: expected a column 2Y")
    assert "expected" in told["japan_mof"]
    assert told["new_york_fed"].startswith("BAD")
    assert "404" in told["ofr"]
    assert told["treasury"].startswith("ok")
    assert told["ssga"].startswith("BAD SPY NAV history: expected a workbook")
    assert told["proshares"].startswith("BAD expected a period of the last 6 days, the newest is 2026-01-0")
    assert told["nasdaq_trader"].startswith("BAD nasdaqlisted.txt: expected the header")
    assert told["ishares"].startswith("ok")
