"""Episodes that everybody remembers: what the rules were expected to say of them, and what they said.

The expectations are data (known_episodes.csv), taken from the design. Three of its windows were read more closely
once figures were there (Software rout to 02-06, Yen unwind from its peak, SVB carry into April): aspect or source says
so. Two of the drawdowns (2022, 2026-03) have a tolerance of 1.5 points where the others have 1 or less. An expectation
that our inputs cannot decide is listed with the reason, never counted as found.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import polars as pl

from analytics.regimes.composites import CLASSES, class_of
from analytics.regimes.declared import regime_table
from analytics.regimes.fold import raw_level
from analytics.regimes.frames import schema_of
from analytics.regimes.thresholds import PROXY, ladder
from analytics.regimes.types import CORE, PLUMBING, UNKNOWN

EXPECTATIONS: Final = Path(__file__).with_name("known_episodes.csv")

KNOWN_SHARE: Final = 0.8
"""Less of a window known than this, and what did not show in it may have been in the rest."""

Test = Literal["maximum", "minimum", "mean", "drawdown", "reaches", "avoids", "stays", "flag"]

KNOWN_EPISODES: Final = regime_table("regime_known_episodes")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of known_episodes.csv."""

    episode: str
    kind: str
    aspect: str
    first: date
    last: date
    test: Test
    column: str
    low: float | None
    high: float | None
    tolerance: float
    states: tuple[str, ...]
    source: str

    @property
    def text(self) -> str:
        """The expectation as a person reads it."""
        states = " or ".join(self.states)
        if self.test == "flag":
            return f"{self.column} on some session"
        if self.test in ("reaches", "avoids", "stays"):
            verb = {"reaches": "reaches", "avoids": "is never", "stays": "stays"}[self.test]
            return f"{self.column} {verb} {states}"
        span = f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        within = f", within {self.tolerance:g}" if self.tolerance else ""
        return f"{self.test} of {self.column} {span}{within}"


@dataclass(frozen=True, slots=True)
class _Found:
    """What a window showed: the sentence, the figure, the session, and whether it is as expected."""

    text: str
    value: float | None
    day: date | None
    is_as_expected: bool
    is_certain: bool  # the rest of the window could not change the verdict


@cache
def expectations(path: Path = EXPECTATIONS) -> tuple[Expectation, ...]:
    """Read the expectations; ValueError on a line that says nothing testable."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_expectation(line) for line in csv.DictReader(file))


def _expectation(line: Mapping[str, str]) -> Expectation:
    test = next((known for known in get_args(Test) if known == line["test"]), None)
    if test is None:
        raise ValueError(f"known episode {line['episode']}: no test is called {line['test']}")
    states = tuple(line["expected_states"].split("|")) if line["expected_states"] else ()
    low, high = (float(line[name]) if line[name] else None for name in ("expected_low", "expected_high"))
    is_figure = test in _FIGURES
    is_state = test in ("reaches", "avoids", "stays")
    if is_state != bool(states) or (is_figure, is_figure) != (low is not None, high is not None):
        raise ValueError(f"known episode {line['episode']}, {line['aspect']}: the expectation does not fit {test}")
    return Expectation(
        line["episode"],
        line["kind"],
        line["aspect"],
        date.fromisoformat(line["first_date"]),
        date.fromisoformat(line["last_date"]),
        test,
        line["column"],
        low,
        high,
        float(line["tolerance"] or 0),
        states,
        line["source"],
    )


_FIGURES: Final = ("maximum", "minimum", "mean", "drawdown")


def with_published_breadth(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` with the raw core score where only our own breadth is missing and a published series has it.

    `rows` has published_above_200dma_pct beside the columns of regime_daily. What is filled in is marked
    `is_breadth_published`; its class is that of the score alone. It serves these expectations, which stand on the
    published series, and goes nowhere else.
    """
    points = {
        value: float(raw_level(ladder("breadth"), {"above_200dma": round(value, 2)}).base_points or 0)
        for value in rows["published_above_200dma_pct"].drop_nulls().unique()
    }
    breadth = pl.col("published_above_200dma_pct").replace_strict(points, default=None, return_dtype=pl.Int32)
    others = pl.sum_horizontal(*(f"{name}_raw_points" for name in CORE if name != "breadth"), ignore_nulls=False)
    filled = rows.with_columns(filled_score=pl.when(pl.col("core_score_raw").is_null()).then(breadth + others))
    classes = {score: class_of(score) for score in range(13)}
    is_filled = pl.col("filled_score").is_not_null()
    return filled.with_columns(
        is_breadth_published=is_filled,
        core_score_raw=pl.coalesce("core_score_raw", "filled_score"),
        regime_class_raw=pl.when(is_filled & (pl.col("regime_class_raw").fill_null(UNKNOWN) == UNKNOWN))
        .then(pl.col("filled_score").replace_strict(classes, default=None, return_dtype=pl.String))
        .otherwise("regime_class_raw"),
    ).drop("filled_score")


def regime_known_episodes(
    rows: pl.DataFrame, *, is_simulated: bool, expected: Sequence[Expectation] | None = None
) -> pl.DataFrame:
    """Return KNOWN_EPISODES of `rows`: regime_daily, beside it the measures of market_daily, by session.

    A simulated market has none of them.
    """
    found = []
    for expectation in expectations() if expected is None else expected:
        window = rows.filter(pl.col("session_date").is_between(expectation.first, expectation.last)).sort(
            "session_date"
        )
        found.append(_row(expectation, window, is_simulated=is_simulated))
    return pl.DataFrame(found, schema=schema_of(KNOWN_EPISODES.columns))


def _row(expectation: Expectation, window: pl.DataFrame, *, is_simulated: bool) -> dict[str, Any]:
    known = _known(expectation, window)
    told = None if is_simulated or known.is_empty() else _TESTS[expectation.test](expectation, known)
    enough = known.height >= KNOWN_SHARE * window.height
    is_testable = told is not None and (enough or told.is_certain)
    off = None
    if is_testable and told is not None and told.value is not None and expectation.column == "core_score_raw":
        off = None if expectation.test == "mean" else _classes_off(expectation, told.value)
    return {
        "episode": expectation.episode,
        "kind": expectation.kind,
        "aspect": expectation.aspect,
        "first_date": expectation.first,
        "last_date": expectation.last,
        "expected_text": expectation.text,
        "found_text": f"{told.text}{_breadth_note(expectation, window)}" if told and is_testable else None,
        "value": round(told.value, 6) if told and is_testable and told.value is not None else None,
        "found_date": told.day if told and is_testable else None,
        "is_testable": is_testable,
        "is_as_expected": told.is_as_expected if told and is_testable else None,
        "classes_off_count": off,
        "sessions_count": window.height,
        "known_sessions_count": known.height,
        "reason_text": None if is_testable else _reason(expectation, window, known, is_simulated=is_simulated),
        "source_text": expectation.source,
    }


def _breadth_note(expectation: Expectation, window: pl.DataFrame) -> str:
    if not expectation.column.startswith(("core_score", "regime_class")):
        return ""
    by_row = {
        "breadth_quality": pl.col("breadth_quality") == PROXY,
        "is_breadth_published": pl.col("is_breadth_published"),
    }
    marks = [window.select(mark.any()).item() for name, mark in by_row.items() if name in window.columns]
    return "; breadth from the published series" if any(marks) else ""


def _known(expectation: Expectation, window: pl.DataFrame) -> pl.DataFrame:
    """Return session_date, x of the sessions of the window on which the column is known."""
    if expectation.column not in window.columns:
        return pl.DataFrame(schema={"session_date": pl.Date, "x": pl.Float64})
    if _is_of_the_overlay(expectation):
        window = window.filter(~pl.col("is_partial") | pl.col(expectation.column).is_in(expectation.states))
    known = window.select("session_date", pl.col(expectation.column).alias("x")).drop_nulls("x")
    return known.filter(pl.col("x") != UNKNOWN) if known["x"].dtype == pl.String else known


def _is_of_the_overlay(expectation: Expectation) -> bool:
    """Say whether the plumbing must lift the class: where a part of it is unknown, a class not lifted decides nothing.

    Expectations of the core stand on core_score_raw and regime_class_raw.
    """
    return expectation.test == "reaches" and expectation.column == "regime_class"


def _reason(expectation: Expectation, window: pl.DataFrame, known: pl.DataFrame, *, is_simulated: bool) -> str:
    if is_simulated:
        return "not testable: the market is simulated, and this did not happen in it"
    if window.is_empty():
        return "not testable: no session of the window is in regime_daily"
    column = f"{expectation.column} with its overlay" if _is_of_the_overlay(expectation) else expectation.column
    what = f"{column} is known on {known.height} of {window.height} sessions"
    return f"not testable: {what}{_blame(expectation, window)}"


def _blame(expectation: Expectation, window: pl.DataFrame) -> str:
    """Return which dimensions were unknown, and why."""
    column = expectation.column
    dimensions: tuple[str, ...] = (column.removesuffix("_state"),)
    if column.startswith(("core_score", "regime_class")):
        dimensions = (*CORE, *PLUMBING) if _is_of_the_overlay(expectation) else CORE
    told = []
    for name in dimensions:
        if {f"{name}_state", f"{name}_reason"} <= set(window.columns):
            lost = window.filter(pl.col(f"{name}_state").fill_null(UNKNOWN) == UNKNOWN)
            if lost.height:
                reasons = ", ".join(sorted(set(lost[f"{name}_reason"].drop_nulls().to_list()))) or "no reason given"
                told.append(f"{name} unknown on {lost.height} ({reasons})")
    return f": {'; '.join(told)}" if told else ""


def _classes_off(expectation: Expectation, score: float) -> int:
    assert expectation.low is not None
    assert expectation.high is not None
    found, low, high = (CLASSES.index(class_of(value)) for value in (score, expectation.low, expectation.high))
    return max(low - found, found - high, 0)


# ---- the tests ---------------------------------------------------------------------------------------------------


def _figure(expectation: Expectation, value: float, day: date | None, *, reached: bool) -> _Found:
    assert expectation.low is not None
    assert expectation.high is not None
    low, high = expectation.low - expectation.tolerance, expectation.high + expectation.tolerance
    fits = low - 1e-9 <= value <= high + 1e-9
    on = f" on {day}" if day else ""
    return _Found(f"{expectation.test} {value:g}{on}", value, day, fits, reached)


def _extreme(expectation: Expectation, known: pl.DataFrame) -> _Found:
    ordered = known.with_columns(pl.col("x").cast(pl.Float64)).sort(
        "x", "session_date", descending=[expectation.test == "maximum", False]
    )
    day, value = ordered.row(0)
    return _figure(expectation, value, day, reached=False)


def _mean(expectation: Expectation, known: pl.DataFrame) -> _Found:
    mean = known["x"].cast(pl.Float64).mean()
    assert isinstance(mean, float)
    return _figure(expectation, round(mean, 2), None, reached=False)


def _drawdown(expectation: Expectation, known: pl.DataFrame) -> _Found:
    falls = known.with_columns(fall=100 * (pl.col("x") / pl.col("x").cum_max() - 1)).sort("fall", "session_date")
    return _figure(expectation, round(falls["fall"][0], 1), falls["session_date"][0], reached=False)


def _reaches(expectation: Expectation, known: pl.DataFrame) -> _Found:
    hits = known.filter(pl.col("x").is_in(expectation.states))
    if hits.height:
        day = hits["session_date"][0]
        return _Found(f"{hits['x'][0]} on {hits.height} sessions, first {day}", None, day, True, True)
    seen = ", ".join(sorted(known["x"].unique().to_list()))
    return _Found(f"only {seen}", None, None, False, False)


def _avoids(expectation: Expectation, known: pl.DataFrame) -> _Found:
    hits = known.filter(pl.col("x").is_in(expectation.states))
    return _absent(hits, known)


def _stays(expectation: Expectation, known: pl.DataFrame) -> _Found:
    return _absent(known.filter(~pl.col("x").is_in(expectation.states)), known)


def _absent(hits: pl.DataFrame, known: pl.DataFrame) -> _Found:
    if hits.is_empty():
        return _Found(", ".join(sorted(known["x"].unique().to_list())), None, None, True, False)
    day = hits["session_date"][0]
    states = ", ".join(sorted(hits["x"].unique().to_list()))
    return _Found(f"{states} on {hits.height} sessions, first {day}", None, day, False, True)


def _flag(_expectation: Expectation, known: pl.DataFrame) -> _Found:
    hits = known.filter(pl.col("x"))
    if hits.height:
        day = hits["session_date"][0]
        return _Found(f"on {hits.height} sessions, first {day}", None, day, True, True)
    return _Found("on no session", None, None, False, False)


_TESTS: Final = {
    "maximum": _extreme,
    "minimum": _extreme,
    "mean": _mean,
    "drawdown": _drawdown,
    "reaches": _reaches,
    "avoids": _avoids,
    "stays": _stays,
    "flag": _flag,
}
