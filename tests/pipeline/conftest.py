"""What several modules of whole runs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.home import Home
from simulator import Market, StandIn
from tests.pipeline import eventful as events
from tests.pipeline import small
from tests.pipeline.eventful import Eventful
from tests.pipeline.small import Ran
from tests.shared import built_once


@pytest.fixture(scope="session")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    """Return the home in which everything that can happen to a stock has happened."""
    return events.eventful_in(built_once(tmp_path_factory, "eventful", events.build))


@pytest.fixture(scope="session")
def small_market() -> Market:
    """Return the market of `first` and `next_day`."""
    return small.market()


@pytest.fixture(scope="session")
def first(small_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Return the home after a first run, to be read only."""
    return small.ran_in(built_once(tmp_path_factory, "first", lambda folder: small.build_first(folder, small_market)))


@pytest.fixture(scope="session")
def next_day(first: Ran, small_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Return the home after another run a day later, to be read only."""
    return small.ran_in(
        built_once(tmp_path_factory, "next", lambda folder: small.build_next(folder, small_market, first))
    )


@pytest.fixture(scope="module")
def serving(small_market: Market) -> Iterator[StandIn]:
    """Serve the small market; use `standin`, which puts it right again after each test."""
    with StandIn(small_market, small.FIRST) as running:
        yield running


@pytest.fixture
def standin(serving: StandIn) -> Iterator[StandIn]:
    """Return the stand-in of the small market, at the moment of the first run and without faults."""
    yield serving
    serving.faults.clear()
    serving.set_now(small.FIRST)


@pytest.fixture
def copied(first: Ran, tmp_path: Path) -> Home:
    """Return a copy of the home after the first run."""
    return first.copy_to(tmp_path / "copy")
