"""Great Expectations is asked for failing rows only where a suite fails, and says the same as if it always were."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from ingest.rules import expectations
from ingest.rules.expectations import Verdict, validate
from ingest.rules.rule import Rule

MEASURES = pl.DataFrame({"size": [1.0, None, 3.0, 9.0], "limit": [4.0, 5.0, None, 8.0]})
CLOCK = re.compile(r"\d{8}T[\d.]+Z|\d{4}-\d\d-\d\dT[\d:]+Z|[0-9a-f]{32}")


def bounded(name: str, most: float) -> Rule:
    return Rule(name, "error", "too large", "is small", column="size", at_most=most)


def below_the_limit() -> Rule:
    return Rule("below_limit", "warn", "above the limit", "is below it", column="size", other_column="limit")


def judged(rules: list[Rule]) -> tuple[list[Verdict], str]:
    pages: dict[str, str] = {}
    return validate(MEASURES, rules, "suite", pages), CLOCK.sub("", pages["suite"])


@pytest.mark.parametrize(
    "rules", [[bounded("small", 10)], [bounded("small", 10), bounded("tiny", 2), below_the_limit()]]
)
def test_a_suite_says_what_the_whole_question_says(rules: list[Rule], monkeypatch: pytest.MonkeyPatch) -> None:
    found, page = judged(rules)
    monkeypatch.setattr(expectations, "_COUNTS", expectations._COUNTS_AND_ROWS)
    assert (found, page) == judged(rules)


def test_rows_and_counts_of_a_suite_that_fails_and_of_one_that_holds() -> None:
    (holds,), _ = judged([bounded("small", 10)])
    assert (holds.passed, holds.failing) == (True, [])
    assert holds.detail["result"] == {
        "element_count": 4,
        "missing_count": 1,
        "unexpected_count": 0,
        "unexpected_percent": 0.0,
    }
    (small, tiny, limit), page = judged([bounded("small", 10), bounded("tiny", 2), below_the_limit()])
    assert [small.failing, tiny.failing, limit.failing] == [[], [2, 3], [3]]
    assert [one.detail["result"]["unexpected_count"] for one in (small, tiny, limit)] == [0, 2, 1]
    assert "2 unexpected values found" in page


def test_what_is_asked_and_reported_is_the_library_s_own_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = expectations._expectation
    monkeypatch.setattr(expectations, "_expectation", lambda rule: asked.append(real(rule)) or asked[-1])
    rules = [bounded("tiny", 2), below_the_limit()]
    verdicts, _ = judged(rules)
    types = ["expect_column_values_to_be_between", "expect_column_pair_values_a_to_be_greater_than_b"]
    assert [verdict.detail["expectation"] for verdict in verdicts] == types
    for one, rule in zip(asked, rules, strict=True):
        assert one.configuration is one.configuration
        fresh = real(rule).configuration
        assert (one.configuration.kwargs, one.configuration.meta) == (fresh.kwargs, fresh.meta)  # nobody wrote into it
