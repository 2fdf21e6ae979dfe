"""docs/method.md says what thresholds.csv says, and its SQL recomputes what the rules computed."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from itertools import product

import duckdb
import polars as pl
import pytest

from analytics.regimes.columns import COLUMN_NAMES
from analytics.regimes.evaluate import evaluate_day
from analytics.regimes.thresholds import Threshold, thresholds
from analytics.regimes.types import (
    DIMENSIONS,
    BreadthInputs,
    CreditInputs,
    DayInputs,
    InputValue,
    RatesVolatilityInputs,
    VolatilityInputs,
)
from docs.generate import METHOD
from docs.method_tables import BLOCK, MEASURE_TEXTS, comparison_text, core_check_sql, filled

PAGE = METHOD.read_text(encoding="utf-8")
PROSE = BLOCK.sub("", PAGE)
RULES = PROSE[PROSE.index("## The dimensions") : PROSE.index("## What followed")]
QUOTED = {"50 basis points", "13.5 %"}  # what a text claims and what the design counted: no thresholds of ours


def test_method_page_is_current():
    assert filled(PAGE) == PAGE, "run `make generate`"


@pytest.mark.parametrize(
    "line",
    [line for line in thresholds() if line.clause is not None],
    ids=lambda line: f"{line.dimension}-{line.state}",
)
def test_every_threshold_stands_on_the_page(line: Threshold):
    assert comparison_text(line) in PAGE


def test_every_measure_has_a_name():
    assert {line.measure for line in thresholds() if line.measure} == set(MEASURE_TEXTS)


def test_a_threshold_stands_in_a_table_and_not_in_the_prose():
    assert set(re.findall(r"\d+(?:\.\d+)? ?(?:bp|%|basis points)", RULES)) == QUOTED


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_rule_says_what_would_falsify_it_and_what_it_is_not(dimension: str):
    number = DIMENSIONS.index(dimension) + 1
    section = RULES[RULES.index(f"### R{number} ") :].split("\n### ")[0]
    assert re.search(r"\*Falsified (if|by)\*", section)
    assert "*It is not*" in section
    assert re.search(r"\bS[0-4]\b", section), "a source"


def test_the_page_says_what_the_whole_is_not():
    for denial in ("not advice", "not a timing signal", "not a forecast"):
        assert denial in PROSE


def test_every_column_named_on_the_page_exists():
    named = set(re.findall(r"`((?:is|has|core|regime|funding|labor)_[a-z0-9_]+)`", RULES))
    states = {line.state for line in thresholds()}
    tables = {"regime_outcomes", "regime_known_episodes", "regime_validity", "regime_falsification"}
    assert named - states - tables <= set(COLUMN_NAMES)


# ---- the SQL of the page -------------------------------------------------------------------------------------------


def rows() -> pl.DataFrame:
    """Return the rows of sessions whose inputs stand just below, at and above every edge of the core dimensions."""
    grid = list(
        product(
            (11.99, 24.99, 25.0, 34.994, 34.996, 50.0),
            ((349.0, 24.9), (350.0, 49.96), (499.96, 0.0), (700.0, 99.0), (300.0, 250.0)),
            (79.99, 110.0, 139.996, 180.0),
            (70.0, 49.99, 30.0, 29.994, 9.99),
        )
    )
    cells = []
    memory: dict = {}
    for place, (vix, (spread, change), move, breadth) in enumerate(grid):
        day = date(2021, 1, 1) + timedelta(days=place)

        def known(value: float, day: date = day) -> InputValue:
            return InputValue(value, day, datetime(2021, 1, 1), is_new=True)

        inputs = DayInputs(
            day,
            datetime.combine(day, datetime.min.time()) + timedelta(days=1),
            volatility=VolatilityInputs(vix_index=known(vix)),
            credit=CreditInputs(hy_oas_bp=known(spread), hy_oas_change_21d_bp=known(change)),
            rates_volatility=RatesVolatilityInputs(move_index=known(move), move_change_5d_index=known(0.0)),
            breadth=BreadthInputs(above_200dma_pct=known(breadth), coverage_ratio=known(1.0)),
        )
        memory, row = evaluate_day(memory, inputs)
        wanted = ("session_date", "core_score_raw", "inputs_json", "credit_quality", "rates_volatility_quality")
        cells.append({name: row[name] for name in wanted})
    qualities = {"credit_quality": pl.String, "rates_volatility_quality": pl.String}
    return pl.DataFrame(cells, schema_overrides=qualities, infer_schema_length=None)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.register("computed", rows())
    con.execute("create schema marts; create table marts.regime_daily as from computed")
    return con


def test_the_sql_of_the_page_recomputes_the_core_score(database: duckdb.DuckDBPyConnection):
    assert core_check_sql() in PAGE
    scores = database.execute("select count(*), count(core_score_raw), count(distinct core_score_raw) from computed")
    assert scores.fetchone() == (600, 600, 13)
    assert database.execute(core_check_sql()).fetchall() == []


def test_the_sql_of_the_page_finds_a_score_that_is_wrong(database: duckdb.DuckDBPyConnection):
    database.execute("begin")
    database.execute(
        "update marts.regime_daily set core_score_raw = core_score_raw + 1 where session_date = '2021-02-01'"
    )
    found = database.execute(core_check_sql()).fetchall()
    database.execute("rollback")
    assert len(found) == 1
