"""Figures that the second process works out: the ledger is the one that a run without it gives."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from typing import Any

import pytest

from analytics.claims import figuring, tables
from analytics.claims.engine import Ledger, begin, run
from analytics.claims.figuring import prepare
from analytics.claims.tables import CLAIM_TABLES, build_tables
from analytics.claims.testing import Sample
from analytics.claims.world import World
from ingest.second_process import SecondProcess, Work
from tests.unit.test_claims_kept import CLAIMS, NOW, claim, con  # noqa: F401 - con is a fixture

PLACEBOS = claim(
    "C-A-08",
    "vix_index > level",
    parameters={"level": {"value": 22}},
    horizons=[5, 63],
    cooldown_sessions=40,
    placebos=[{"name": "low", "parameters": {"level": 11}}, {"name": "other", "condition": "hy_oas_bp < 320"}],
    outcomes=[{"kind": "return", "claimed": "up"}, {"kind": "max_drawdown", "claimed": "down"}],
)
ALL = [*CLAIMS, PLACEBOS]


@pytest.fixture
def second():
    """Return a second process that is ready for claims."""
    found = SecondProcess()
    prepare(found)
    yield found
    found.close()


def finished(world: World, second: object) -> Ledger:
    ledger, figures = begin(world, ALL, {}, second=second)  # type: ignore[arg-type]
    figures.finish()
    return ledger


def told(ledger: Ledger) -> tuple[object, ...]:
    """Return everything of a ledger but its times, columns in their order."""
    frames = [[(one.columns, one.rows()) for one in part] for part in (ledger.conditions, ledger.events)]
    return [list(row.items()) for row in ledger.results], ledger.regressions, frames


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process fail where it would work out a figure itself."""

    def figures_of(_trial: object) -> dict[str, Any]:
        raise AssertionError("the first process did it")

    monkeypatch.setattr(figuring, "figures_of", figures_of)


class Killed:
    """A second process that is killed when it was given so many claims, and has done them all but the last."""

    def __init__(self, second: SecondProcess, after: int) -> None:
        self._second = second
        self._left = after
        self._before: list[Work[Any]] = []

    def begin(self, first: int, here: Callable[[], Any], function: Callable[..., Any], *arguments: Any) -> Work[Any]:
        """Begin it, and be killed when it is the last."""
        self._left -= 1
        if self._left == 0:
            for one in self._before:
                one.result()
            os.kill(self._second.pid, signal.SIGKILL)
        work = self._second.begin(first, here, function, *arguments)
        self._before.append(work)
        return work


def test_the_ledger_is_the_same_with_a_second_process_which_works_out_all_figures(con, second, monkeypatch):  # noqa: F811
    world = World(con, ALL)
    here = told(run(world, ALL, {}))
    elsewhere(monkeypatch)
    assert told(finished(world, second)) == here
    sets = {(row["claim_id"], row["parameter_set"]) for row in finished(world, second).results}
    assert {("C-A-08", one) for one in ("headline", "own_cooldown", "placebo_low", "placebo_other")} <= sets


def test_what_a_killed_process_owes_is_worked_out_here(con, second):  # noqa: F811
    world = World(con, ALL)
    assert told(finished(world, Killed(second, 3))) == told(run(world, ALL, {}))


def test_nothing_is_sent_without_a_second_process(con, monkeypatch):  # noqa: F811
    def begin_there(*_: object) -> None:
        raise AssertionError("sent")

    monkeypatch.setattr(SecondProcess, "begin", begin_there)
    ledger, figures = begin(World(con, ALL), ALL, {})
    elsewhere(monkeypatch)
    figures.finish()  # they were there
    assert all(row["n_events"] for row in ledger.results if row["parameter_set"] != "none")


def test_what_cannot_be_sent_or_worked_out_there_is_raised_here(con, second, monkeypatch):  # noqa: F811
    def figures(_questions: object) -> list[dict[str, Any]]:
        raise MemoryError("here")

    monkeypatch.setattr(figuring, "figures", figures)
    with pytest.raises(MemoryError, match="here"):
        finished(World(con, ALL), second)


def test_every_table_is_the_same_with_a_second_process(con, second, monkeypatch):  # noqa: F811
    def built(second: SecondProcess | None) -> dict[str, list[tuple[Any, ...]]]:
        build_tables(con, ALL, now=NOW, run_id="a_run", test_all="asked for", second=second)
        return {table.path: con.execute(f"from {table.path}").fetchall() for table in CLAIM_TABLES}

    here = built(None)
    monkeypatch.setattr(tables, "run", None)  # no claim is drawn
    elsewhere(monkeypatch)
    assert built(second) == here


def test_a_sample_crosses_as_it_is(con):  # noqa: F811
    world = World(con, ALL)
    panel = next(one for one in ALL if one.panel is not None)
    for one in (PLACEBOS, panel):
        assert one.condition is not None
        sample = world.sample(one, world.conditions(one, one.condition, one.values))
        again: Sample = pickle.loads(pickle.dumps(sample))
        assert (again.dates, again.members, again.length) == (sample.dates, sample.members, sample.length)
        for name in ("is_known", "buckets", "is_inside"):
            before, after = getattr(sample, name), getattr(again, name)
            assert (before.dtype, before.tolist()) == (after.dtype, after.tolist())
