"""The two renderings of each operation of a feature, SQL and arrays, held equal over random sessions with gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import jinja2
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.features.declared import DECLARATION, feature, features, macro_file
from analytics.features.operations import (
    OPERATIONS,
    Change,
    Difference,
    Operation,
    Percentile,
    Ratio,
    RealisedVolatility,
    Return,
    ReturnOverWeeks,
    Streak,
)
from ingest.catalog import load_catalog
from ingest.errors import ConfigError

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"
MONDAY = date(2024, 1, 1)

VALUES = st.none() | st.sampled_from([1.0, 2.0, 2.5, 3.0, 110.0, 111.0]) | st.integers(1, 4000).map(lambda n: n / 16)
"""Few and many values, so that ties occur. Binary fractions: sums and differences of them are exact."""

SESSIONS = st.lists(st.tuples(st.sampled_from([1, 1, 1, 1, 3, 4, 7]), VALUES, VALUES), min_size=1, max_size=40)
"""Days since the session before (weekends, holidays, closures), and what two series printed on it."""


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create table t (session_seq bigint, session_date date, week_date date, x double, y double)")
        yield opened


class World:
    """The same sessions as a table and as arrays."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sessions: list[tuple]) -> None:
        days = np.cumsum([gap for gap, *_ in sessions])
        self.con = con
        self.numbers = days.astype(np.int64)
        self.x, self.y = (np.array([np.nan if row[n] is None else row[n] for row in sessions]) for n in (1, 2))
        rows = [
            (seq, MONDAY + timedelta(days=int(day)), MONDAY + timedelta(weeks=seq), x, y)
            for seq, (day, (_, x, y)) in enumerate(zip(days, sessions, strict=True), 5)
        ]
        frame = pl.DataFrame(rows, schema=["session_seq", "session_date", "week_date", "x", "y"], orient="row")
        con.register("frame", frame)
        con.execute("delete from t; insert into t from frame")
        con.unregister("frame")

    def sql(self, operation: Operation) -> list[tuple]:
        """Return what the macros of `operation` say, session by session."""
        macros = list(operation.macros("it"))
        text = (MACROS / "windows.sql").read_text() + "".join(macros)
        steps = "{{ it_step('x') }}" if isinstance(operation, RealisedVolatility) else "null"
        columns = {
            RealisedVolatility: "{{ it('step') }}",
            Percentile: "{{ it('x') }}, {{ it_window_count('x') }}",
            Difference: "{{ it('x', 'y') }}",
            Ratio: "{{ it('x', 'y') }}",
        }.get(type(operation), "{{ it('x') }}")
        query = f"select {columns} from (select *, {steps} as step from t) order by session_seq"
        return self.con.execute(jinja2.Environment(autoescape=False).from_string(text + query).render()).fetchall()


def by_place(
    compute: Callable[[World, Operation, int], float | None],
) -> Callable[[World, Operation], list[tuple]]:
    """Return the array side of an operation that has a value only where the session has one of its own."""
    return lambda world, operation: [
        (None if np.isnan(world.x[place]) else compute(world, operation, place),) for place in range(len(world.x))
    ]


def pairs(world: World, operation: Difference | Ratio) -> list[tuple]:
    both = zip(world.x.tolist(), world.y.tolist(), strict=True)
    return [(None if np.isnan(x + y) else operation.value(x, y),) for x, y in both]


def weekly(world: World, operation: ReturnOverWeeks) -> list[tuple]:
    before = [np.nan] * operation.weeks + world.x.tolist()
    both = zip(world.x.tolist(), before[: len(world.x)], strict=True)
    return [(None if np.isnan(x + base) else operation.value(x, base),) for x, base in both]


def ranked(world: World, operation: Percentile) -> list[tuple]:
    windows = (world.x[max(place - operation.span + 1, 0) : place + 1] for place in range(len(world.x)))
    return [operation.of_window(window) for window in windows]


ARRAYS: dict[type[Operation], Callable[..., list[tuple]]] = {
    Difference: pairs,
    Ratio: pairs,
    Change: by_place(lambda world, operation, place: operation.at(world.x, world.numbers, place)),
    Return: by_place(lambda world, operation, place: operation.at(world.x, world.numbers, place)),
    ReturnOverWeeks: weekly,
    RealisedVolatility: by_place(lambda world, operation, place: operation.at(world.x, world.numbers, place)),
    Percentile: ranked,
    Streak: by_place(lambda world, operation, place: operation.at(world.x, place)),
}
SMALL = {
    Difference: [Difference("x", ("y",), 6), Difference("x", ("y",), 6, 100)],
    Ratio: [Ratio("x", "y", 6)],
    Change: [Change("x", 1, 6), Change("x", 5, 6)],
    Return: [Return("x", 3, 9)],
    ReturnOverWeeks: [ReturnOverWeeks("x", 4, 6, 1, 6)],
    RealisedVolatility: [
        RealisedVolatility("x", "change", 100, 6, 4, 6),
        RealisedVolatility("x", "log_return", 100, 6, 4, 6),
    ],
    Percentile: [Percentile("x", 4), Percentile("x", 20)],
    Streak: [Streak("x", 110.0)],
}
"""Each operation with windows short enough for forty sessions."""

CASES = [operation for kind in OPERATIONS for operation in SMALL[kind]]


@settings(max_examples=30, deadline=None)
@given(sessions=SESSIONS)
@pytest.mark.parametrize("operation", CASES, ids=lambda operation: f"{operation.word}-{CASES.index(operation)}")
def test_both_renderings_agree(con, operation: Operation, sessions: list[tuple]):
    world = World(con, sessions)
    found = ARRAYS[type(operation)](world, operation)
    # stddev_samp and rolling sums differ in the last bits: 2e-6 of figures kept to 6 decimals
    np.testing.assert_allclose(
        np.array(found, dtype=np.float64), np.array(world.sql(operation), dtype=np.float64), rtol=1e-9, atol=2e-6
    )


def test_volatility_over_many_sessions_is_that_of_each(con):
    rng = np.random.default_rng(7)
    world = World(con, [(1, float(x), None) for x in np.where(rng.random(40) < 0.1, 2.0, rng.integers(1, 99, 40))])
    for operation in SMALL[RealisedVolatility]:
        many = operation.over(world.x, world.numbers, 39, 30)
        each = [operation.at(world.x, world.numbers, place) for place in range(10, 40)]
        assert many.tolist() == pytest.approx(each, abs=2e-6)


def test_a_steady_step_has_no_volatility():
    steady = RealisedVolatility("x", "change", 100, 21, 19, 6)
    grid = 3.0 + 0.01 * np.arange(60)
    assert steady.at(grid, np.arange(60), 59) == pytest.approx(0.0, abs=1e-6)


def test_every_input_is_a_series_or_a_feature():
    known = set(features()) | {series.id for series in load_catalog().series}
    for name, operation in features().items():
        inputs = [operation.of, *getattr(operation, "less", ()), *filter(None, [getattr(operation, "over", None)])]
        assert {one for one in inputs if isinstance(one, str)} <= known, name


def test_the_macros_of_dbt_are_current():
    assert (MACROS / "features.sql").read_text(encoding="utf-8") == macro_file(), "run `make docs`"


def test_a_declaration_that_says_nothing_known_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    odd = tmp_path / DECLARATION.name
    odd.write_text("odd: {wobble: {of: move}}\n")
    monkeypatch.setattr("analytics.features.declared.DECLARATION", odd)
    features.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"features\.yml: odd: expected one operation of"):
            features()
    finally:
        features.cache_clear()


def test_a_feature_is_asked_by_its_operation():
    assert feature("move_change_5d", Change) == Change("move", 5, 6)
    with pytest.raises(ConfigError, match="move_change_5d: expected a feature with the operation streak"):
        feature("move_change_5d", Streak)
