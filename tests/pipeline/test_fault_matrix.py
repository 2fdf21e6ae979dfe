"""No answer of a publisher, however wrong, lands a wrong value or takes a right one away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.dataset import TABLES
from simulator import MARKET_SCHEMA, Market, StandIn
from tests.cli import environment, tidegauge
from tests.pipeline.damage import Unbendable, bent
from tests.pipeline.fault_matrix import (
    FAULTS,
    FIRST,
    LATE,
    LATE_ROUTES,
    ROUTES,
    SECOND,
    Bench,
    Outcome,
    ask,
    bench,
    small_market,
)

NOT_ASKED = ("nasdaq",)
"""A second provider is asked for nothing while the first has all."""
SAMPLE = [(route, FAULTS[number % len(FAULTS)]) for number, route in enumerate(ROUTES)]
"""The fault whose turn it is at each route. Where it has nothing to bend (no row is of that year, or none has a
number), it is the turn of the next one."""

HEADLINES = (
    "fed_total_assets_usd_bn",
    "tga_usd_bn",
    "on_rrp_usd_bn",
    "net_liquidity_usd_bn",
    "us_2y_pct",
    "jp_2y_pct",
    "usdjpy_rate",
    "hy_oas_bp",
    "vix_index",
    "vvix_index",
    "put_call_total_ratio",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(
        tmp_path_factory.mktemp("matrix"), routes=[route for route in ROUTES if route not in LATE_ROUTES]
    ) as made:
        yield made


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("late"), LATE, LATE_ROUTES) as made:
        yield made


@pytest.fixture(scope="module")
def met() -> dict[str, str]:
    """Which fault each route has met."""
    return {}


def assert_harmless(request: pytest.FixtureRequest, route: str, fault: str) -> Outcome:
    made: Bench = request.getfixturevalue("late" if route in LATE_ROUTES else "small")
    outcome = made.meet(route, fault)
    assert (outcome.wrong, outcome.withdrawn, outcome.not_recovered) == ([], [], []), outcome
    return outcome


@pytest.mark.parametrize(("route", "turn"), SAMPLE)
def test_a_fault_of_each_route(request: pytest.FixtureRequest, met: dict[str, str], route: str, turn: str) -> None:
    first = FAULTS.index(turn)
    for fault in (*FAULTS[first:], *FAULTS[:first]):
        outcome = assert_harmless(request, route, fault)
        if outcome.touched or route in NOT_ASKED:
            met[route] = fault
            return
    pytest.fail(f"{route} was not asked again, or nothing of it can be bent: this shows nothing")


def test_each_fault_met_a_route(met: dict[str, str]) -> None:
    if met.keys() != set(ROUTES):
        pytest.skip("only where every route met its fault before")
    assert {fault for route, fault in met.items() if route not in NOT_ASKED} == set(FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", ROUTES)
def test_every_fault_of_every_route(request: pytest.FixtureRequest, route: str, fault: str) -> None:
    if (route, fault) == ("shiller", "frozen"):
        pytest.xfail("an older copy of the file has the running month as it stood then, and no day by which to tell")
    assert_harmless(request, route, fault)


def test_nothing_is_made_up_beside_real_figures(tmp_path: Path) -> None:
    """A market that is not simulated and holds nothing, as a folder of recordings does of most publishers."""
    nothing = Market(pl.DataFrame(schema=dict(MARKET_SCHEMA)))
    with StandIn(nothing, FIRST) as upstream:
        outcomes = ask(upstream, tmp_path, FIRST, ROUTES)
    with duckdb.connect(str(tmp_path / "build" / "warehouse.duckdb"), read_only=True) as con:
        counts = {table.id: con.execute(f"select count(*) from {table.id}").fetchone() for table in TABLES}
    assert {table: count for table, count in counts.items() if count != (0,)} == {}
    silent = {outcome.source for outcome in outcomes if outcome.error is None}
    assert silent == {"nasdaq"}, "asked for nothing, as nobody's prices are there to judge; the others say why"


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandIn, Path]]:
    home = tmp_path_factory.mktemp("whole") / "home"
    with StandIn(small_market(), FIRST) as upstream:
        done = tidegauge("run", env=environment(home, upstream=upstream.url, now=FIRST))
        assert done.returncode == 0, done.stdout + done.stderr
        yield upstream, home


def headlines(home: Path) -> dict:
    with duckdb.connect(str(home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        rows = con.execute(f"select session_date, {', '.join(HEADLINES)} from marts.market_daily").fetchall()
    return {(row[0], name): value for row in rows for name, value in zip(HEADLINES, row[1:], strict=True)}


def assert_whole_command_harmless(upstream: StandIn, first: Path, folder: Path, fault: str) -> None:
    """Every answer of every publisher meets the fault: what was published stays, and the first sentence says why."""
    home = folder / "home"
    shutil.copytree(first, home, symlinks=True)
    before = headlines(home)

    def change(body: bytes) -> bytes:
        try:
            return bent(fault, body)
        except Unbendable:
            return body

    upstream.set_now(SECOND)
    if fault == "frozen":
        upstream.faults.add(".", "frozen", as_of=FIRST - timedelta(days=20))
    else:
        upstream.faults.add(".", "rewritten", change=change)
    try:
        done = tidegauge("run", env=environment(home, upstream=upstream.url, now=SECOND))
    finally:
        upstream.faults.clear()
        upstream.set_now(FIRST)
    after = headlines(home)
    lost = {cell for cell, value in before.items() if value is not None and after.get(cell) is None}
    # legs of the newest sessions may have been carried, and their own values come with the next answer
    settled = FIRST.date() - timedelta(days=7)
    lost |= {cell for cell, value in before.items() if cell[0] < settled and after.get(cell) != value}
    assert not lost, (sorted(lost)[:5], done.stdout[-2000:])
    printed = done.stdout + done.stderr
    assert done.returncode in (0, 3, 8), printed
    assert "bug" not in printed
    with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
        states = {state for (state,) in con.execute("select distinct state from ops.source_runs").fetchall()}
    assert states & {"partial", "held", "failed"}, "the records of the run say that something was wrong"


@pytest.mark.slow  # in CI each route meets its fault above, and the whole command its bad day in test_run.py
@pytest.mark.parametrize("fault", ["years", "frozen", "times_1000", "huge", "block_times_100", "negative", "shuffled"])
def test_the_worst_through_the_whole_command(first_release: tuple[StandIn, Path], tmp_path: Path, fault: str) -> None:
    assert_whole_command_harmless(*first_release, tmp_path, fault)
